#!/usr/bin/env python3
"""Ways out of a sandbox, tried from inside and looked for from outside.

    escapes.py live DIR PORT                       as the user, in a job: what must not be reached
    escapes.py bait DIR UID PID JOB_1 JOB_2 PORT   as root: what is to be harmed; PID is the live job's
    escapes.py attempt DIR                         as the user, in a job: every attempt in turn
    escapes.py effects DIR                         as root: the attempts that had an effect, one a line
    escapes.py control DIR                         as root, outside: those that only the inside can judge
    escapes.py controls DIR                        those that succeeded in any run outside, one a line
    escapes.py names                               the attempts whose effect can be seen from outside
    escapes.py all                                 all of them, in the order in which they are tried

An attempt that can only be judged from inside counts as successful by its return value; the place of the
first such one in the order, from 1 on, is the exit code. Without a sandbox each must succeed, for the user or, where
the kernel refuses any user, for root. What a kernel does not have at all is no way out of it, and named as such.
"""

import ctypes
import errno
import fcntl
import json
import mmap
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time

LIBC = ctypes.CDLL(None, use_errno=True)
MARK = "escaped"
ESCAPES = {}  # name: (bait, attempt, effect)


def escape(name, bait=None, effect=None):
    def register(attempt):
        ESCAPES[name] = (bait, attempt, effect)
        return attempt

    return register


class Place:
    """The folder of all baits; each attempt has a path of its own in it."""

    def __init__(self, folder):
        self.folder = folder
        self.facts = {}
        facts = os.path.join(folder, "facts.json")
        if os.path.exists(facts):
            self.facts = json.load(open(facts))

    def mark(self, what):
        """A name that no other run of the attempts uses."""
        return f"{MARK}-{what}-{os.path.basename(self.folder)}"

    def path(self, name):
        return os.path.join(self.folder, name)


# ---- files: the bait is a file with known content, mode and time --------------------------------------

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
        content = open(place.path(name), "rb").read()
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


@file_escape("setxattr")
def _(place):
    os.setxattr(place.path("setxattr"), "user.escaped", b"1")
    os.chmod(place.path("setxattr"), 0o600)


# ---- new files where every user may write ------------------------------------------------------------


def new_file(folder):
    return os.path.join(folder, f"{MARK}-file")


def creation(name, folder):
    def attempt(place):
        with open(new_file(folder or place.folder), "w") as file:
            file.write("X")

    def effect(place):
        path = new_file(folder or place.folder)
        there = os.path.exists(path)
        if there:
            os.unlink(path)
        return there

    ESCAPES[name] = (None, attempt, effect)


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


@escape("inherited descriptors", effect=lambda place: os.path.exists(place.path("by-descriptor")))
def _(place):
    for fd in range(3, 1024):
        try:
            os.close(os.open(place.path("by-descriptor"), os.O_CREAT | os.O_WRONLY, dir_fd=fd))
        except OSError:
            pass
    # The control of this attempt: a descriptor that really leads outside.
    with open(place.path("by-descriptor"), "w") as file:
        file.write("X")


# ---- memory and messages that are not files ----------------------------------------------------------

KEY = 0x5F17


def sysv(call, *arguments):
    result = getattr(LIBC, call)(*arguments)
    if result == -1:
        raise OSError(ctypes.get_errno(), call)
    return result


LIBC.shmat.restype = ctypes.c_void_p


def attach(flags):
    segment = sysv("shmget", KEY, 4096, flags)
    return segment, ctypes.cast(LIBC.shmat(segment, None, 0), ctypes.POINTER(ctypes.c_char))


def shm_changed(_place):
    segment, memory = attach(0o666)
    changed = memory[0] != b"\0"
    LIBC.shmctl(segment, 0, None)
    return changed


@escape("System V shared memory", lambda place: attach(0o1666), shm_changed)
def _(_place):
    _segment, memory = attach(0o666)
    memory[0] = b"X"


def queue_length(_place):
    queue = sysv("msgget", KEY, 0o666)
    length = LIBC.msgrcv(queue, ctypes.create_string_buffer(64), 8, 0, 0o4000)
    LIBC.msgctl(queue, 0, None)
    return length >= 0


@escape("System V queue", lambda place: sysv("msgget", KEY, 0o1666), queue_length)
def _(_place):
    message = ctypes.create_string_buffer(b"\x01\0\0\0\0\0\0\0X", 17)
    sysv("msgsnd", sysv("msgget", KEY, 0o666), message, 8, 0o4000)


