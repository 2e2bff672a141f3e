"""What the kernel gives nobody in a sandbox; judged from inside: true means that there is a hole.

What only root may do, a user may in a user namespace. So each such attempt makes one first: where the kernel lets users have
them, the user's own run shows that the sandbox forbids it, and not the lack of rights.
"""

import ctypes
import mmap
import os
import signal
import struct

from ways.table import (
    CGROUPS,
    HOST,
    LIBC,
    MOUNTS,
    NETWORK,
    PROCESSES,
    Lacking,
    escape,
    is_granted,
    own_namespaces,
    reaches_kernel,
    system_call,
)

# ---- namespaces, by each call that makes them --------------------------------------------------------


@escape("user namespace")
def _(_place):
    return LIBC.unshare(0x10000000) == 0


def is_child_made(pid):
    """A child made by a call of its own has to end at once."""
    if pid == 0:
        os._exit(0)
    return pid > 0 and os.waitpid(pid, 0)[0] == pid


@escape("user namespace by clone")
def _(_place):
    return is_child_made(system_call(56, 0x10000000 | signal.SIGCHLD, 0, 0, 0, 0))


@escape("user namespace by clone3")
def _(_place):
    arguments = ctypes.create_string_buffer(struct.pack("8Q", 0x10000000, 0, 0, 0, signal.SIGCHLD, 0, 0, 0), 64)
    return is_child_made(system_call(435, arguments, 64))


# ---- as root of a namespace of its own ---------------------------------------------------------------


def as_own_root(name, kinds):
    """The attempt is made in namespaces of these kinds, of its own."""

    def register(attempt):
        @escape(name)
        def _(place):
            own_namespaces(kinds)
            return attempt(place)

    return register


@as_own_root("mount", MOUNTS)
def _(_place):
    return LIBC.mount(b"/tmp", b"/mnt", None, 4096, None) == 0


@as_own_root("a file system of its own", MOUNTS)
def _(_place):
    return LIBC.mount(b"none", b"/mnt", b"tmpfs", 0, None) == 0


@as_own_root("remount writable", MOUNTS)
def _(_place):
    # What is mounted by itself, read-only: the locks that a new namespace puts on its mounts are no part of this.
    LIBC.mount(b"none", b"/mnt", b"tmpfs", 1, None)
    return LIBC.mount(None, b"/mnt", None, 4096 | 32, None) == 0


@as_own_root("a tree of mounts", MOUNTS)
def _(_place):
    return system_call(428, -100, ctypes.create_string_buffer(b"/tmp"), 1) >= 0


@as_own_root("new mount api", MOUNTS)
def _(_place):
    return system_call(430, ctypes.create_string_buffer(b"tmpfs"), 0) >= 0


@as_own_root("cgroups mounted anew", MOUNTS | CGROUPS)
def _(_place):
    kinds = ((b"cgroup2", None), (b"cgroup", b"memory"))
    return any(LIBC.mount(b"none", b"/mnt", kind, 0, options) == 0 for kind, options in kinds)


@as_own_root("a root of its own", MOUNTS)
def _(_place):
    os.chroot("/")
    return True


@as_own_root("host name", HOST)
def _(_place):
    return system_call(170, ctypes.create_string_buffer(b"escaped"), 7) == 0


@as_own_root("packets of its own making", NETWORK)
def _(_place):
    return system_call(41, 2, 3, 1) >= 0


@as_own_root("to be root", 0)
def _(_place):
    os.setresuid(0, 0, 0)
    return True


@as_own_root("reboot of a namespace", PROCESSES)
def _(_place):
    child = os.fork()
    if child == 0:
        # Without its magic words, it goes no further than to ask for them.
        os._exit(0 if is_granted(system_call(169, 0, 0, 0, 0)) else 1)
    return os.waitpid(child, 0)[1] == 0


# ---- calls that the filter answers, shown by themselves ----------------------------------------------


def call_never_arrives(name, number):
    """Whatever its arguments and whoever makes it."""

    @escape(f"the call {name}")
    def _(_place):
        return reaches_kernel(number)


for _name, _number in (
    ("mount", 165),
    ("umount2", 166),
    ("pivot_root", 155),
    ("open_tree", 428),
    ("move_mount", 429),
    ("fsopen", 430),
    ("fspick", 433),
    ("mount_setattr", 442),
    ("setns", 308),
    ("open_by_handle_at", 304),
    ("bpf", 321),
    # The buffers of its events are memory that the kernel counts for each user.
    ("perf_event_open", 298),
    # These are pretended: they would write out what the whole node has in its page cache.
    ("sync", 162),
    ("syncfs", 306),
):
    call_never_arrives(_name, _number)


def call_is_granted(name, number, *arguments, needs_root=False):
    """The call itself is the hole."""

    @escape(name, needs_root=needs_root)
    def _(_place):
        return is_granted(system_call(number, *arguments))


call_is_granted("inotify of the user", 294, 0)
call_is_granted("old inotify of the user", 253)
call_is_granted("fanotify of the user", 300, 0x200, 0)
call_is_granted("vsock", 41, 40, 1, 0)
call_is_granted("crypto socket", 41, 38, 5, 0)
call_is_granted("pair of foreign sockets", 53, 30, 5, 0)
call_is_granted("userfaultfd", 323, 1)
call_is_granted("io_uring", 425, 1, 0)


