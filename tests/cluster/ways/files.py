"""Files: the bait is one with known content, mode and times; or a new one appears where every user may write."""

import array
import ctypes
import fcntl
import mmap
import os
import signal
import time

from ways.table import LIBC, MARK, escape, heard, note, noted, system_call, touch

CONTENT = b"precious data\n" * 400


def make_file(place, name):
    with open(place.path(name), "wb") as file:
        file.write(CONTENT)
    os.utime(place.path(name), (1000, 1000))
    os.chmod(place.path(name), 0o644)
    os.chown(place.path(name), place.facts["uid"], place.facts["uid"])


def file_changed(place, name):
    try:
        status = os.stat(place.path(name))
        with open(place.path(name), "rb") as file:
            content = file.read()
    except FileNotFoundError:
        return True
    return (content, status.st_mtime, status.st_mode & 0o777, status.st_nlink) != (CONTENT, 1000, 0o644, 1)


def file_escape(name):
    return escape(name, lambda place: make_file(place, name), lambda place: file_changed(place, name))


@file_escape("delete")
def _(place):
    os.unlink(place.path("delete"))


@file_escape("overwrite")
def _(place):
    with open(place.path("overwrite"), "r+b") as file:
        file.write(b"X")


@file_escape("append")
def _(place):
    with open(place.path("append"), "ab") as file:
        file.write(b"X")


@file_escape("truncate")
def _(place):
    os.truncate(place.path("truncate"), 1)


@file_escape("rename")
def _(place):
    os.rename(place.path("rename"), place.path("rename.moved"))


@file_escape("chmod")
def _(place):
    os.chmod(place.path("chmod"), 0o777)


@file_escape("utime")
def _(place):
    os.utime(place.path("utime"))


@file_escape("hard link")
def _(place):
    os.link(place.path("hard link"), place.path("hard link.2"))
    with open(place.path("hard link.2"), "ab") as file:
        file.write(b"X")


@file_escape("symlink")
def _(place):
    os.symlink(place.path("symlink"), place.path("symlink.2"))
    with open(place.path("symlink.2"), "ab") as file:
        file.write(b"X")


@file_escape("replace by symlink")
def _(place):
    os.unlink(place.path("replace by symlink"))
    os.symlink("/etc/hostname", place.path("replace by symlink"))


@file_escape("mmap")
def _(place):
    with open(place.path("mmap"), "r+b") as file:
        with mmap.mmap(file.fileno(), 0, mmap.MAP_SHARED) as memory:
            memory[0:1] = b"X"
            memory.flush()


@file_escape("own root")
def _(place):
    with open("/proc/self/root" + place.path("own root"), "ab") as file:
        file.write(b"X")


@file_escape("other roots")
def _(place):
    for pid in [pid for pid in os.listdir("/proc") if pid.isdigit()] + [str(place.facts["live_pid"])]:
        for link in ("root", "cwd"):
            try:
                with open(f"/proc/{pid}/{link}{place.path('other roots')}", "ab") as file:
                    file.write(b"X")
            except OSError:
                pass


@file_escape("reopen what is open to be read")
def _(place):
    file = os.open(place.path("reopen what is open to be read"), os.O_RDONLY)
    os.write(os.open(f"/proc/self/fd/{file}", os.O_WRONLY), b"X")


@file_escape("a hole in a file")
def _(place):
    with open(place.path("a hole in a file"), "r+b") as file:
        system_call(285, file.fileno(), 3, 0, 4096)


@file_escape("copy within the kernel")
def _(place):
    with open("/etc/passwd", "rb") as source, open(place.path("copy within the kernel"), "r+b") as file:
        os.copy_file_range(source.fileno(), file.fileno(), 8)


@file_escape("sendfile")
def _(place):
    with open("/etc/passwd", "rb") as source, open(place.path("sendfile"), "r+b") as file:
        os.sendfile(file.fileno(), source.fileno(), 0, 8)