def semaphore_changed(_place):
    semaphore = sysv("semget", KEY, 1, 0o666)
    value = LIBC.semctl(semaphore, 0, 12)
    LIBC.semctl(semaphore, 0, 0)
    return value != 0


@escape("System V semaphore", lambda place: sysv("semget", KEY, 1, 0o1666), semaphore_changed)
def _(_place):
    sysv("semctl", sysv("semget", KEY, 1, 0o666), 0, 16, 7)


def posix_queue(flags):
    return LIBC.mq_open(b"/escapes", flags, 0o666, None)


def bait_posix_queue(_place):
    os.umask(0)
    posix_queue(os.O_CREAT | os.O_RDWR)


def posix_queue_filled(_place):
    queue = posix_queue(os.O_RDWR | os.O_NONBLOCK)
    filled = LIBC.mq_receive(queue, ctypes.create_string_buffer(8192), 8192, None) >= 0
    LIBC.mq_unlink(b"/escapes")
    return filled


@escape("POSIX queue", bait_posix_queue, posix_queue_filled)
def _(_place):
    LIBC.mq_send(posix_queue(os.O_WRONLY), b"X", 1, 0)


def heard(name):
    return lambda place: os.path.exists(place.path(f"heard-{name}"))


def say(kind, address):
    with socket.socket(socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX, kind) as client:
        client.settimeout(2)
        client.connect(address)
        client.send(b"X")


@escape("abstract socket", effect=heard("abstract"))
def _(place):
    say(socket.SOCK_STREAM, f"\0escapes-{place.facts['port']}")


@escape("socket in a folder", effect=heard("path"))
def _(place):
    say(socket.SOCK_STREAM, place.path("socket"))


@escape("FIFO", effect=heard("fifo"))
def _(place):
    fifo = os.open(place.path("fifo"), os.O_WRONLY | os.O_NONBLOCK)
    os.write(fifo, b"X")


@escape("TCP to the host", effect=heard("tcp"))
def _(place):
    say(socket.SOCK_STREAM, ("127.0.0.1", place.facts["port"]))


@escape("UDP to the host", effect=heard("udp"))
def _(place):
    say(socket.SOCK_DGRAM, ("127.0.0.1", place.facts["port"]))


@escape("TCP by the host's address", effect=heard("tcp6"))
def _(place):
    with socket.socket(socket.AF_INET6) as client:
        client.settimeout(2)
        client.connect(("::1", place.facts["port"]))
        client.send(b"X")


# ---- other processes ---------------------------------------------------------------------------------


def status_of(place):
    try:
        return open(f"/proc/{place.facts['live_pid']}/status").read()
    except FileNotFoundError:
        return ""


def got_signal(number):
    # The live process counts each signal in a file of its own.
    return lambda place: os.path.exists(place.path(f"signal-{number}"))


@escape("signal to a live job", effect=got_signal(int(signal.SIGUSR1)))
def _(place):
    os.kill(place.facts["live_pid"], signal.SIGUSR1)


@escape("signal to everything", effect=got_signal(int(signal.SIGUSR2)))
def _(_place):
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    os.kill(-1, signal.SIGUSR2)


def bait_priority(place):
    os.setpriority(os.PRIO_PROCESS, place.facts["live_pid"], 0)


@escape("renice a live job", bait_priority, lambda place: os.getpriority(os.PRIO_PROCESS, place.facts["live_pid"]) != 0)
def _(place):
    os.setpriority(os.PRIO_PROCESS, place.facts["live_pid"], 7)


@escape("ptrace a live job")
def _(place):
    seized = LIBC.ptrace(0x4206, place.facts["live_pid"], None, None) == 0
    return seized


@escape("memory of a live job")
def _(place):
    with open(f"/proc/{place.facts['live_pid']}/mem", "r+b"):
        return True


def daemons(_place):
    found = subprocess.run(["pgrep", "-f", "escapes-daemon"], stdout=subprocess.PIPE).stdout.split()
    for pid in found:
        os.kill(int(pid), signal.SIGKILL)
    return bool(found)


@escape("daemon", effect=daemons)
def _(_place):
    if os.fork() == 0:
        os.setsid()
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        if os.fork() == 0:
            os.execv("/bin/sh", ["/bin/sh", "-c", "# escapes-daemon\nsleep 600 & wait"])
        os._exit(0)


