# shellcheck shell=bash
# What every script here shares: where the project is and how it speaks.
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# Programs that Debian lacks or has too old.
# shellcheck disable=SC2034  # for those who read this file
tools=$project/target/tools

say() { printf '%s\n' "$*"; }
fail() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }
need_root() { [ "$(id -u)" = 0 ] || fail "run this as root: it starts daemons under several users"; }

# The programs and what Slurm loads, all of it into target/release. Each crate that both need is compiled once.
build_release() {
    (cd "$project" && cargo build --release --locked) && build_core --release --features dependencies-of-programs
}

# usage: build_core [cargo options...]
# Another thread of slurmctld may still be inside when a plugin is unloaded: nodelete keeps it mapped.
build_core() {
    (cd "$project" && cargo rustc --locked --lib --no-default-features --crate-type cdylib "$@" -- -C link-arg=-Wl,-z,nodelete)
}