@file_escape("splice into a file")
def _(place):
    end, begin = os.pipe()
    os.write(begin, b"X")
    with open(place.path("splice into a file"), "r+b") as file:
        os.splice(end, file.fileno(), 1)


@escape(
    "setxattr",
    lambda place: make_file(place, "setxattr"),
    lambda place: "user.escaped" in os.listxattr(place.path("setxattr")),
)
def _(place):
    os.setxattr(place.path("setxattr"), "user.escaped", b"1")


GET_FLAGS, SET_FLAGS, NO_DUMP = 0x80086601, 0x40086602, 0x40


def flags_of(path):
    with open(path, "rb") as file:
        flags = array.array("l", [0])
        fcntl.ioctl(file.fileno(), GET_FLAGS, flags)
        return flags[0]


@escape("flags", lambda place: make_file(place, "flags"), lambda place: flags_of(place.path("flags")) & NO_DUMP != 0)
def _(place):
    with open(place.path("flags"), "rb") as file:
        fcntl.ioctl(file.fileno(), SET_FLAGS, array.array("l", [flags_of(place.path("flags")) | NO_DUMP]))


# ---- the time of the last access ---------------------------------------------------------------------


def access_escape(name, make, get):
    """`get` reads it; a kernel that notes reads does so where the last one lies so far back."""

    def bait(place):
        path = place.path(name)
        make(place, path)
        os.utime(path, (1000, 1000), follow_symlinks=False)

    def effect(place):
        return os.lstat(place.path(name)).st_atime != 1000

    @escape(name, bait, effect)
    def _(place):
        get(place.path(name))


def read(path):
    with open(path, "rb") as file:
        file.read()


def read_mapped(path):
    with open(path, "rb") as file:
        bytes(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ))


def make_folder(_place, path):
    os.mkdir(path)
    touch(path, "file")


access_escape("access by reading", lambda place, path: make_file(place, os.path.basename(path)), read)
access_escape("access by mapping", lambda place, path: make_file(place, os.path.basename(path)), read_mapped)
access_escape("access to a folder", make_folder, os.listdir)
access_escape("access to a link", lambda _place, path: os.symlink("nowhere", path), os.readlink)


# ---- new files ---------------------------------------------------------------------------------------


def new_file(folder):
    return os.path.join(folder, f"{MARK}-file")


def creation(name, folder):
    def effect(place):
        path = new_file(folder or place.folder)
        there = os.path.exists(path)
        if there:
            os.unlink(path)
        return there

    @escape(name, effect=effect)
    def _(place):
        with open(new_file(folder or place.folder), "w") as file:
            file.write("X")


creation("create in the working directory", None)
creation("create in /tmp", "/tmp")
creation("create in /var/tmp", "/var/tmp")
creation("create in /dev/shm", "/dev/shm")
creation("create in home", os.path.expanduser("~alice"))


@escape("O_TMPFILE", effect=lambda place: os.path.exists(place.path("tmpfile")))
def _(place):
    file = os.open(place.folder, os.O_TMPFILE | os.O_RDWR)
    folder = os.open(place.folder, os.O_RDONLY)  # with a folder, Python calls linkat and follows the link
    os.link(f"/proc/self/fd/{file}", place.path("tmpfile"), src_dir_fd=folder, follow_symlinks=True)


# ---- descriptors that were there from the beginning --------------------------------------------------


def write_into(descriptor):
    """Into the file as it is open, into the same one opened anew, and into a new file of the folder that it is."""
    for write in (
        lambda: os.write(descriptor, MARK.encode()),
        lambda: os.write(os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK), MARK.encode()),
        lambda: os.open("by-descriptor", os.O_CREAT | os.O_WRONLY, dir_fd=descriptor),
    ):
        try:
            write()
        except OSError:
            pass


def output_written(place):
    """Of a job without a sandbox its output is such a descriptor."""
    try:
        with open(place.path("output"), "rb") as file:
            return MARK.encode() in file.read()
    except FileNotFoundError:
        return os.path.exists(place.path("by-descriptor"))