# ---- Slurm, the system and its services --------------------------------------------------------------


def squeue(*arguments):
    return subprocess.run(["squeue", "-h", *arguments], stdout=subprocess.PIPE, text=True).stdout


def copy_of(program):
    def bait(place):
        shutil.copy(shutil.which(program), place.path(f"my-{program}"))
        os.chmod(place.path(f"my-{program}"), 0o755)

    return bait


def submitted(number):
    def effect(place):
        name = place.mark(number)
        found = squeue("-t", "all", "-n", name, "-o", "%A").split()
        subprocess.run(["scancel", "-n", name])
        return bool(found)

    return effect


def submit(program, name):
    subprocess.run([program, "-J", name, "-o", "/dev/null", "--shadowfit=off", "--wrap", "true"], timeout=15)


@escape("sbatch", effect=submitted(1))
def _(place):
    submit("sbatch", place.mark(1))


@escape("a copy of sbatch", copy_of("sbatch"), submitted(2))
def _(place):
    submit(place.path("my-sbatch"), place.mark(2))


def live_job(place, key):
    return not squeue("-j", str(place.facts[key]), "-t", "RUNNING,PENDING", "-o", "%A").split()


@escape("scancel", effect=lambda place: live_job(place, "job_1"))
def _(place):
    subprocess.run(["scancel", str(place.facts["job_1"])], timeout=15)


@escape("a copy of scancel", copy_of("scancel"), lambda place: live_job(place, "job_2"))
def _(place):
    subprocess.run([place.path("my-scancel"), str(place.facts["job_2"])], timeout=15)


def bait_setuid(place):
    shutil.copy("/usr/bin/touch", place.path("touch-as-root"))
    os.chmod(place.path("touch-as-root"), 0o4755)
    os.mkdir(place.path("of-root"), 0o700)


@escape("setuid program", bait_setuid, lambda place: os.path.exists(place.path("of-root/file")))
def _(place):
    subprocess.run([place.path("touch-as-root"), place.path("of-root/file")])


@escape(
    "cron and at",
    effect=lambda place: any(
        MARK in open(os.path.join(folder, name), errors="replace").read()
        for folder in ("/var/spool/cron/crontabs", "/var/spool/cron/atjobs")
        if os.path.isdir(folder)
        for name in os.listdir(folder)
    ),
)
def _(_place):
    for command in (["crontab", "-"], ["at", "now + 1 year"]):
        if shutil.which(command[0]):
            subprocess.run(command, input=f"0 0 1 1 * echo {MARK}\n", text=True, timeout=10)


def key_found(place):
    program = (
        "import ctypes, sys; libc = ctypes.CDLL(None); "
        f"sys.exit(0 if libc.syscall(250, 10, -4, b'user', b'{place.mark('key')}', 0) > 0 else 1)"
    )
    uid = place.facts["uid"]
    return subprocess.run(["setpriv", "--reuid", str(uid), "--clear-groups", sys.executable, "-c", program]).returncode == 0


@escape("keyring", effect=key_found)
def _(place):
    LIBC.syscall(248, b"user", place.mark("key").encode(), b"X", 1, -4)


# ---- judged from inside: true means that the sandbox has a hole ---------------------------------------


@escape("user namespace")
def _(_place):
    return LIBC.unshare(0x10000000) == 0


@escape("mount")
def _(_place):
    return LIBC.mount(b"/tmp", b"/mnt", None, 4096, None) == 0


@escape("remount writable")
def _(_place):
    return LIBC.mount(None, b"/", None, 4096 | 32, None) == 0


@escape("a device of its own")
def _(place):
    os.mknod(place.path("device"), 0o60666, os.makedev(8, 0))
    return True


@escape("block devices")
def _(_place):
    return any(os.path.exists(f"/dev/{name}") for name in ("vda", "sda", "nvme0n1", "mem", "kmsg", "fuse"))


@escape("kernel settings")
def _(_place):
    with open("/proc/sys/kernel/core_pattern") as file:
        pattern = file.read()
    with open("/proc/sys/kernel/core_pattern", "w") as file:
        file.write(pattern)
    return True


@escape("cgroup of its own")
def _(_place):
    return any(os.path.exists(f"/sys/fs/cgroup/{name}") for name in ("memory", "freezer", "cgroup.procs"))


