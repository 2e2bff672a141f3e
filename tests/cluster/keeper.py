"""Beside a shadow of the same user: keeps what it reaches of the shadow's files, and uses it afterwards.

keeper.py FILE      FILE takes one line of what came of it
"""

import ctypes
import fcntl
import os
import signal
import sys
import time

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.mmap.restype = ctypes.c_void_p
MIB = 1 << 20
FOLDERS = ("/tmp/kept", "/dev/shm/kept")


def process_of_shadow():
    """One that has the folders which only the shadow has made."""
    while True:
        for pid in filter(str.isdigit, os.listdir("/proc")):
            if all(os.path.isdir(f"/proc/{pid}/root{folder}") for folder in FOLDERS):
                return pid
        time.sleep(0.05)


def write(file, mib):
    """As many bytes as the file system takes."""
    written = 0
    try:
        for _ in range(mib):
            written += os.write(file, b"x" * MIB)
    except OSError:
        pass
    return written


def create(folder, name):
    return os.open(name, os.O_CREAT | os.O_RDWR, 0o600, dir_fd=folder)


def hold(folder):
    """Three files in it, one of them without a name."""
    files = [create(folder, name) for name in ("named", "deep", "nameless")]
    os.unlink("nameless", dir_fd=folder)
    return files


def lease(folder):
    """A file that cannot be emptied before the lease on it is broken, which takes the system 45 seconds."""
    file = create(folder, "leased")
    write(file, 8)
    os.close(file)
    file = os.open("leased", os.O_RDONLY, dir_fd=folder)
    fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    return file


def write_again(file):
    """What can be written to a file that is only open for reading."""
    try:
        return write(os.open(f"/proc/self/fd/{file}", os.O_WRONLY), 8)
    except OSError:
        return 0


def map_nameless(folder):
    """The address of a file that is only mapped: without a name, and held by no descriptor."""
    file = create(folder, "mapped")
    os.write(file, b"x" * MIB)
    address = LIBC.mmap(None, ctypes.c_size_t(MIB), 3, 1, file, ctypes.c_long(0))
    os.close(file)
    os.unlink("mapped", dir_fd=folder)
    return address


def is_there(address):
    """What is mapped of a file that has become empty cannot be read."""
    child = os.fork()
    if child == 0:
        ctypes.string_at(address, 1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) != -signal.SIGBUS


def more(folder):
    """What can still be written there, into a new file."""
    try:
        return write(create(folder, "later"), 8)
    except OSError:
        return 0


pid = process_of_shadow()
folders = [os.open(f"/proc/{pid}/root{path}", os.O_RDONLY | os.O_DIRECTORY) for path in FOLDERS]
files = [file for folder in folders for file in hold(folder)]
maps = [map_nameless(folder) for folder in folders]
# It is told when a lease is to be broken, and keeps it.
signal.signal(signal.SIGIO, signal.SIG_IGN)
leases = [lease(folder) for folder in folders]
before = sum(write(file, 8) for file in files)
while os.path.exists(f"/proc/{pid}"):
    time.sleep(0.1)
time.sleep(5)
deadline = time.monotonic() + 60
while time.monotonic() < deadline and any(os.fstat(file).st_size for file in leases):
    time.sleep(1)
# Not in the very moment in which it is emptied.
time.sleep(2)
held = sum(os.fstat(file).st_size for file in files + leases)
after = sum(write(file, 8) for file in files) + sum(map(more, folders)) + sum(map(write_again, leases))
mapped = sum(is_there(address) for address in maps)
with open(sys.argv[1], "w") as told:
    told.write(
        f"reached {len(folders)} folders, wrote {before // MIB} MiB; "
        f"afterwards: holds {held} bytes, wrote {after} bytes, maps {mapped} files\n"
    )