@escape("inherited descriptors", effect=output_written)
def _(place):
    os.chdir(place.folder)
    for descriptor in os.listdir("/proc/self/fd"):
        write_into(int(descriptor))


def null_time():
    return os.stat("/dev/null").st_mtime_ns


@escape(
    "times by a descriptor that was there",
    lambda place: note(place.path("null-time"), str(null_time())),
    lambda place: null_time() != int(noted(place.path("null-time"))),
    still_open=True,
)
def _(_place):
    for descriptor in range(3):
        try:
            os.utime(descriptor)
        except OSError:
            pass


@escape("lock by a descriptor that was there", still_open=True)
def _(_place):
    """The live job holds it on /dev/null, where what a job reads, and prints, may lead to."""
    for descriptor in range(3):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            pass
    return False


# ---- locks, leases and watches of the live job on its files ------------------------------------------


def is_locked(path):
    """Somebody else, the live job, holds a lock on the same file."""
    with open(path, "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@escape("lock of a live job on its file")
def _(place):
    return is_locked(place.path("locked"))


@escape("lock of a live job on a part of its file")
def _(place):
    with open(place.path("locked"), "r+b") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1)
        except (BlockingIOError, PermissionError):
            return True
    return False


@escape("a live job's lease is broken", effect=heard("lease"), still_open=True)
def _(place):
    # Whoever opens the file is waited for, and the holder of the lease is told.
    os.open(place.path("leased"), os.O_RDONLY | os.O_NONBLOCK)


@escape("a lease on a live job's file", effect=heard("kept-out"))
def _(place):
    signal.signal(signal.SIGIO, signal.SIG_IGN)
    file = os.open(place.path("wanted"), os.O_RDONLY)
    for _ in range(20):
        try:
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
            break
        except BlockingIOError:
            time.sleep(0.05)
    # The live job opens it to write, five times a second.
    time.sleep(1)


@escape("a live job's watch on its file", effect=heard("watch"), still_open=True)
def _(place):
    read(place.path("watched"))


def mincore(path):
    """Share of the file's pages that are in memory."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        LIBC.mmap.restype = ctypes.c_void_p
        memory = LIBC.mmap(None, ctypes.c_size_t(size), 1, 1, file.fileno(), ctypes.c_long(0))
        pages = (ctypes.c_ubyte * (size // 4096))()
        LIBC.mincore(ctypes.c_void_p(memory), ctypes.c_size_t(size), pages)
        LIBC.munmap(ctypes.c_void_p(memory), ctypes.c_size_t(size))
    return sum(page & 1 for page in pages) / len(pages)


def cache_escape(name):
    """A file of the user's that is in memory, and then is not."""

    def bait(place):
        with open(place.path(name), "wb") as file:
            file.write(bytes(4 << 20))
            file.flush()
            os.fsync(file.fileno())
        os.chown(place.path(name), place.facts["uid"], place.facts["uid"])

    return escape(name, bait, lambda place: mincore(place.path(name)) < 0.5)


@cache_escape("page cache")
def _(place):
    with open(place.path("page cache"), "rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


PAGE_OUT = 21


def page_out(path, advise):
    """Only what has been read is mapped; over an overlay the kernel does not always take it out at once."""
    with open(path, "rb") as file:
        memory = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    for _ in range(4):
        bytes(memory)
        advise(memory)


@cache_escape("page cache by what is mapped")
def _(place):
    page_out(place.path("page cache by what is mapped"), lambda memory: memory.madvise(PAGE_OUT))


class Piece(ctypes.Structure):
    _fields_ = [("address", ctypes.c_void_p), ("length", ctypes.c_size_t)]


@cache_escape("page cache by another's memory")
def _(place):
    def advise(memory):
        start = next(line.split("-")[0] for line in open("/proc/self/maps") if "another's memory" in line)
        piece = Piece(int(start, 16), len(memory))
        system_call(440, os.pidfd_open(os.getpid()), piece, 1, PAGE_OUT, 0)

    page_out(place.path("page cache by another's memory"), advise)