@escape("ordinary priority")
def _(_place):
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return True


@escape("real-time priority")
def _(_place):
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    return True


@escape("a higher priority")
def _(_place):
    os.setpriority(os.PRIO_PROCESS, 0, -5)
    return True


@escape("to be root")
def _(_place):
    os.setresuid(0, 0, 0)
    return True


@escape("groups of others")
def _(_place):
    os.setgroups([0])
    return True


@escape("a root of its own")
def _(_place):
    os.chroot("/")
    return True


@escape("sockets of the node")
def _(_place):
    return bool(set(os.listdir("/run")) - {"shadowfit"})


@escape("processes of the node")
def _(_place):
    return len([pid for pid in os.listdir("/proc") if pid.isdigit()]) > 20


# ---- what the node and the user's live work share with every job ------------------------------------


def device_time(_place):
    return os.stat("/dev/full").st_mtime_ns


def bait_device(place):
    with open(place.path("device-time"), "w") as file:
        file.write(str(device_time(place)))


def device_touched(place):
    return device_time(place) != int(open(place.path("device-time")).read())


@escape("times of a device", bait_device, device_touched)
def _(place):
    os.utime("/dev/full")


def in_page_cache(path):
    """Share of the file's pages that are in memory."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        LIBC.mmap.restype = ctypes.c_void_p
        memory = LIBC.mmap(None, ctypes.c_size_t(size), 1, 1, file.fileno(), ctypes.c_long(0))
        pages = (ctypes.c_ubyte * (size // 4096))()
        LIBC.mincore(ctypes.c_void_p(memory), ctypes.c_size_t(size), pages)
        LIBC.munmap(ctypes.c_void_p(memory), ctypes.c_size_t(size))
    return sum(page & 1 for page in pages) / len(pages)


def bait_page_cache(place):
    with open(place.path("cached"), "wb") as file:
        file.write(bytes(4 << 20))
        file.flush()
        os.fsync(file.fileno())
    os.chmod(place.path("cached"), 0o644)


@escape("page cache", bait_page_cache, lambda place: in_page_cache(place.path("cached")) < 0.5)
def _(place):
    with open(place.path("cached"), "rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def is_locked(path):
    """Somebody else, the live job, holds a lock on the same file."""
    with open(path, "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@escape("lock on a device")
def _(_place):
    return is_locked("/dev/zero")


def stand_in():
    """The node's own; in a shadow it also takes srun's place."""
    return os.path.join(os.path.dirname(os.environ["SLURM_CONF"]), "../plugins/shadowfit-standin")


@escape("lock on the stand-in")
def _(_place):
    return any(is_locked(path) for path in (shutil.which("srun"), stand_in()))


class Lacking(Exception):
    """This kernel has no such thing, for anybody."""


def system_call(number, *arguments):
    """Its answer, or -errno."""
    words = (argument if isinstance(argument, ctypes.Array) else ctypes.c_long(argument) for argument in arguments)
    answer = LIBC.syscall(ctypes.c_long(number), *words)
    return answer if answer >= 0 else -ctypes.get_errno()


def is_granted(answer):
    """The kernel has gone on to the call's arguments, whatever it thinks of them."""
    if -answer in (errno.ENOSYS, errno.EAFNOSUPPORT):
        raise Lacking
    return -answer not in (errno.EPERM, errno.EACCES, errno.EMFILE)


def call_is_granted(name, number, *arguments):
    """The call itself is the hole."""

    @escape(name)
    def _(_place):
        return is_granted(system_call(number, *arguments))


call_is_granted("inotify of the user", 294, 0)
call_is_granted("old inotify of the user", 253)
call_is_granted("fanotify of the user", 300, 0x200, 0)
call_is_granted("vsock", 41, 40, 1, 0)
call_is_granted("crypto socket", 41, 38, 5, 0)
call_is_granted("pair of foreign sockets", 53, 30, 5, 0)
call_is_granted("userfaultfd", 323, 1)
call_is_granted("bpf", 321, 0, 0, 0)
call_is_granted("new mount api", 430, 0, 0)
call_is_granted("namespace of another process", 308, 0, 0)
call_is_granted("kernel module", 313, 0, 0, 0)
call_is_granted("kexec", 246, 0, 0, 0, 0)
call_is_granted("host name", 170, ctypes.create_string_buffer(b"escaped"), 7)
call_is_granted("swap", 168, 0)
call_is_granted("reboot", 169, 0, 0, 0, 0)


