# SPDX-License-Identifier: Apache-2.0
"""intruder.py PID [LABEL]: comes into the container of process PID with all that root may, takes the label LABEL there, and tries what an intruder
would, and what the container does itself. Prints JSON: what was tried → errno, 0 if it was done. Without LABEL all is done, which shows
that nothing but the profile is in the way."""
import ctypes
import errno
import json
import os
import socket
import sys
import time

LIBC = ctypes.CDLL(None, use_errno=True)
DETACH, SEIZE = 2, 0x4206  # MNT_DETACH, PTRACE_SEIZE
# CLONE_…: Python has setns(2) from 3.12 on.
NEWNS, NEWUTS, NEWIPC, NEWPID, NEWNET = 0x20000, 0x4000000, 0x8000000, 0x20000000, 0x40000000


def call(function, *arguments):
    if function(*arguments) != 0:
        raise OSError(ctypes.get_errno(), function.__name__)


def execute(program, command="true"):
    child = os.fork()
    if child == 0:
        try:
            os.execve(program, [program, "-c", command], {})  # what it says of its surroundings is no answer
        except OSError as error:
            os._exit(error.errno)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status != 0:
        raise OSError(status, program)


def opens(path, flags):
    return lambda: os.close(os.open(path, flags, 0o644))


def makes(folder, owner=0):
    def make():
        file = os.open(f"{folder}/{time.monotonic_ns()}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        os.fchown(file, owner, owner)
    return make


def opens_socket(kind, protocol):
    return lambda: socket.socket(socket.AF_INET, kind, protocol).close()


def listens(port):
    def listen():
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as server:
            server.bind(("127.0.0.1", port))
    return listen


def loads_module():
    """It is none, which who may load one is told of (kernel/module/main.c: may_init_module() comes first)."""
    if LIBC.init_module(b"", 0, b"") != 0 and ctypes.get_errno() != errno.ENOEXEC:
        raise OSError(ctypes.get_errno(), "init_module")


DEEDS = {
    "a library": opens("/lib/x86_64-linux-gnu/libc.so.6", os.O_RDONLY),
    "a socket": opens_socket(socket.SOCK_STREAM, 0),
    "passwords": opens("/etc/shadow", os.O_RDONLY),
    "accounts": opens("/etc/passwd", os.O_RDONLY),
    "names of hosts": opens("/etc/hosts", os.O_RDONLY),
    "a shell": lambda: execute("/bin/sh"),
    "bash": lambda: execute("/usr/bin/bash"),
    "Python": lambda: execute("/usr/bin/python3", "0"),
    "a module": loads_module,
    "the kernel's log": opens("/dev/kmsg", os.O_RDONLY),
    "port 443": listens(443),
    "a file in /app": makes("/app"),
    "a file in /var/log": makes("/var/log"),
    "a file in /var/log/my-webapp": makes("/var/log/my-webapp"),
    "a file in /var/lib/my-webapp": makes("/var/lib/my-webapp"),
    "a file in /etc/my-webapp": makes("/etc/my-webapp"),
    "a file in /etc": makes("/etc"),
    "a program": opens("/bin/intruder", os.O_WRONLY | os.O_CREAT),
    "a raw socket": opens_socket(socket.SOCK_RAW, socket.IPPROTO_ICMP),
    "a mount": lambda: call(LIBC.mount, b"none", b"/tmp", b"tmpfs", 0, None),
    "tracing": lambda: call(LIBC.ptrace, SEIZE, 1, None, None),
    "a switch of the kernel": opens("/proc/sys/net/ipv4/ip_forward", os.O_WRONLY),
    "a paper that was sent": makes("/var/lib/papers"),
    "a paper of another owner": makes("/var/lib/papers", owner=33),
    "a published paper": makes("/srv/public"),
    "a published paper of another owner": makes("/srv/public", owner=33),
    "the host's name": lambda: socket.sethostname("intruder"),
}


def errno_of(deed):
    try:
        deed()
    except OSError as error:
        return error.errno
    return 0


def enter(pid):
    """Into all namespaces of PID, with mounts of its own, where /proc/sys is not read-only."""
    call(LIBC.setns, os.pidfd_open(pid), NEWPID | NEWNET | NEWIPC | NEWUTS | NEWNS)
    call(LIBC.unshare, NEWNS)
    call(LIBC.umount2, b"/proc/sys", DETACH)


def main(pid, label=""):
    enter(int(pid))
    child = os.fork()  # a process is in the new PID namespace from its birth on
    if child == 0:
        if label:
            with open("/proc/self/attr/apparmor/current", "wb") as file:  # of the container: nothing more is imported from here on
                file.write(f"changeprofile {label}".encode())
        print(json.dumps({what: errno_of(deed) for what, deed in DEEDS.items()}), flush=True)
        os._exit(0)
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


main(*sys.argv[1:])
