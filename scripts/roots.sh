# shellcheck shell=bash
# shellcheck shell=bash
# Roots with other releases of Slurm: each a Debian suite of its own in a folder, entered in a mount namespace
# of its own. Nothing is mounted where the machine's other processes could see it.
# Sourced after lib.sh and debian.sh.

roots=/var/cache/shadowfit
root_packages=slurmctld,slurmd,slurmdbd,slurm-client,slurm-wlm-basic-plugins,slurm-wlm-mysql-plugin
root_packages+=,munge,mariadb-server,python3,iproute2,procps,mount

# Nothing where no Slurm is installed.
release_here() { slurmctld -V 2>/dev/null | sed 's/^slurm[^ ]* \([0-9]*\.[0-9]*\).*/\1/' || true; }

# Makes the root of a release unless it is there: about half a minute, 0.8 GB.
make_root() {
    local release=$1 root=$roots/$1 suite
    suite=$(suite_of "$release")
    install -d -m 755 "$roots"
    exec 8>"$roots/$release.lock"
    flock 8
    if [ "$(cat "$root/etc/shadowfit-root" 2>/dev/null)" != "$root_packages" ]; then
        command -v mmdebstrap >/dev/null || fail "mmdebstrap is missing: run scripts/setup"
        say "root: Slurm $release from Debian $suite, in $root"
        rm -rf "$root"
        bootstrap "$release" "$suite" "$root.new" "$root_packages"
        mv "$root.new" "$root"
    fi
    exec 8>&-
}

# usage: bootstrap RELEASE SUITE ROOT PACKAGES
bootstrap() {
    local release=$1 suite=$2 root=$3 packages=$4 log=$3.log found
    rm -rf "$root"
    apt_settings >"$root.apt"
    unshare --mount --propagation private mmdebstrap --variant=essential --include="$packages" \
        --aptopt="$root.apt" --dpkgopt='path-exclude=/usr/share/{doc,man,locale}/*' \
        "$suite" "$root" "$(source_of "$release")" >"$log" 2>&1 8>&- ||
        fail "no root of $suite: $(grep -m1 -E '^(E|error):' "$log" || tail -1 "$log") (all of it: $log)"
    found=$(chroot "$root" slurmctld -V)
    [[ $found == *" $release."* ]] || fail "$suite brings $found today, not Slurm $release"
    echo "$packages" >"$root/etc/shadowfit-root"
}

# shellcheck disable=SC2154  # lib.sh says where the project is
# Becomes a process that holds the root of a release, with the machine's users, names and those of its
# folders that a cluster needs, as / of its own mount namespace.
hold_root() {
    local root=$roots/$1 folder
    install -m 644 /etc/{passwd,group,hosts} "$root/etc/"
    mount --bind "$root" "$root"
    for folder in /proc /sys /dev; do mount --rbind "$folder" "$root$folder"; done
    mount -t tmpfs -o mode=755 tmpfs "$root/run"
    for folder in /tmp /var/tmp /home "$project"; do
        mkdir -p "$root$folder"
        mount --bind "$folder" "$root$folder"
    done
    mkdir -p "$root/old"
    cd "$root" || fail "cannot enter $root"
    pivot_root . old
    umount -l /old
    exec sleep infinity
}