call_is_granted("io_uring", 425, 1, 0)
call_is_granted("file handles", 304, -1, 0, 0)


@escape("hang up a terminal")
def _(_place):
    # Not that of whoever runs the tests.
    os.setsid()
    return is_granted(system_call(153))


@escape("clock")
def _(_place):
    # As adjtimex(2) has it: the length of a tick is set to what it is.
    setting = ctypes.create_string_buffer(208)
    system_call(159, setting)
    ctypes.c_uint.from_buffer(setting).value = 0x4000
    return is_granted(system_call(159, setting))


def bait_memory(place):
    """Where the live job has something to be read."""
    first = open(f"/proc/{place.facts['live_pid']}/maps").readline()
    with open(place.path("address"), "w") as file:
        file.write(first.split("-")[0])
    os.chmod(place.path("address"), 0o644)


@escape("memory of a live job by a call", bait_memory)
def _(place):
    # Without anything to read the kernel says yes for any number of a process.
    read = ctypes.create_string_buffer(16)
    there = int(open(place.path("address")).read(), 16)
    own, other = ((ctypes.c_size_t * 2)(address, 16) for address in (ctypes.addressof(read), there))
    return system_call(310, place.facts["live_pid"], ctypes.addressof(own), 1, ctypes.addressof(other), 1, 0) > 0


@escape("descriptor of a live job")
def _(place):
    return system_call(434, place.facts["live_pid"], 0) >= 0


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


def limit_of(pid, name):
    """The hard limit in /proc/PID/limits."""
    for line in open(f"/proc/{pid}/limits"):
        if line.startswith(name):
            return line[len(name) :].split()[1]
    return "unlimited"


def keeps_share(name):
    """The shadow may use up what the user's live work has."""

    def bait(place):
        with open(place.path(name), "w") as file:
            file.write(limit_of(place.facts["live_pid"], name))
        os.chmod(place.path(name), 0o644)

    @escape(name, bait)
    def _(place):
        live = open(place.path(name)).read()
        own = limit_of("self", name)
        return live != "unlimited" and (own == "unlimited" or int(own) * 4 > int(live))


keeps_share("Max pending signals")
keeps_share("Max msgqueue size")


def readable(path):
    """A file of the kernel's that tells about the node."""

    @escape(f"read {path}")
    def _(_place):
        if not os.path.exists(path):
            raise Lacking
        with open(path, "rb") as file:
            return bool(file.read(1))


for _path in ("keys", "key-users", "timer_list", "interrupts", "kcore", "sched_debug"):
    readable(f"/proc/{_path}")


@escape("the scratch space itself")
def _(_place):
    # Where there is none, there is nothing to be protected.
    if not os.path.exists("/run/shadowfit/scratch"):
        raise Lacking
    return bool(os.listdir("/run/shadowfit/scratch"))


def bait_stand_in(place):
    """As on a node where somebody was careless."""
    os.chmod(stand_in(), 0o777)
    with open(place.path("stand-in-size"), "w") as file:
        file.write(str(os.stat(stand_in()).st_size))


def stand_in_changed(place):
    size = int(open(place.path("stand-in-size")).read())
    changed = os.stat(stand_in()).st_size != size
    os.truncate(stand_in(), size)
    os.chmod(stand_in(), 0o755)
    return changed


@escape("the stand-in's content", bait_stand_in, stand_in_changed)
def _(_place):
    for path in (stand_in(), shutil.which("srun")):
        with open(path, "ab") as file:
            file.write(b"X")


@escape("settings of the kernel can be opened")
def _(_place):
    return any(os.access(f"/proc/sys/{name}", os.W_OK) for name in ("vm/drop_caches", "kernel/panic", "net/core/somaxconn"))


# ---- the live job ------------------------------------------------------------------------------------


def touch(folder, name):
    open(os.path.join(folder, name), "w").close()


