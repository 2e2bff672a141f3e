"""Beside a shadow of the same user: tries to look into it, to take of it and to run what lies there.

outsider.py FILE NAME WORDS      once the process of the shadow that was called as WORDS, which blanks part, is there: FILE takes
                                 a line for it and one for a process outside, of what was reached of each; NAME is a file in
                                 the working folder of both
"""

import ctypes
import os
import shutil
import subprocess
import sys
import time

LIBC = ctypes.CDLL(None, use_errno=True)
PIDFD_GETFD = 438
ATTACH, DETACH = 16, 17
PATIENCE_S = 90


def process_called(words):
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    if file.read().rstrip(b"\0") == words.encode().replace(b" ", b"\0"):
                        return int(pid)
            except OSError:
                pass
        time.sleep(0.05)
    sys.exit(f"there is no '{words}'")


def first_mapping(pid):
    with open(f"/proc/{pid}/maps") as file:
        return file.readline().split()[0]


def memory_of(pid):
    with open(f"/proc/{pid}/mem", "rb") as file:
        file.seek(int(first_mapping(pid).split("-")[0], 16))
        return file.read(4)


def system_call(number, *arguments):
    if LIBC.syscall(ctypes.c_long(number), *arguments) < 0:
        raise OSError(ctypes.get_errno(), "refused")


def take_descriptor(pid):
    system_call(PIDFD_GETFD, os.pidfd_open(pid), 0, 0)


def trace(pid):
    if LIBC.ptrace(ATTACH, pid, None, None) != 0:
        raise OSError(ctypes.get_errno(), "refused")
    os.waitpid(pid, 0)
    LIBC.ptrace(DETACH, pid, None, None)


def run_there(pid, name):
    subprocess.run([f"/proc/{pid}/cwd/{name}", "0"], check=True)


WAYS = {
    "root": lambda pid, name: os.listdir(f"/proc/{pid}/root/"),
    "folder": lambda pid, name: os.listdir(f"/proc/{pid}/cwd/"),
    "write": lambda pid, name: open(f"/proc/{pid}/cwd/{name}.more", "w").close(),
    "program": lambda pid, name: open(f"/proc/{pid}/exe", "rb").close(),
    "run": run_there,
    "descriptor": lambda pid, name: os.open(f"/proc/{pid}/fd/0", os.O_RDONLY),
    "taken": lambda pid, name: take_descriptor(pid),
    "mapped": lambda pid, name: os.listdir(f"/proc/{pid}/map_files"),
    "memory": lambda pid, name: memory_of(pid),
    "environment": lambda pid, name: open(f"/proc/{pid}/environ", "rb").read(),
    "namespace": lambda pid, name: os.readlink(f"/proc/{pid}/ns/mnt"),
    "traced": lambda pid, name: trace(pid),
}


def reached(pid, name):
    found = []
    for way, attempt in WAYS.items():
        try:
            attempt(pid, name)
            found.append(way)
        except (OSError, subprocess.SubprocessError):
            pass
    return " ".join(found)


def main(told, name, words):
    there = process_called(words)
    folder = os.path.dirname(told)
    shutil.copy(shutil.which("sleep"), os.path.join(folder, name))
    here = subprocess.Popen(["sleep", "60"], cwd=folder, stdin=subprocess.DEVNULL)
    time.sleep(0.5)
    lines = [f"{where}: {reached(pid, name)}" for where, pid in (("outside", here.pid), ("shadow", there))]
    here.kill()
    with open(told, "w") as file:
        file.write("\n".join(lines) + "\n")


main(*sys.argv[1:])
