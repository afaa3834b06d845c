#!/bin/sh
# SPDX-License-Identifier: MIT
# check_flamegraph.sh FILE FUNCTION: opens a flame graph page in headless Chromium and searches for a function, by its
# name or the beginning of it.
# Exit code 0 when the page shows the function and its search finds it, 1 when not, 2 for wrong use.
# Without Chromium: 77 (skipped), or 1 when CI=true. CHROMIUM names another browser of that family.
set -eu

if [ $# -ne 2 ] || [ ! -r "$1" ]; then
    echo "usage: check_flamegraph.sh FILE FUNCTION" >&2
    exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
. "$here/browser.sh"

find_browser
file=$(readlink -f "$1")
function=$2
dom=$(mktemp)
trap 'rm -f "$dom"' EXIT

open_page "$file" "search=$(percent_encode "$function")" > "$dom"
name=$(printf '%s' "$function" | sed 's/&/\&amp;/g; s/</\&lt;/g; s/>/\&gt;/g')

# found WHAT PATTERN: the pattern, a fixed text, must stand in the page.
found() {
    grep -qF -- "$2" "$dom" || { echo "check_flamegraph: $1 ($file)" >&2; exit 1; }
}
found "the page's script did not finish" 'data-ready="1"'
found "\"$function\" is not in the table of functions" ">$name"
matches=$(sed -n 's/.*<ol id="matches"\([^>]*\)>\(.*\)/\1>\2/p' "$dom" | sed 's/<\/ol>.*//')
case $matches in
    *">$name"*) ;;
    *) echo "check_flamegraph: the search for \"$function\" finds nothing ($file)" >&2; exit 1 ;;
esac
