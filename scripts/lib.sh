# shellcheck shell=bash
# What every script here shares: where the project is and how it speaks.
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# Programs that Debian lacks or has too old.
# shellcheck disable=SC2034  # for those who read this file
tools=$project/target/tools

say() { printf '%s\n' "$*"; }
fail() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }
need_root() { [ "$(id -u)" = 0 ] || fail "run this as root: it starts daemons under several users"; }

# The programs into target/release; what Slurm loads, without their dependencies, into target/plugin/release.
build_release() {
    (cd "$project" && cargo build --release --locked) && build_core plugin
}

# usage: build_core FOLDER [cargo options...]; the core and the shims land in target/FOLDER/release
build_core() {
    local folder=$1
    shift
    (cd "$project" && cargo build --release --locked --lib --no-default-features --target-dir "target/$folder" "$@")
}
