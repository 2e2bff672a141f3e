"""Memory and messages that are no files, and what is sent through pipes, terminals and sockets."""

import ctypes
import os
import socket

from ways.table import LIBC, escape, heard, system_call

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


# ---- pipes: what needs no write ----------------------------------------------------------------------


def pipe_with(text):
    end, begin = os.pipe()
    os.write(begin, text)
    return end


def fifo_escape(name):
    """Into a FIFO that the live job reads: heard as `name`."""

    def register(send):
        @escape(f"{name} into a FIFO", effect=heard(name))
        def _(place):
            send(os.open(place.path(name), os.O_WRONLY | os.O_NONBLOCK))

    return register


@fifo_escape("splice")
def _(fifo):
    os.splice(pipe_with(b"X"), fifo, 1)


@fifo_escape("tee")
def _(fifo):
    system_call(276, pipe_with(b"X"), fifo, 1, 0)


@fifo_escape("vmsplice")
def _(fifo):
    text = ctypes.create_string_buffer(b"X")
    system_call(278, fifo, (ctypes.c_size_t * 2)(ctypes.addressof(text), 1), 1, 0)


def of_live_job(place, what):
    return f"/proc/{place.facts['live_pid']}/fd/{place.live[what]}"


@escape("a pipe of a live job", effect=heard("pipe"))
def _(place):
    os.write(os.open(of_live_job(place, "pipe"), os.O_WRONLY | os.O_NONBLOCK), b"X")


@escape("splice into a pipe of a live job", effect=heard("pipe to splice"))
def _(place):
    os.splice(pipe_with(b"X"), os.open(of_live_job(place, "pipe to splice"), os.O_WRONLY | os.O_NONBLOCK), 1)


@escape("memory that a live job has as a file", effect=heard("memfd"))
def _(place):
    os.write(os.open(of_live_job(place, "memfd"), os.O_WRONLY), b"X")


@escape("a terminal of a live job", effect=heard("terminal"))
def _(place):
    os.write(os.open(place.live["terminal"], os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK), b"X\n")


@escape("datagram to a socket in a folder", effect=heard("datagram"))
def _(place):
    say(socket.SOCK_DGRAM, place.path("datagram"))


@escape("abstract socket of packets", effect=heard("packets"))
def _(place):
    say(socket.SOCK_SEQPACKET, f"\0escapes-packets-{place.facts['port']}")