def live(folder, port):
    """Notes every signal, connection and message that reaches it."""
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, lambda number, _frame: touch(folder, f"signal-{int(number)}"))
    os.mkfifo(os.path.join(folder, "fifo"))
    locked = [open(path, "rb") for path in ("/dev/zero", stand_in())]
    for file in locked:
        fcntl.flock(file, fcntl.LOCK_EX)
    addresses = [
        ("abstract", socket.AF_UNIX, socket.SOCK_STREAM, f"\0escapes-{port}"),
        ("path", socket.AF_UNIX, socket.SOCK_STREAM, os.path.join(folder, "socket")),
        ("tcp", socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", port)),
        ("tcp6", socket.AF_INET6, socket.SOCK_STREAM, ("::1", port)),
        ("udp", socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", port)),
    ]
    listeners = {os.open(os.path.join(folder, "fifo"), os.O_RDWR): "fifo"}
    for name, family, kind, address in addresses:
        listener = socket.socket(family, kind)
        listener.bind(address)
        if kind == socket.SOCK_STREAM:
            listener.listen()
        listeners[listener] = name
    with open(os.path.join(folder, "live.new"), "w") as file:
        file.write(str(os.getpid()))
    os.rename(os.path.join(folder, "live.new"), os.path.join(folder, "live.pid"))
    while True:
        for ready in select.select(list(listeners), [], [])[0]:
            touch(folder, f"heard-{listeners.pop(ready)}")


# ---- verbs -------------------------------------------------------------------------------------------


def bait(folder, uid, live_pid, job_1, job_2, port):
    facts = {"uid": uid, "live_pid": live_pid, "job_1": job_1, "job_2": job_2, "port": port}
    with open(os.path.join(folder, "facts.json"), "w") as file:
        json.dump(facts, file)
    place = Place(folder)
    for make, _attempt, _effect in ESCAPES.values():
        if make:
            make(place)


HOLE, LACKING, NOTHING = 77, 78, 0


def tried(place, attempt):
    """What an attempt, in a process of its own, comes to."""
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        try:
            found = HOLE if attempt(place) is True else NOTHING
        except Lacking:
            found = LACKING
        except (OSError, ValueError, subprocess.SubprocessError):
            found = NOTHING
        os._exit(found)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def attempt_all(folder):
    """All are tried, whatever the first of them find."""
    place = Place(folder)
    grown, found = [], []
    for _, attempt, _ in ESCAPES.values():
        # A shadow whose memory stays the same for long is taken to have shown all, and ended.
        grown.append(b"x" * (1 << 18))
        found.append(tried(place, attempt))
    note(folder, zip(ESCAPES, found, strict=True))
    return found.index(HOLE) + 1 if HOLE in found else 0


def control(folder):
    """What a user is refused by any kernel: root, who may, shows that the attempt is one. Those with an effect outside
    have their control in the user's own run."""
    place = Place(folder)
    inside = {name: attempt for name, (_, attempt, effect) in ESCAPES.items() if not effect}
    note(folder, ((name, tried(place, attempt)) for name, attempt in inside.items()))


def note(folder, found):
    """In a shadow this is written as all else is, and seen by nobody."""
    with open(os.path.join(folder, f"found-{os.getuid()}"), "w") as file:
        file.writelines(f"{result} {name}\n" for name, result in found)


def controls(folder):
    """Each that has succeeded outside, and with a remark each that this kernel does not have."""
    results = {}
    for name in os.listdir(folder):
        if name.startswith("found-"):
            for line in open(os.path.join(folder, name)):
                result, attempt = line.rstrip("\n").split(" ", 1)
                results.setdefault(attempt, set()).add(int(result))
    for attempt, seen in results.items():
        if HOLE in seen:
            print(attempt)
        elif LACKING in seen:
            print(attempt)
            print(f"this kernel has no {attempt}", file=sys.stderr)


def effects(folder):
    place = Place(folder)
    time.sleep(0.3)
    for name, (_bait, _attempt, effect) in ESCAPES.items():
        if effect and effect(place):
            print(name)


if __name__ == "__main__":
    verb, arguments = sys.argv[1], sys.argv[2:]
    if verb == "bait":
        bait(arguments[0], *(int(word) for word in arguments[1:]))
    elif verb == "live":
        live(arguments[0], int(arguments[1]))
    elif verb == "attempt":
        sys.exit(attempt_all(arguments[0]))
    elif verb == "effects":
        effects(arguments[0])
    elif verb == "control":
        control(arguments[0])
    elif verb == "controls":
        controls(arguments[0])
    elif verb == "all":
        print("\n".join(ESCAPES))
    else:
        print("\n".join(name for name, (_, _, effect) in ESCAPES.items() if effect))
