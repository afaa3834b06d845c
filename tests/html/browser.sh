# SPDX-License-Identifier: MIT
# For scripts that open pages in headless Chromium; read with ".".

# Sets `browser`, or ends the script: skipped (77), or failed where tests must not be skipped (CI=true).
find_browser() {
    for browser in "${CHROMIUM:-}" chromium chromium-browser google-chrome; do
        if [ -n "$browser" ] && command -v "$browser" > /dev/null 2>&1; then
            return
        fi
    done
    echo "no Chromium found: the page was not opened in a browser" >&2
    [ "${CI:-}" = true ] && exit 1
    exit 77
}

# percent_encode TEXT: every byte as %xx.
percent_encode() {
    printf '%s' "$1" | od -An -v -tx1 | tr -d '\n' | tr ' ' '%'
}

# open_page FILE STATE: the document as it is after the page's script has run with this state in its address. What the page
# writes to the console, errors included, goes to standard error.
open_page() {
    page_profile=$(mktemp -d)
    page_address="file://$(percent_encode "$1" | sed 's/%2f/\//g')#$2"
    page_status=0
    timeout 60 "$browser" --headless --no-sandbox --disable-gpu --disable-quic --disable-dev-shm-usage --no-first-run \
        --disable-background-networking --disable-component-update --disable-sync --user-data-dir="$page_profile" \
        --enable-logging=stderr --dump-dom "$page_address" 2> "$page_profile/log" || page_status=$?
    grep 'CONSOLE' "$page_profile/log" >&2 || true
    rm -rf "$page_profile"
    return "$page_status"
}
