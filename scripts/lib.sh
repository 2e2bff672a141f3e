# shellcheck shell=bash
# What every script here shares: where the project is and how it speaks.
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# Programs that Debian lacks or has too old.
# shellcheck disable=SC2034  # for those who read this file
tools=$project/target/tools

say() { printf '%s\n' "$*"; }
fail() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }
need_root() { [ "$(id -u)" = 0 ] || fail "run this as root: it starts daemons under several users"; }

# Slurm's daemons and srun listen on what the machine's own name stands for, and that must be the loopback address by which they are
# asked: Debian's installer names another one, others a network's. So what follows sees an /etc/hosts of its own, where it must.
# usage: on_loopback COMMAND [its arguments...], which is then this very script
on_loopback() {
    local own hosts
    own=$(hostname -s)
    [ "$(getent ahostsv4 "$own" | awk '{ print $1; exit }')" != 127.0.0.1 ] || return 0
    [ -z "${SHADOWFIT_HOSTS:-}" ] || fail "this machine's name, $own, does not stand for 127.0.0.1, whatever /etc/hosts says: see /etc/nsswitch.conf"
    hosts=$(mktemp) && chmod 644 "$hosts"
    # shellcheck disable=SC2016  # for awk
    { echo "127.0.0.1 localhost $own"; awk -v own="$own" '{ for (n = 2; n <= NF; n++) if ($n == own) next } 1' /etc/hosts; } >"$hosts"
    # It lasts as long as it is mounted.
    # shellcheck disable=SC2016  # for the shell inside
    SHADOWFIT_HOSTS=own exec unshare --mount bash -c 'mount --bind "$1" /etc/hosts && rm "$1" && shift && exec "$@"' hosts "$hosts" "$@"
}

# The programs and what Slurm loads, all of it into target/release. Each crate that both need is compiled once.
build_release() {
    (cd "$project" && cargo build --release --locked) && build_core --release --features dependencies-of-programs
}

# usage: build_core [cargo options...]
# Another thread of slurmctld may still be inside when a plugin is unloaded: nodelete keeps it mapped.
build_core() {
    (cd "$project" && cargo rustc --locked --lib --no-default-features --crate-type cdylib "$@" -- -C link-arg=-Wl,-z,nodelete)
}