def run_code(code):
    """Machine code that returns a number."""
    memory = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    memory.write(code)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    return ctypes.CFUNCTYPE(ctypes.c_int)(address)()


@escape("32-bit system calls")
def _(_place):
    # push rbx; mov eax, 20 (getpid); int 0x80; pop rbx; ret
    return run_code(b"\x53\xb8\x14\0\0\0\xcd\x80\x5b\xc3") > 0


@escape("x32 system calls")
def _(_place):
    return is_granted(system_call(0x40000000 + 39))


# ---- what no user has anywhere: that the shadow is not root either ------------------------------------


@escape("a device of its own", needs_root=True)
def _(place):
    # For nobody to open, and gone at once.
    os.mknod(place.path("device"), 0o60000, os.makedev(8, 0))
    os.unlink(place.path("device"))
    return True


@escape("kernel settings", needs_root=True)
def _(_place):
    with open("/proc/sys/kernel/core_pattern") as file:
        pattern = file.read()
    with open("/proc/sys/kernel/core_pattern", "w") as file:
        file.write(pattern)
    return True


@escape("settings of the kernel can be opened", needs_root=True)
def _(_place):
    return any(os.access(f"/proc/sys/{name}", os.W_OK) for name in ("vm/drop_caches", "kernel/panic", "net/core/somaxconn"))


@escape("real-time priority", needs_root=True)
def _(_place):
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    return True


@escape("a higher priority", needs_root=True)
def _(_place):
    os.setpriority(os.PRIO_PROCESS, 0, -5)
    return True


@escape("to be the node's root", needs_root=True)
def _(_place):
    os.setresuid(0, 0, 0)
    return True


@escape("groups of others", needs_root=True)
def _(_place):
    os.setgroups([0])
    return True


call_is_granted("kernel module", 313, 0, 0, 0, needs_root=True)
# With flags that no kernel knows: without any it would take away what is prepared.
call_is_granted("kexec", 246, 0, 0, 0, 0x10, needs_root=True)
call_is_granted("swap", 168, 0, needs_root=True)
call_is_granted("file handles", 304, -1, 0, 0, needs_root=True)


@escape("hang up a terminal", needs_root=True)
def _(_place):
    # Not that of whoever runs the tests.
    os.setsid()
    return is_granted(system_call(153))


@escape("clock", needs_root=True)
def _(_place):
    # As adjtimex(2) has it: the length of a tick is set to what it is.
    setting = ctypes.create_string_buffer(208)
    system_call(159, setting)
    ctypes.c_uint.from_buffer(setting).value = 0x4000
    return is_granted(system_call(159, setting))


def group_files(pid, names):
    """Of the cgroups of a process, those of these files that can be found, in either version."""
    with open(f"/proc/{pid}/cgroup") as file:
        groups = [line.rstrip("\n").split(":", 2)[1:] for line in file]
    for controllers, path in groups:
        for folder in (controllers, controllers.split(",")[0], "unified", ""):
            for name in names:
                file = f"/sys/fs/cgroup/{folder}{path}/{name}"
                if os.path.exists(file):
                    yield file


def write_again(files):
    """What stands in the first of them that can be written."""
    for path in files:
        try:
            with open(path) as file:
                value = file.read()
            with open(path, "w") as file:
                file.write(value)
            return True
        except OSError:
            pass
    return False


LIMITS = ("memory.limit_in_bytes", "memory.max")


@escape("memory limit of its own group", needs_root=True)
def _(_place):
    return write_again(group_files("self", LIMITS))


@escape("memory limit of a live job's group", needs_root=True)
def _(place):
    return write_again(group_files(place.facts["live_pid"], LIMITS))


def enter(files):
    for path in files:
        try:
            with open(path, "w") as file:
                file.write("0")
            return True
        except OSError:
            pass
    return False


@escape("to enter its own group anew", needs_root=True)
def _(_place):
    return enter(group_files("self", ["cgroup.procs"]))


@escape("to enter a live job's group", needs_root=True)
def _(place):
    return enter(group_files(place.facts["live_pid"], ["cgroup.procs"]))


@escape("to enter the topmost group", needs_root=True)
def _(_place):
    roots = ("/sys/fs/cgroup", "/sys/fs/cgroup/memory", "/sys/fs/cgroup/pids", "/proc/1/root/sys/fs/cgroup/memory")
    return enter(f"{root}/cgroup.procs" for root in roots)


def readable(path, needs_root=False):
    """A file of the kernel's that tells about the node."""

    @escape(f"read {path}", needs_root=needs_root)
    def _(_place):
        if not os.path.exists(path):
            raise Lacking
        with open(path, "rb") as file:
            return bool(file.read(1))


for _path in ("keys", "key-users", "interrupts", "sched_debug"):
    readable(f"/proc/{_path}")
for _path in ("timer_list", "kcore"):
    readable(f"/proc/{_path}", needs_root=True)


@escape("the scratch space itself", needs_root=True)
def _(_place):
    # The sandbox's own: what shows that there is something to be protected is root's look into a shadow.
    if not os.path.exists("/run/shadowfit/scratch"):
        raise Lacking
    return bool(os.listdir("/run/shadowfit/scratch"))
