#!/usr/bin/env python3
"""A node with file systems that bear no overlay: odd_file_systems.py FOLDER NODE, in a mount namespace of its own.

FOLDER/boot is what firmware boots from, which has one of these on most nodes; FOLDER/rom stands for any other that
nobody has tried. Then becomes slurmd of NODE.
"""

import os
import struct
import subprocess
import sys

SECTOR = 512


def vfat():
    """An empty FAT file system of 2048 sectors."""
    image = bytearray(2048 * SECTOR)
    image[:11] = b"\xeb\x3c\x90MSDOS5.0"
    sectors_of_a_table = 6
    layout = SECTOR, 1, 1, 1, 16, len(image) // SECTOR, 0xF8, sectors_of_a_table, 1, 1, 0, 0
    struct.pack_into("<HBHBHHBHHHII", image, 11, *layout)
    image[510:512] = b"\x55\xaa"
    image[SECTOR : SECTOR + 3] = b"\xf8\xff\xff"
    return image


def romfs():
    """A file system that holds its root alone, whose words add up to 0."""
    image = bytearray(1024)
    image[:8] = b"-rom1fs-"
    struct.pack_into(">I", image, 8, len(image))
    image[16:17] = b"x"
    may_be_entered, is_folder, root = 8, 1, 32
    struct.pack_into(">II", image, root, may_be_entered | is_folder, root)
    image[root + 16 : root + 17] = b"."
    words = struct.unpack_from(f">{SECTOR // 4}I", image)
    struct.pack_into(">I", image, 12, -sum(words) % (1 << 32))
    return image


def mount(kind, image, path, options):
    os.makedirs(path)
    with open(path + ".image", "wb") as file:
        file.write(image)
    subprocess.run(["mount", "-t", kind, "-o", options, path + ".image", path], check=True)


def main(folder, node):
    mount("vfat", vfat(), f"{folder}/boot", "loop,umask=022")
    mount("romfs", romfs(), f"{folder}/rom", "loop,ro")
    with open(f"{folder}/ready", "w"):
        pass
    os.execvp("slurmd", ["slurmd", "-D", "-N", node])


main(*sys.argv[1:])
