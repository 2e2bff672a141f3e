#!/usr/bin/env python3
"""A node whose mounts go together with their folders, as those of containers do: vanishing_mounts.py FOLDER NODE, in a mount namespace
of its own. Becomes slurmd of NODE; they come and go as long as FOLDER is there.
"""

import ctypes
import os
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
LAZILY = 2


def come_and_go(folder, place):
    """`ready` appears after the first round."""
    names = [f"{place}/{number}".encode() for number in range(60)]
    os.makedirs(place, exist_ok=True)
    while os.path.exists(folder):
        for name in names:
            os.makedirs(name, exist_ok=True)
            if LIBC.mount(b"none", name, b"tmpfs", 0, None) != 0:
                raise OSError(ctypes.get_errno(), name)
        for name in names:
            LIBC.umount2(name, LAZILY)
            os.rmdir(name)
        with open(f"{folder}/ready", "w") as file:
            file.write("it is\n")


def main(folder, node):
    if os.fork() == 0:
        os.setsid()
        come_and_go(folder, f"{folder}/vanish")
        os._exit(0)
    os.execvp("slurmd", ["slurmd", "-D", "-N", node])


main(*sys.argv[1:])
