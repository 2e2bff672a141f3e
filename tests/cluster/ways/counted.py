"""What the kernel counts for each user: a shadow may use up what the user's live work is allowed. The live job notes what it is
refused."""

import ctypes
import errno
import os
import re
import resource
import socket
import threading
import time

from ways.table import LIBC, escape, heard

# From 5.14 on some of it is counted for each user namespace by itself.
ACROSS_NAMESPACES = tuple(int(part) for part in re.findall(r"\d+", os.uname().release)[:2]) < (5, 14)
# How many more threads its user may have than there are as the live job begins, and what its user may lock, in bytes.
SPARE_THREADS, LOCKED = 400, 4 << 20
IPC_RMID, SHM_LOCK = 0, 11
SO_ZEROCOPY, MSG_ZEROCOPY = 60, 0x4000000


def set_soft(limit, value):
    """Or as much as this process may have."""
    _soft, hard = resource.getrlimit(limit)
    if hard != resource.RLIM_INFINITY:
        value = hard if value == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(limit, (value, hard))


def threads_of_user():
    own, count = f"Uid:\t{os.getuid()}\t", 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/status") as file:
                status = file.read()
        except OSError:
            continue
        if own in status:
            count += int(re.search(r"^Threads:\t(\d+)", status, re.M)[1])
    return count


def set_limits_of_live_job():
    set_soft(resource.RLIMIT_NPROC, threads_of_user() + SPARE_THREADS)
    set_soft(resource.RLIMIT_MEMLOCK, LOCKED)


def can_start_a_thread():
    thread = threading.Thread(target=lambda: None)
    try:
        thread.start()
    except RuntimeError:
        return False
    thread.join()
    return True


def locked_segment(size):
    """Shared memory that goes with this process, or is detached; None where it may not be locked. What mlock(2) takes is counted
    for each process by itself."""
    LIBC.shmat.restype = ctypes.c_void_p
    segment = LIBC.shmget(0, ctypes.c_size_t(size), 0o1600)
    address = ctypes.c_void_p(LIBC.shmat(segment, None, 0))
    is_locked = LIBC.shmctl(segment, SHM_LOCK, None) == 0
    LIBC.shmctl(segment, IPC_RMID, None)
    if is_locked:
        return address
    LIBC.shmdt(address)
    return None


def can_lock_memory():
    address = locked_segment(4096)
    if address is None:
        return False
    LIBC.shmdt(address)
    return True


def can_pin_memory():
    """What is sent without a copy is pinned until it has arrived."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as to_itself:
        to_itself.bind(("127.0.0.1", 0))
        to_itself.connect(to_itself.getsockname())
        to_itself.setsockopt(socket.SOL_SOCKET, SO_ZEROCOPY, 1)
        try:
            to_itself.send(b"X", MSG_ZEROCOPY)
        except OSError as error:
            return error.errno != errno.ENOBUFS
    return True


def refused_to_live_job():
    """What it may not have just now."""
    for name, can in (
        ("no thread", can_start_a_thread),
        ("no locked memory", can_lock_memory),
        ("no pinned memory", can_pin_memory),
    ):
        if not can():
            yield name


# Held for longer than the live job takes to look.
HELD_S = 1


@escape("processes of the user", effect=heard("no thread"), still_open=ACROSS_NAMESPACES)
def _(_place):
    set_soft(resource.RLIMIT_NPROC, resource.RLIM_INFINITY)
    threading.stack_size(1 << 16)
    for _ in range(SPARE_THREADS * 3 // 2):
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    time.sleep(HELD_S)


@escape("locked memory of the user", effect=heard("no locked memory"), still_open=ACROSS_NAMESPACES)
def _(_place):
    set_soft(resource.RLIMIT_MEMLOCK, resource.RLIM_INFINITY)
    pieces = 16
    while pieces and locked_segment(LOCKED // 8):
        pieces -= 1
    time.sleep(HELD_S)


def stuffed(listener):
    """Both ends of a connection through which no more goes, or nothing that is not copied."""
    there = socket.socket()
    there.connect(listener.getsockname())
    here, _address = listener.accept()
    there.setsockopt(socket.SOL_SOCKET, SO_ZEROCOPY, 1)
    there.setblocking(False)
    block = bytes(1 << 16)
    try:
        while True:
            there.send(block, MSG_ZEROCOPY)
    except OSError:
        return here, there


@escape("pinned memory of the user", effect=heard("no pinned memory"))
def _(_place):
    set_soft(resource.RLIMIT_MEMLOCK, resource.RLIM_INFINITY)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        _held = [stuffed(listener) for _ in range(16)]
        time.sleep(HELD_S)
