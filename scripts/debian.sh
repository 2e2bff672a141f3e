# shellcheck shell=bash
# shellcheck shell=bash
# Which Debian suite brings which release of Slurm, and packages of a suite that this machine does not run.
# Sourced after lib.sh.

releases="22.05 24.11 26.05"

suite_of() {
    case $1 in
        22.05) echo bookworm ;;
        24.11) echo trixie ;;
        26.05) echo forky ;;
        *) fail "Debian brings Slurm ${releases// /, }; not '$1'" ;;
    esac
}

# The archive that this machine itself gets Debian from.
debian_mirror() {
    local mirror
    mirror=$(apt-get indextargets --format '$(ORIGIN) $(LABEL) $(REPO_URI)' 'Created-By: Packages' |
        awk '$1 == "Debian" && $2 == "Debian" { print $3; exit }')
    [ -n "$mirror" ] || fail "apt knows no Debian archive here: 'apt-get update' as root, then run this again"
    echo "$mirror"
}

debian_keyring() {
    local keyring
    for keyring in /usr/share/keyrings/debian-archive-keyring.{pgp,gpg}; do
        if [ -e "$keyring" ]; then echo "$keyring"; return; fi
    done
    fail "the archive's keys are missing here: install debian-archive-keyring"
}

# One line for sources.list.
source_of() {
    local keyring mirror suite
    suite=$(suite_of "$1")
    keyring=$(debian_keyring)
    mirror=$(debian_mirror)
    echo "deb [signed-by=$keyring] $mirror $suite main"
}

# How this machine's apt reaches its archive, for an apt that does not read this machine's files.
apt_settings() { apt-config dump | grep -E '^Acquire::(http|https|Check-Valid-Until|Check-Date)\b.* "[^"]' || true; }
