"""Other processes: a live job of the same user, those that it has for one attempt each, and what outlives a job."""

import ctypes
import os
import resource
import signal
import subprocess

from ways.table import LIBC, escape, heard, note, noted, system_call


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


@escape("signal by a handle of a live job", effect=got_signal(int(signal.SIGWINCH)))
def _(place):
    signal.pidfd_send_signal(os.pidfd_open(place.facts["live_pid"]), signal.SIGWINCH)


# ---- settings of a process: each attempt has one of the live job's for itself -------------------------

OWN_PROCESS = ("renice", "renice all", "I/O priority", "I/O priority of all", "cores", "limits", "oom score")


def own(place, name):
    return place.live["processes"][name]


@escape("renice all of a user", effect=lambda place: os.getpriority(os.PRIO_PROCESS, own(place, "renice all")) == 3)
def _(_place):
    os.setpriority(os.PRIO_USER, os.getuid(), 3)


@escape("renice a live job", effect=lambda place: os.getpriority(os.PRIO_PROCESS, own(place, "renice")) == 7)
def _(place):
    os.setpriority(os.PRIO_PROCESS, own(place, "renice"), 7)


IOPRIO_SET, IOPRIO_GET, OF_PROCESS, OF_USER = 251, 252, 1, 3
BEST_EFFORT = 2 << 13


def io_priority(pid):
    return system_call(IOPRIO_GET, OF_PROCESS, pid) & 7


@escape("I/O priority of all of a user", effect=lambda place: io_priority(own(place, "I/O priority of all")) == 5)
def _(_place):
    system_call(IOPRIO_SET, OF_USER, os.getuid(), BEST_EFFORT | 5)


@escape("I/O priority of a live job", effect=lambda place: io_priority(own(place, "I/O priority")) == 7)
def _(place):
    system_call(IOPRIO_SET, OF_PROCESS, own(place, "I/O priority"), BEST_EFFORT | 7)


def bait_cores(place):
    note(place.path("cores"), str(len(os.sched_getaffinity(own(place, "cores")))))


def cores_taken(place):
    return len(os.sched_getaffinity(own(place, "cores"))) < int(noted(place.path("cores")))


@escape("cores of a live job", bait_cores, cores_taken)
def _(place):
    os.sched_setaffinity(own(place, "cores"), {min(os.sched_getaffinity(0))})


def stack_limit(pid):
    """As anybody may read it."""
    lines = noted(f"/proc/{pid}/limits").splitlines()
    return next(line.split()[3] for line in lines if line.startswith("Max stack size"))


@escape("limits of a live job", effect=lambda place: stack_limit(own(place, "limits")) == "4096")
def _(place):
    _soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    resource.prlimit(own(place, "limits"), resource.RLIMIT_STACK, (4096, hard))


def oom_score(place):
    return f"/proc/{own(place, 'oom score')}/oom_score_adj"


@escape("which process dies first", effect=lambda place: int(noted(oom_score(place))) == 900)
def _(place):
    with open(oom_score(place), "w") as file:
        file.write("900")


# ---- looking into a process --------------------------------------------------------------------------


@escape("ptrace a live job")
def _(place):
    return LIBC.ptrace(0x4206, place.facts["live_pid"], None, None) == 0


@escape("memory of a live job")
def _(place):
    with open(f"/proc/{place.facts['live_pid']}/mem", "r+b"):
        return True


def move_memory(call, place, text):
    """process_vm_readv and its like, with what the live job has mapped for that."""
    here = ctypes.create_string_buffer(text, 16)
    own, other = ((ctypes.c_size_t * 2)(address, 16) for address in (ctypes.addressof(here), place.live["memory"]))
    return system_call(call, place.facts["live_pid"], ctypes.addressof(own), 1, ctypes.addressof(other), 1, 0)


@escape("memory of a live job by a call")
def _(place):
    # Without anything to read the kernel says yes for any number of a process.
    return move_memory(310, place, b"") > 0


@escape("memory of a live job written by a call", effect=heard("memory"))
def _(place):
    move_memory(311, place, b"X" * 16)


@escape("a handle of a live job")
def _(place):
    return system_call(434, place.facts["live_pid"], 0) >= 0


@escape("descriptor of a live job")
def _(place):
    handle = system_call(434, place.facts["live_pid"], 0)
    return system_call(438, handle, place.live["memfd"], 0) >= 0


@escape("namespace of another process")
def _(place):
    """The user's own: whoever made it may enter it."""
    namespace = os.open(f"/proc/{place.live['in a namespace']}/ns/user", os.O_RDONLY)
    return system_call(308, namespace, 0) == 0


# ---- what outlives a job -----------------------------------------------------------------------------


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
