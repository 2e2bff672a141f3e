#!/usr/bin/env python3
"""A node with a folder on a file server that takes root for nobody: file_server.py FOLDER NODE, in a mount namespace of its
own and on a machine of its own, as the server is the kernel's.

Serves FOLDER/served as FOLDER/mounted, then becomes slurmd of NODE.
"""

import os
import pwd
import subprocess
import sys
import time

# Seconds until a new server answers who opens files.
GRACE = "10"


def run(*words):
    subprocess.run(words, check=True)


def note(path, text, mode, user):
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, mode)
    os.chown(path, user.pw_uid, user.pw_gid)


def fill(home, user):
    os.makedirs(home, mode=0o700)
    os.chown(home, user.pw_uid, user.pw_gid)
    note(f"{home}/private", "seen\n", 0o600, user)
    note(f"{home}/other", "kept\n", 0o600, user)


def serve(folder):
    run("modprobe", "nfsd")
    run("mount", "-t", "nfsd", "nfsd", "/proc/fs/nfsd")
    options = "rw,root_squash,no_subtree_check,insecure,sync,fsid=0"
    run("exportfs", "-o", options, f"127.0.0.1:{folder}")
    run("rpc.nfsd", "--no-nfs-version", "3", "--grace-time", GRACE, "--lease-time", GRACE, "2")
    run("rpc.mountd", "--no-nfs-version", "3")


def is_squashed(private):
    try:
        with open(private) as file:
            return file.read() is None
    except PermissionError:
        return True


def main(folder, node):
    served, mounted = f"{folder}/served", f"{folder}/mounted"
    fill(f"{served}/alice", pwd.getpwnam("alice"))
    os.makedirs(mounted)
    serve(served)
    run("mount", "-t", "nfs4", "-o", "vers=4.2,sec=sys", "127.0.0.1:/", mounted)
    time.sleep(int(GRACE))
    if not is_squashed(f"{mounted}/alice/private"):
        sys.exit("root may read what it must not")
    with open(f"{folder}/ready", "w"):
        pass
    os.execvp("slurmd", ["slurmd", "-D", "-N", node])


main(*sys.argv[1:])
