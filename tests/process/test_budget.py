# SPDX-License-Identifier: Apache-2.0
"""What a container's side may write costs the host little: every call ends soon and in little memory, done or refused.

The bounds are far from what these calls take today, since a test machine may be slow, and farther from what each of them took before
there was a budget: seconds to minutes, or gigabytes.
"""

import os

import bundle as bundles
import harness
from test_exec import RunningContainer

MEASURE = harness.FAKE.parent / "measure"
SECONDS = 1.0
MEMORY_KIB = 16 * 1024
BIG = 1 << 20  # beyond it, a call may hold the document once more

# Rules ask for the entrypoint and for names of devices, so that these are looked for.
BOUNDS = {"hostPaths": ["/usr/share"], "devices": [], "keepMasked": True, "denySyscalls": """
    acct add_key bpf chroot clock_adjtime clock_settime create_module delete_module fanotify_init finit_module fsconfig fsmount fsopen fspick
    init_module io_uring_enter io_uring_register io_uring_setup ioperm iopl kcmp kexec_file_load kexec_load keyctl lookup_dcookie mbind
    migrate_pages mount mount_setattr move_mount move_pages name_to_handle_at nfsservctl open_by_handle_at open_tree perf_event_open personality
    pivot_root process_vm_readv process_vm_writev ptrace query_module quotactl quotactl_fd reboot request_key set_mempolicy setdomainname
    sethostname setns settimeofday swapoff swapon symlink sysfs umount2 unshare uselib userfaultfd ustat vhangup vmsplice""".split()}
CATALOG = harness.CATALOG | {"confinements": {"test": harness.BASE | BOUNDS}, "rules": [
    {"match": {"entrypoint": "/usr/bin/nosuch"}, "reject": "found"}, {"match": {"device": "/dev/nosuch"}, "reject": "found"}]}
DOTS = "./" * 2040


def chain(rootfs, links=39):
    """LINKS links, each as long as one can be, that lead to a directory with a program."""
    (rootfs / "end").mkdir(parents=True)
    (rootfs / "end/app").write_bytes(b"#!/bin/sh\n")
    (rootfs / "end/app").chmod(0o755)
    for i in range(links):
        os.symlink(DOTS + (f"{i - 1}" if i else "end"), rootfs / f"{i}")


def path_of(text):
    return {"process": bundles.process(["app"]) | {"env": [f"PATH={text}"], "user": {"uid": 1000, "gid": 1000}}}


# Name → members of config.json.
HOSTILE = {
    "long links in PATH": path_of(":".join(f"/38/x{i}/.." for i in range(1000))),
    "long links at the end": path_of("/38:" * 1000),
    "many elements": path_of("/nosuch:" * 16_000),
    "many empty elements": path_of(":" * 400_000),
    "many elements and a long word": path_of("/nosuch:" * 16_000) | {"process": bundles.process(["a" * 100_000]) | {"env": ["PATH=" + "/a:" * 9000]}},
    "a long working directory": {"process": bundles.process(["app"]) | {"cwd": "/" + "a/" * 100_000, "env": ["PATH=" + "b:" * 9000]}},
    "a working directory through links": {"process": bundles.process(["app"]) | {"cwd": "/38/38/38"}},
    "many mounts": {"mounts": [{"destination": f"/m/{i}", "type": "tmpfs", "source": "tmpfs"} for i in range(12_000)]},
    "mounts in mounts": {"mounts": [{"destination": "/m" * i, "type": "tmpfs", "source": "tmpfs"} for i in range(1, 900)]},
    "mounts behind links": {"mounts": [{"destination": f"/38/{i}", "type": "tmpfs", "source": "tmpfs"} for i in range(1000)]},
    "many groups": {"process": bundles.process(["app"]) | {"user": {"uid": 1000, "gid": 1, "additionalGids": list(range(120_000))}}},
    "many annotations": {"annotations": {f"k{i}": "v" for i in range(40_000)}},
    "many variables": {"process": bundles.process(["app"]) | {"env": [f"PATH=/a{i}" for i in range(60_000)]}},
    "many arguments": {"process": bundles.process(["env", *["A=b"] * 120_000])},
    "many capabilities": {"process": bundles.process(["app"], ["CAP_KILL"] * 40_000)},
    "many namespaces": {"linux": {"namespaces": [{"type": "pid"}] * 40_000}},
    "many binds": {"mounts": [{"destination": f"/m/{i}", "type": "bind", "source": "/usr/share"} for i in range(12_000)]},
    "binds through links": {"mounts": [{"destination": f"/m/{i}", "type": "bind", "source": "rootfs/38/" + DOTS} for i in range(100)]},
    "many devices": {"linux": {"devices": [{"path": f"/dev/d{i}", "type": "c", "major": 10, "minor": i} for i in range(40_000)]}},
    "many device rules": {"linux": {"resources": {"devices": [{"allow": True, "type": "c", "major": i, "access": "r"} for i in range(40_000)]}}},
    "devices times rules": {"linux": {"devices": [{"path": "/dev/null", "type": "c", "major": 1, "minor": 3}] * 4000, "resources": {"devices": [
        {"allow": False, "access": "rwm"}, *[{"allow": True, "access": "rwm"}] * 4000]}}},
    "many default devices": {"linux": {"devices": [{"path": "/dev/null", "type": "c", "major": 1, "minor": 3}] * 60_000}},
    "many empty devices": {"linux": {"devices": [{}] * 400_000}},
    "many empty mounts": {"mounts": [{}] * 400_000},
    "many empty hooks": {"hooks": {"poststop": [{"args": [""] * 20_000}] * 40}},
    "many empty arguments": {"process": bundles.process([""] * 1_000_000)},
    "binds under mounts": {"mounts": [*({"destination": f"/b/{i}", "type": "bind", "source": "/usr/share"} for i in range(600)),
                                      *[{"destination": "/m", "type": "ramfs"}] * 30_000]},
    "many hooks": {"hooks": {"prestart": [{"path": "/bin/true"}] * 40_000}},
    "many masked paths": {"linux": {"maskedPaths": ["/proc/x"] * 40_000, "readonlyPaths": ["/proc/" + "y/" * 100_000]}},
    "many system calls": {"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
        {"names": ["read"] * 100, "action": "SCMP_ACT_ALLOW"}] * 1000}}},
    "long names of system calls": {"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["r" * 100] * 250_000, "action": "SCMP_ACT_ERRNO"}]}}},
}


