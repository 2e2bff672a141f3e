"""What the node and the user's live work share with every job."""

import os
import resource
import shutil
import socket
import time

from ways.files import is_locked
from ways.table import escape, heard, note, noted


@escape("block devices")
def _(_place):
    return any(os.path.exists(f"/dev/{name}") for name in ("vda", "sda", "nvme0n1", "mem", "kmsg", "fuse"))


@escape("cgroup of its own")
def _(_place):
    return any(os.path.exists(f"/sys/fs/cgroup/{name}") for name in ("memory", "freezer", "cgroup.procs"))


@escape("ordinary priority")
def _(_place):
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return True


@escape("sockets of the node")
def _(_place):
    return bool(set(os.listdir("/run")) - {"shadowfit"})


@escape("processes of the node")
def _(_place):
    return len([pid for pid in os.listdir("/proc") if pid.isdigit()]) > 20


def device_time(_place):
    return os.stat("/dev/full").st_mtime_ns


def bait_device(place):
    note(place.path("device-time"), str(device_time(place)))


@escape("times of a device", bait_device, lambda place: device_time(place) != int(noted(place.path("device-time"))))
def _(_place):
    os.utime("/dev/full")


@escape("lock on a device")
def _(_place):
    return is_locked("/dev/zero")


def stand_in():
    """The node's own; in a shadow it also takes srun's place."""
    return os.path.join(os.path.dirname(os.environ["SLURM_CONF"]), "../plugins/shadowfit-standin")


@escape("lock on the stand-in")
def _(_place):
    return any(is_locked(path) for path in (shutil.which("srun"), stand_in()))


def bait_stand_in(place):
    """As on a node where somebody was careless."""
    os.chmod(stand_in(), 0o777)
    note(place.path("stand-in-size"), str(os.stat(stand_in()).st_size))


def stand_in_changed(place):
    size = int(noted(place.path("stand-in-size")))
    changed = os.stat(stand_in()).st_size != size
    os.truncate(stand_in(), size)
    os.chmod(stand_in(), 0o755)
    return changed


@escape("the stand-in's content", bait_stand_in, stand_in_changed)
def _(_place):
    for path in (stand_in(), shutil.which("srun")):
        with open(path, "ab") as file:
            file.write(b"X")


# ---- what the kernel counts by user: the shadow may use up what the user's live work has --------------


def limit_of(pid, name):
    """The hard limit in /proc/PID/limits."""
    with open(f"/proc/{pid}/limits") as file:
        for line in file:
            if line.startswith(name):
                return line[len(name) :].split()[1]
    return "unlimited"


def keeps_share(name):
    def bait(place):
        note(place.path(name), limit_of(place.facts["live_pid"], name))

    @escape(name, bait)
    def _(place):
        live = noted(place.path(name))
        own = limit_of("self", name)
        return live != "unlimited" and (own == "unlimited" or int(own) * 4 > int(live))


keeps_share("Max pending signals")
keeps_share("Max msgqueue size")


def all_descriptors():
    """As many as this process may have."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


@escape("descriptors under way", effect=heard("no way for descriptors"), still_open=True)
def _(_place):
    # The live job may have 1024 open, and so many may be under way in all sockets of its user before it is refused.
    all_descriptors()
    here, _there = socket.socketpair()
    null = os.open("/dev/null", os.O_RDONLY)
    for _ in range(16):
        socket.send_fds(here, [b"X"], [null] * 250)
    time.sleep(1)
