#!/bin/sh
# SPDX-License-Identifier: MIT
# test_flamegraph.sh MAKE_SAMPLE_PAGE: opens a page of known content in headless Chromium, in several states.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
. "$here/browser.sh"
find_browser
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
page="$folder/page with spaces & signs.html"
"$1" "$page"
failed=0

fail() {
    echo "failed: $1" >&2
    failed=1
}

# state STATE TEXT...: each text must stand in the page opened in that state, and nothing may be said on its console.
state() {
    open_page "$page" "$1" > "$folder/dom" 2> "$folder/console" || fail "the browser with #$1"
    [ -s "$folder/console" ] && fail "#$1 writes to the console: $(cat "$folder/console")"
    grep -q 'data-ready="1"' "$folder/dom" || fail "#$1: the script did not finish"
    grep -q '<img' "$folder/dom" && fail "#$1: a name became markup"
    grep -q 'data-broken' "$folder/dom" && fail "#$1: a name ran as a script"
    wanted=$1
    shift
    for text in "$@"; do
        grep -qF -- "$text" "$folder/dom" || fail "#$wanted: \"$text\" is missing"
    done
}

state '' '>compute_everything</button>' '&lt;img src=x' 'libnameless.so+0x1c0' '[too deep]' 'thread-cpu-timer' \
    '/usr/bin/demo --rounds &lt;/script&gt;' 'All threads (3)' 'lost: ring full'
state 'search=compute_everything' ' in 1 function</output>' '<strong>all</strong>'
state 'search=function_1' ' in 9 functions</output>'
state 'search=%2F%5Efunction_1%24%2F&reverse=1' 'nothing found</output>' 'aria-pressed="true"'
state 'search=%2F%5Efunction_12%24%2F' ' in 1 function</output>'
state 'search=%2F(%2F' 'nothing found</output>'
state 'threads=1002' '>worker 1002</button>'
state 'threads=1001,1003&reverse=1' '>2 of 3 threads</button>'
state 'threads=nobody' 'All threads (3)'
state 'zoom=0' 'aria-current="true">main</button>'
state 'zoom=999.5' 'aria-current="true">all</button>'
state 'tab=functions' 'id="panel-graph" role="tabpanel" aria-labelledby="tab-graph" hidden'
state 'tab=ledger' 'id="panel-functions" role="tabpanel" aria-labelledby="tab-functions" hidden'

# The same program by the wall clock: 40 periods of 20 ms of work, 250 of waiting, 10 of waiting for a CPU.
"$1" "$page" 2000 wall
state '' 'data-clock="wall"' '<dd>6.00' 'aria-pressed="true"><span class="swatch"' 'wall-clock profile' \
    'running 800' 'waiting for a CPU 200' 'waiting 5'
state 'states=waiting,runnable&reverse=1' 'waiting for a CPU 200' '>5' 'aria-pressed="false"><span class="swatch"'
state 'tab=ledger&states=running' 'Wall clock' 'Lives of threads' 'running 800'
"$1" "$page"

"$here/check_flamegraph.sh" "$page" compute_everything || fail "check_flamegraph.sh does not find what is there"
if "$here/check_flamegraph.sh" "$page" no_such_function 2> /dev/null; then
    fail "check_flamegraph.sh finds what is not there"
fi
exit "$failed"