class Bounded(harness.ShimTest):
    def setUp(self):
        super().setUp()
        result = self.try_to_load(CATALOG)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def measured(self, call, size):
        """CALL(prefix), which must end within the bounds; what came of it."""
        file = harness.WORK / "measured"
        run = call(prefix=(MEASURE, file))
        micros, kib = map(int, file.read_text().split())
        self.assertLess(micros / 1e6, SECONDS, run.message)
        self.assertLess(kib, MEMORY_KIB if size < BIG else MEMORY_KIB + 2 * size // 1024, run.message)
        return run

    def test_create(self):
        refused = []
        for number, (name, members) in enumerate(HOSTILE.items()):
            with self.subTest(name):
                directory = self.make_bundle(bundles.config(**members), f"bundle{number}")
                chain(directory / "rootfs")
                size = (directory / "config.json").stat().st_size
                run = self.measured(lambda directory=directory, **more: self.create(directory, **more), size)
                if run.record is None:
                    refused.append(name)
                    self.assertIn("refused (decision ", run.message)
        # The budget is what stopped these, and it stops nothing else.
        self.assertEqual(refused, ["long links in PATH", "long links at the end", "many elements", "many empty elements",
                                   "many elements and a long word", "a long working directory", "a working directory through links",
                                   "many mounts", "mounts in mounts", "mounts behind links", "many groups", "many annotations", "many namespaces", "many binds",
                                   "binds through links", "many devices", "many device rules", "many default devices", "many empty devices",
                                   "many empty mounts", "many empty hooks", "many empty arguments", "binds under mounts", "many hooks"])

    def test_what_is_refused_says_what_to_do(self):
        directory = self.make_bundle(bundles.config(**HOSTILE["many empty elements"]))
        chain(directory / "rootfs")
        self.assert_refused(self.create(directory), "takes more than 8192 steps: shorten PATH, or have fewer links and mounts on the way")

    def test_nothing_is_looked_for_that_no_rule_asks_for(self):
        self.load_catalog()
        for name in ("many empty elements", "many mounts"):
            directory = self.make_bundle(bundles.config(**HOSTILE[name]), f"unasked {name}")
            self.assertIsNotNone(self.create(directory).record, name)


class BoundedExec(RunningContainer):
    def test_exec(self):
        chain(self.bundle / "rootfs")
        for name, members in HOSTILE.items():
            if "process" not in members:
                continue
            with self.subTest(name):
                path = self.write_process(**members["process"])
                file = harness.WORK / "measured"
                run = self.exec(path, prefix=(MEASURE, file))
                micros, kib = map(int, file.read_text().split())
                self.assertLess(micros / 1e6, SECONDS, run.message)
                size = path.stat().st_size
                self.assertLess(kib, MEMORY_KIB if size < BIG else MEMORY_KIB + 2 * size // 1024, run.message)
