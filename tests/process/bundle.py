# SPDX-License-Identifier: Apache-2.0
"""Bundles: config.json documents like those that engines write."""

import copy
import json

# What Docker grants by default.
DOCKER_CAPABILITIES = [
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID",
    "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE",
]

ALL_CAPABILITIES = DOCKER_CAPABILITIES + [
    "CAP_DAC_READ_SEARCH", "CAP_LINUX_IMMUTABLE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_IPC_LOCK", "CAP_IPC_OWNER",
    "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_LEASE", "CAP_AUDIT_CONTROL", "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
]


def capabilities(names=DOCKER_CAPABILITIES, ambient=()):
    """The `capabilities` object of a process that holds NAMES."""
    sets = {kind: list(names) for kind in ("bounding", "effective", "permitted")}
    return sets | {"inheritable": list(ambient), "ambient": list(ambient)}


def process(args=("/bin/true",), names=DOCKER_CAPABILITIES, **more):
    """A `process` object, as config.json holds it and as an exec's process.json is."""
    return {
        "user": {"uid": 0, "gid": 0, "additionalGids": [0, 10]},
        "args": list(args),
        "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOSTNAME=0123456789ab"],
        "cwd": "/",
        "capabilities": capabilities(names),
        "rlimits": [{"type": "RLIMIT_CORE", "hard": 18446744073709551615, "soft": 18446744073709551615}],
        "oomScoreAdj": 0,
    } | more


def config(**more):
    """A small config.json that runc and crun accept, its root in `rootfs`. MORE replaces top-level members."""
    return {
        "ociVersion": "1.0.2",
        "process": process(),
        "root": {"path": "rootfs"},
        "hostname": "0123456789ab",
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=65536k"]},
        ],
        "linux": {"namespaces": [{"type": kind} for kind in ("mount", "uts", "ipc", "pid", "network")]},
    } | copy.deepcopy(more)


def docker_like(size=13970, args=("nginx", "-g", "daemon off;")):
    """A config.json of SIZE bytes in the proportions of Docker's: 30 mounts, 40 capabilities in each of three sets, and a
    seccomp profile of 427 system calls."""
    mounts = [{"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid", "noexec", "nodev"]}]
    mounts += [{"destination": f"/srv/{n:02}", "type": "bind", "source": "/usr/share", "options": ["rbind", "rprivate"]} for n in range(6)]
    mounts += [{"destination": f"/run/{n:02}", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev"]} for n in range(23)]
    document = config(
        process=process(args, ALL_CAPABILITIES[:40]),
        mounts=mounts,
        linux={
            "cgroupsPath": "system.slice:docker:0123456789ab",
            "namespaces": [{"type": kind} for kind in ("mount", "uts", "ipc", "pid", "network")],
            "seccomp": {
                "defaultAction": "SCMP_ACT_ERRNO",
                "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
                "syscalls": [{"names": [f"call{n:03}" for n in range(426)] + ["keyctl"], "action": "SCMP_ACT_ALLOW"}],
            },
            "maskedPaths": ["/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/sys/firmware"],
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
        },
    )
    del document["process"]["capabilities"]["inheritable"], document["process"]["capabilities"]["ambient"]
    return pad(document, size)


def pad(document, size):
    """DOCUMENT as JSON of exactly SIZE bytes, by one long environment variable."""
    document["process"]["env"].append("PADDING=")
    missing = size - len(encode(document))
    if missing < 0:
        raise ValueError(f"the document is {-missing} bytes longer than {size}")
    document["process"]["env"][-1] += "x" * missing
    return encode(document)


def encode(document):
    """DOCUMENT as engines write it: no white space, a newline at the end."""
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"
