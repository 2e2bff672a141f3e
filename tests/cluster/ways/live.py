"""The live job of the same user, which a shadow must neither reach nor hinder: it notes whatever comes to it."""

import ctypes
import fcntl
import json
import mmap
import os
import pty
import resource
import select
import signal
import socket
import time

from ways.counted import refused_to_live_job, set_limits_of_live_job
from ways.processes import OWN_PROCESS
from ways.shared import stand_in
from ways.table import LIBC, NETWORK, own_namespaces, touch

FIFOS = ("fifo", "splice", "tee", "vmsplice")
NOTED = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH)
OPEN, READ = 0x20, 0x1


def note_signals(folder):
    for number in NOTED:
        signal.signal(number, lambda number, _frame: touch(folder, f"signal-{int(number)}"))
    signal.signal(signal.SIGIO, lambda _number, _frame: touch(folder, "heard-lease"))


def child(work):
    """A process that does some work, then sleeps for as long as the live job is there."""
    pid = os.fork()
    if pid == 0:
        for number in NOTED:
            signal.signal(number, signal.SIG_IGN)
        LIBC.prctl(1, signal.SIGKILL)
        work()
        while True:
            time.sleep(600)
    return pid


def empty_file(folder, name):
    path = os.path.join(folder, name)
    open(path, "w").close()
    return path


def hold_locks(folder):
    """The descriptors that hold them."""
    locked = [open(path, "rb") for path in ("/dev/zero", "/dev/null", stand_in())]
    locked.append(open(empty_file(folder, "locked"), "r+b"))
    for file in locked:
        fcntl.flock(file, fcntl.LOCK_EX)
    fcntl.lockf(locked[-1], fcntl.LOCK_EX)
    return locked


def hold_lease(folder):
    leased = os.open(empty_file(folder, "leased"), os.O_RDWR)
    fcntl.fcntl(leased, fcntl.F_SETLEASE, fcntl.F_WRLCK)


def watch(folder):
    watcher = LIBC.inotify_init1(0)
    LIBC.inotify_add_watch(watcher, empty_file(folder, "watched").encode(), OPEN | READ)
    return watcher


def sockets(folder, port):
    addresses = [
        ("abstract", socket.AF_UNIX, socket.SOCK_STREAM, f"\0escapes-{port}"),
        ("packets", socket.AF_UNIX, socket.SOCK_SEQPACKET, f"\0escapes-packets-{port}"),
        ("path", socket.AF_UNIX, socket.SOCK_STREAM, os.path.join(folder, "socket")),
        ("datagram", socket.AF_UNIX, socket.SOCK_DGRAM, os.path.join(folder, "datagram")),
        ("tcp", socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", port)),
        ("tcp6", socket.AF_INET6, socket.SOCK_STREAM, ("::1", port)),
        ("udp", socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", port)),
    ]
    for name, family, kind, address in addresses:
        listener = socket.socket(family, kind)
        listener.bind(address)
        if kind != socket.SOCK_DGRAM:
            listener.listen()
        yield listener, name


def fifos(folder):
    for name in FIFOS:
        os.mkfifo(os.path.join(folder, name))
        yield os.open(os.path.join(folder, name), os.O_RDWR), name


class Memory:
    """What others may write into: some that is mapped, and some that is a file."""

    def __init__(self):
        self.mapped = mmap.mmap(-1, 4096)
        self.mapped[:16] = bytes(range(16))
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self.mapped))
        self.file = os.memfd_create("escapes")

    def changed(self):
        if self.mapped[:16] != bytes(range(16)):
            yield "memory"
        if os.fstat(self.file).st_size:
            yield "memfd"


def hindered(folder):
    """What the live job cannot do just now."""
    try:
        os.close(os.open(os.path.join(folder, "wanted"), os.O_WRONLY | os.O_NONBLOCK))
    except BlockingIOError:
        yield "kept-out"
    here, there = socket.socketpair()
    try:
        socket.send_fds(here, [b"X"], [0])
    except OSError:
        yield "no way for descriptors"
    here.close()
    there.close()
    yield from refused_to_live_job()


def live(folder, port):
    note_signals(folder)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    set_limits_of_live_job()
    empty_file(folder, "wanted")
    hold_lease(folder)
    _locks = hold_locks(folder)
    memory = Memory()
    listeners = {watch(folder): "watch", **dict(sockets(folder, port)), **dict(fifos(folder))}
    pipes = {}
    for name in ("pipe", "pipe to splice"):
        end, pipes[name] = os.pipe()
        listeners[end] = name
    terminal, shown = pty.openpty()
    listeners[terminal] = "terminal"
    facts = {
        **pipes,
        "memory": memory.address,
        "memfd": memory.file,
        "terminal": os.ttyname(shown),
        "processes": {name: child(lambda: None) for name in OWN_PROCESS},
        "in a namespace": child(lambda: own_namespaces(NETWORK)),
    }
    for name, text in (("live.json", json.dumps(facts)), ("live.pid", str(os.getpid()))):
        with open(os.path.join(folder, "live.new"), "w") as file:
            file.write(text)
        os.rename(os.path.join(folder, "live.new"), os.path.join(folder, name))
    while True:
        for ready in select.select(list(listeners), [], [], 0.2)[0]:
            touch(folder, f"heard-{listeners.pop(ready)}")
        for name in (*memory.changed(), *hindered(folder)):
            touch(folder, f"heard-{name}")
