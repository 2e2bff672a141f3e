"""What a way out is, where it finds its baits, and how one asks the kernel."""

import ctypes
import errno
import json
import os
from collections import namedtuple

LIBC = ctypes.CDLL(None, use_errno=True)
MARK = "escaped"

# `bait` is made by root; `effect`, looked for by root from outside, judges the attempt, or else the attempt's own answer.
# `needs_root`: no user ever has this, with or without a sandbox, so that only root can show that it is one.
# `still_open`: a sandbox is known not to close it; tried and told, but no failure.
Way = namedtuple("Way", "bait attempt effect needs_root still_open")
WAYS = {}  # name: Way


def escape(name, bait=None, effect=None, needs_root=False, still_open=False):
    assert name not in WAYS, name

    def register(attempt):
        WAYS[name] = Way(bait, attempt, effect, needs_root, still_open)
        return attempt

    return register


class Lacking(Exception):
    """This machine has no such thing, for anybody."""


class Place:
    """The folder of all baits; each attempt has a path of its own in it."""

    def __init__(self, folder):
        self.folder = folder
        self.facts = self.read("facts.json")
        self.live = self.read("live.json")

    def read(self, name):
        path = self.path(name)
        if not os.path.exists(path):
            return {}
        with open(path) as file:
            return json.load(file)

    def mark(self, what):
        """A name that no other run of the attempts uses."""
        return f"{MARK}-{what}-{os.path.basename(self.folder)}"

    def path(self, name):
        return os.path.join(self.folder, name)


def note(path, text):
    """For root to find again, and for the user to read."""
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, 0o644)


def noted(path):
    with open(path) as file:
        return file.read()


def touch(folder, name):
    open(os.path.join(folder, name), "w").close()


def heard(name):
    """The live job has noted it."""
    return lambda place: os.path.exists(place.path(f"heard-{name}"))


# ---- asking the kernel -------------------------------------------------------------------------------


def system_call(number, *arguments):
    """Its answer, or -errno."""
    words = (argument if isinstance(argument, ctypes.Array | ctypes.Structure) else ctypes.c_long(argument) for argument in arguments)
    words = [ctypes.byref(word) if isinstance(word, ctypes.Structure) else word for word in words]
    answer = LIBC.syscall(ctypes.c_long(number), *words)
    return answer if answer >= 0 else -ctypes.get_errno()


def is_granted(answer):
    """The kernel has gone on to the call's arguments, whatever it thinks of them."""
    if -answer in (errno.ENOSYS, errno.EAFNOSUPPORT):
        raise Lacking
    return -answer not in (errno.EPERM, errno.EACCES, errno.EMFILE)


class Filter(ctypes.Structure):
    _fields_ = [("code", ctypes.c_ushort), ("yes", ctypes.c_ubyte), ("no", ctypes.c_ubyte), ("value", ctypes.c_uint)]


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filters", ctypes.POINTER(Filter))]


TRACE, ALLOW = 0x7FF00000, 0x7FFF0000


def trace(numbers):
    """These calls of this process now come to ENOSYS, as nobody traces it, unless a filter that stands above says no, or
    pretends: what that one answers comes first (seccomp(2))."""
    rules = [Filter(0x20, 0, 0, 0)]
    for number in numbers:
        rules += [Filter(0x15, 0, 1, number), Filter(0x06, 0, 0, TRACE)]
    rules.append(Filter(0x06, 0, 0, ALLOW))
    program = Program(len(rules), (Filter * len(rules))(*rules))
    if LIBC.prctl(38, 1, 0, 0, 0) != 0 or LIBC.prctl(22, 2, ctypes.byref(program)) != 0:
        raise OSError(ctypes.get_errno(), "a filter of its own")


GETPPID = 110


def reaches_kernel(number):
    """Whether a call gets through to the kernel, without being made. Where that cannot be told, it does."""
    try:
        trace([number, GETPPID])
    except OSError:
        return True
    return system_call(GETPPID) != -errno.ENOSYS or system_call(number, -1, 0, 0, 0, 0) == -errno.ENOSYS


USER, MOUNTS, PROCESSES, NETWORK, HOST, CGROUPS = 0x10000000, 0x20000, 0x20000000, 0x40000000, 0x4000000, 0x2000000


def own_namespaces(kinds):
    """Root of namespaces of its own, as any user may be; where that is refused, what needs them is tried all the same."""
    user, group = os.getuid(), os.getgid()
    if LIBC.unshare(USER | kinds) == 0:
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
