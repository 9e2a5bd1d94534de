# shellcheck shell=bash
# What the scripts here share.  Sourced by bash after `set -euo pipefail`.

SOURCE_DIR=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '\n== %s\n' "$*"; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# Run a command with its output in a log; show the log's end only when it fails.
# quietly LOG COMMAND…
quietly() {
    local log=$1 status=0
    shift
    mkdir -p -- "$(dirname -- "$log")"
    "$@" >"$log" 2>&1 </dev/null || status=$?
    if [ "$status" -ne 0 ]; then
        tail -n 60 -- "$log" >&2
        printf '%s: failed (%d): %s\n(all of its output: %s)\n' "${0##*/}" "$status" "$*" "$log" >&2
    fi
    return "$status"
}

# Configure and build the tree build/NAME (of it, TARGET alone if that is set), quietly.
# [TARGET=…] build_tree NAME PRESET [CMAKE ARGUMENT…]
build_tree() {
    local name=$1 preset=$2
    shift 2
    say "Building build/$name"
    (
        cd -- "$SOURCE_DIR" || exit
        quietly "build/log/$name.configure" cmake --preset "$preset" -B "build/$name" "$@"
        quietly "build/log/$name.build" cmake --build "build/$name" ${TARGET:+--target "$TARGET"}
    )
}
