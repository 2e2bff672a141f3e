#!/usr/bin/env python3
"""A node with mounts as nodes have them: odd_mounts.py FOLDER NODE, in a mount namespace of its own.

Mounts below FOLDER, then becomes slurmd of NODE. FOLDER/triggered appears when somebody wakes the
automounter, which nobody may.
"""

import ctypes
import os
import pwd
import select
import struct
import subprocess
import sys
import time

LIBC = ctypes.CDLL(None, use_errno=True)
MANY = 500


def mount(kind, path, options="", source="none"):
    os.makedirs(path, exist_ok=True)
    words = ["mount", "-t", kind, *(["-o", options] if options else []), source, path]
    subprocess.run(words, check=True)


def note(path, text="seen\n"):
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, 0o644)


def chroot(folder):
    """What containers and chroots leave in a node's table: tmpfs inside of devtmpfs, proc, sysfs, their own root."""
    mount("devtmpfs", f"{folder}/dev")
    mount("tmpfs", f"{folder}/dev/shm")
    mount("proc", f"{folder}/proc")
    mount("sysfs", f"{folder}/sys")
    mount("tmpfs", f"{folder}/run")


def hidden(folder):
    mount("tmpfs", f"{folder}/below/deep")
    mount("tmpfs", folder)
    note(f"{folder}/top")


def stacked(folder):
    for layer in range(3):
        mount("tmpfs", folder)
        note(f"{folder}/layer-{layer}")


def container(folder):
    for name in ("lower", "space/upper", "space/work", "merged"):
        os.makedirs(f"{folder}/{name}", exist_ok=True)
    mount("tmpfs", f"{folder}/space")
    for name in ("upper", "work"):
        os.makedirs(f"{folder}/space/{name}")
    note(f"{folder}/lower/file")
    options = f"lowerdir={folder}/lower,upperdir={folder}/space/upper,workdir={folder}/space/work"
    mount("overlay", f"{folder}/merged", options)


def of_root_alone(folder):
    os.makedirs(folder, mode=0o700)
    mount("tmpfs", f"{folder}/mount")


def block(data):
    """Of a squashfs, not compressed."""
    return struct.pack("<H", 0x8000 | len(data)) + data


def squashfs():
    """An image that holds one file."""
    content, head, nowhere = b"seen\n", 96, (1 << 64) - 1
    names = struct.pack("<IIIHhHH", 0, 0, 2, 32, 0, 2, 3) + b"file"
    root = struct.pack("<HHHHIIIIHHI", 1, 0o755, 0, 0, 0, 1, 0, 2, len(names) + 3, 0, 3)
    file = struct.pack("<HHHHIIIIIII", 2, 0o644, 0, 0, 0, 2, head, 0xFFFFFFFF, 0, len(content), 1 << 24 | len(content))
    parts = [content, block(root + file), block(names), block(struct.pack("<I", 0))]
    inodes, folders, owners, last = (head + sum(map(len, parts[:which])) for which in range(1, 5))
    parts.append(struct.pack("<Q", owners))
    uncompressed, version = 0x21B, (4, 0)
    sizes = struct.pack("<4sIIIIHHHHHH", b"hsqs", 2, 0, 1 << 17, 0, 1, 17, uncompressed, 1, *version)
    tables = struct.pack("<8Q", 0, last + 8, last, nowhere, inodes, folders, nowhere, nowhere)
    return (sizes + tables + b"".join(parts)).ljust(4096, b"\0")


def squashed(folder):
    """An image, as software comes on many nodes."""
    with open(folder + ".image", "wb") as file:
        file.write(squashfs())
    mount("squashfs", folder, "loop,ro", folder + ".image")


def single_file(path):
    note(path, "below\n")
    note(path + ".source")
    subprocess.run(["mount", "--bind", path + ".source", path], check=True)


def fork():
    child = os.fork()
    if child == 0:
        os.setsid()
    return child == 0


def flicker(folder):
    """A mount that comes and goes."""
    os.makedirs(folder)
    if fork():
        while os.path.exists(os.path.dirname(folder)):
            LIBC.mount(b"none", folder.encode(), b"tmpfs", 0, None)
            time.sleep(0.003)
            LIBC.umount2(folder.encode(), 2)
        os._exit(0)


def automount(folder, triggered):
    """A trigger whose daemon never answers, but notes that it was asked."""
    os.makedirs(folder)
    if not fork():
        return
    answers, questions = os.pipe()
    options = f"fd={questions},pgrp={os.getpgrp()},minproto=5,maxproto=5,direct"
    if LIBC.mount(b"none", folder.encode(), b"autofs", 0, options.encode()) == 0:
        os.close(questions)
        while os.path.exists(os.path.dirname(folder)):
            if select.select([answers], [], [], 0.5)[0]:
                note(triggered)
                break
    os._exit(0)


def fuse_of_another(folder, is_served, more=""):
    """Of bob's, who lets nobody else in unless `more` says so; and what is left of one whose server has ended. Whoever waits
    for it waits for good."""
    os.makedirs(folder)
    device = os.open("/dev/fuse", os.O_RDWR)
    bob = pwd.getpwnam("bob")
    options = f"fd={device},rootmode=40000,user_id={bob.pw_uid},group_id={bob.pw_gid}{more}"
    if LIBC.mount(b"x,user_id=0,", folder.encode(), b"fuse", 0, options.encode()) != 0:
        raise OSError(ctypes.get_errno(), folder)
    if is_served and fork():
        while os.path.exists(os.path.dirname(folder)):
            time.sleep(0.5)
        os._exit(0)
    os.close(device)


def main(folder, node):
    chroot(f"{folder}/chroot")
    hidden(f"{folder}/hidden")
    stacked(f"{folder}/stacked")
    container(f"{folder}/container")
    of_root_alone(f"{folder}/of-root")
    squashed(f"{folder}/squashed")
    single_file(f"{folder}/file")
    odd = f'{folder}/odd, name: "x" \\ y'
    mount("tmpfs", odd)
    note(f"{odd}/file")
    for number in range(MANY):
        mount("tmpfs", f"{folder}/many/{number}")
    fuse_of_another(f"{folder}/fuse", True)
    fuse_of_another(f"{folder}/fuse-without-server", False)
    fuse_of_another(f"{folder}/fuse-for-all", True, ",allow_other")
    flicker(f"{folder}/flicker")
    automount(f"{folder}/automount", f"{folder}/triggered")
    note(f"{folder}/ready")
    os.execvp("slurmd", ["slurmd", "-D", "-N", node])


main(*sys.argv[1:])
