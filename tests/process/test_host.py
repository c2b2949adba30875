# SPDX-License-Identifier: Apache-2.0
"""What a request brings from the host, resolved and bounded: paths, devices, namespaces, what is masked, hooks."""

import json
import os
import re
import subprocess

import harness
from host_test import CEILINGS, DENY_ALL, NAMESPACES, READ_ONLY, HostTest, bind, overlay

SYSFS = {"destination": "/sys", "type": "sysfs", "source": "sysfs"}


class Paths(HostTest):
    def test_only_what_is_listed(self):
        self.load(CEILINGS)
        self.assertEqual(self.created(mounts=[bind("/srv/data")])["mounts"], [bind("/srv/data")])
        self.refused("brings the host's '/usr/share' into the container", '"hostPaths" of confinement \'test\'', mounts=[bind("/usr/share")])
        self.refused("brings the host's '/usr/share'", mounts=[bind("/srv/data/../../usr/share")])
        self.refused("'ext4 of /dev/sda', in which"," keep what confines it", mounts=[{"destination": "/in", "type": "ext4", "source": "/dev/sda"}])

    def test_links_are_followed_and_stay_so(self):
        os.symlink("/usr/share", "/srv/out")
        os.symlink("data", "/srv/in")
        self.load(CEILINGS)
        self.refused("brings the host's '/usr/share'", mounts=[bind("/srv/out")])
        self.assertEqual(self.created(mounts=[bind("/srv/in")])["mounts"][0]["source"], "/srv/data")

    def test_a_volume_that_is_another_place(self):
        """As `docker volume create -o o=bind -o device=/usr` makes one."""
        for name in ("other", "own", "tmpfs"):
            os.makedirs(f"/srv/docker/volumes/{name}/_data")
        for name, what in (("other", ("--bind", "/usr")), ("tmpfs", ("-t", "tmpfs", "tmpfs"))):
            subprocess.run(["mount", *what, f"/srv/docker/volumes/{name}/_data"], check=True)
            self.addCleanup(subprocess.run, ["umount", f"/srv/docker/volumes/{name}/_data"], check=True)
        self.load({"hostPaths": ["/opt/**"]})
        self.assert_refused(self.docker_created(bind("/srv/docker/volumes/other/_data")), "(by '/srv/docker/volumes/other/_data')")
        self.assert_refused(self.docker_created(overlay("/srv/docker/volumes/other/_data")), "brings the host's '/usr' (by 'overlay of overlay')")
        for name in ("own", "tmpfs"):
            for mount in (bind, overlay):
                self.assertIsNotNone(self.docker_created(mount(f"/srv/docker/volumes/{name}/_data")).record, name)
        self.assert_refused(self.docker_created(bind("/srv/docker")), "brings the host's '/srv/docker' into")
        self.load({"hostPaths": ["/usr"]})
        self.assertIsNotNone(self.docker_created(bind("/srv/docker/volumes/other/_data")).record)

    def test_a_part_of_a_volume(self):
        """As dockerd mounts it anew (volume-subpath)."""
        for name in ("volumes/own/_data/part", "volumes/other/_data", "tmp/safe-mount1", "tmp/safe-mount2"):
            os.makedirs(f"/srv/docker/{name}")
        self.load({"hostPaths": ["/opt/**"]})
        self.assert_refused(self.docker_created(bind("/srv/docker/tmp")), "brings the host's '/srv/docker/tmp' into")
        mounts = (("/usr", "volumes/other/_data"), ("/srv/docker/volumes/own/_data/part", "tmp/safe-mount1"),
                  ("/srv/docker/volumes/other/_data/share", "tmp/safe-mount2"))
        for source, destination in mounts:
            subprocess.run(["mount", "--bind", source, f"/srv/docker/{destination}"], check=True)
            self.addCleanup(subprocess.run, ["umount", f"/srv/docker/{destination}"], check=True)
        self.assertIsNotNone(self.docker_created(bind("/srv/docker/tmp/safe-mount1")).record)
        self.assert_refused(self.docker_created(bind("/srv/docker/tmp/safe-mount2")), "brings the host's '/usr/share' (by '/srv/docker/tmp/safe-mount2')")

    def test_never(self):
        for ceilings in ({}, {"hostPaths": ["/**", "/{,run,etc}"]}):
            self.load(ceilings)
            for source in ("/run/aa-shim", "/etc/aa-shim/catalog.d", "/run", "/etc", "/", "/run/aa-shim/../aa-shim"):
                with self.subTest(source):
                    self.refused("keep what confines it", mounts=[bind(source)])
        self.load({"hostPaths": {"paths": ["/etc/aa-shim/**"], "weaker": True}})
        self.created(mounts=[bind("/etc/aa-shim/catalog.d")])
        self.refused("keep what confines it", mounts=[bind("/etc")])

    def test_a_source_that_is_not_there(self):
        self.load({})
        self.refused("the mount at '/in'", "'/srv/none'", "does not exist", mounts=[bind("/srv/none")])

    def test_rules(self):
        self.load({}, [
            {"match": {"hostPath": {"any": "/srv/da*"}}, "reject": "any"},
            {"match": {"hostPath": {"outside": ["/srv/**", "/usr/**"]}}, "reject": "outside"},
        ])
        self.refused("any", mounts=[bind("/usr/share"), bind("/srv/data", "/b")])
        self.refused("outside", mounts=[bind("/usr/share"), bind("/tmp", "/b")])
        self.created(mounts=[bind("/usr/share")])


class Devices(HostTest):
    fuse = {"path": "/dev/x", "type": "c", "major": 10, "minor": 229}
    disk = {"path": "/dev/fuse", "type": "b", "major": 8, "minor": 0}

    def rules(self, *allowed):
        return [DENY_ALL, *({"allow": True, "type": kind, "major": major, "minor": minor, "access": "rwm"} for kind, major, minor in allowed)]

    def test_only_what_is_listed_is_left(self):
        self.load(CEILINGS)
        seen = self.created(linux={"namespaces": NAMESPACES, "devices": [self.disk, self.fuse],
                                   "resources": {"devices": [*self.rules(("b", 8, 0), ("c", 10, 229)), {"allow": True, "access": "rwm"}]}})
        self.assertEqual(seen["linux"]["devices"], [self.fuse] if os.path.exists("/sys/dev/char/10:229") else [])
        left = [(rule["allow"], rule.get("type"), rule.get("major")) for rule in seen["linux"]["resources"]["devices"]]
        self.assertEqual(left[0], (False, None, None))
        self.assertNotIn((True, "b", 8), left)
        self.assertNotIn((True, None, None), left)

    def test_a_rule_without_access(self):
        """runc refuses it; for others it may be about all access."""
        self.load(CEILINGS)
        rules = [DENY_ALL, {"allow": True, "type": "b", "major": 8}, {"allow": True, "type": "c", "major": 9, "access": ""}]
        seen = self.created(linux={"namespaces": NAMESPACES, "resources": {"devices": rules}})
        self.assertEqual(seen["linux"]["resources"]["devices"], [DENY_ALL])

    def test_without_a_ceiling_all_stays(self):
        self.load({})
        linux = {"namespaces": NAMESPACES, "devices": [self.disk], "resources": {"devices": self.rules(("b", 8, 0))}}
        seen = self.created(linux=linux)["linux"]
        self.assertEqual({key: seen[key] for key in linux}, linux)

    def test_rules(self):
        self.load({}, [{"match": {"device": "b 8:*"}, "reject": "a disk"}, {"match": {"device": "/dev/kmsg"}, "reject": "the log"}])
        self.refused("a disk", linux={"namespaces": NAMESPACES, "devices": [self.disk]})
        self.refused("a disk", linux={"namespaces": NAMESPACES, "resources": {"devices": self.rules(("b", 8, -1))}})
        self.refused("the log", linux={"namespaces": NAMESPACES, "devices": [{"path": "/dev/null", "type": "c", "major": 1, "minor": 11}]})
        self.created(linux={"namespaces": NAMESPACES, "devices": [{"path": "/dev/kmsg", "type": "c", "major": 1, "minor": 3}]})


class Kernel(HostTest):
    def test_namespaces(self):
        self.load(CEILINGS)
        self.refused("share the host's namespaces: pid, network:", linux={"namespaces": NAMESPACES[:3]})
        own = os.open("/proc/self/ns/net", os.O_RDONLY)
        self.addCleanup(os.close, own)
        here = f"/proc/{os.getpid()}/ns/net"
        self.refused("share the host's namespaces: network:", linux={"namespaces": [*NAMESPACES[:4], {"type": "network", "path": here}]})
        self.load({}, [{"match": {"hostNamespace": "pid"}, "reject": "sees all"}])
        self.refused("sees all", linux={"namespaces": NAMESPACES[:3]})
        self.created(linux={"namespaces": NAMESPACES})

    def test_what_is_masked_stays_masked(self):
        self.load(CEILINGS)
        linux = self.created(linux={"namespaces": NAMESPACES, "maskedPaths": ["/proc/kcore"]})["linux"]
        self.assertIn("/sys/firmware", linux["maskedPaths"])
        self.assertEqual(linux["maskedPaths"].count("/proc/kcore"), 1)
        self.assertIn("/proc/sys", linux["readonlyPaths"])
        self.refused("shows the kernel's files at another place", mounts=[{"destination": "/p", "type": "proc", "source": "proc"}])
        self.load({}, [{"match": {"unmasked": True}, "reject": "unmasked"}])
        self.refused("unmasked", linux={"namespaces": NAMESPACES, "maskedPaths": ["/proc/kcore"]})
        self.created(linux={"namespaces": NAMESPACES, "maskedPaths": ["/proc", "/sys"], "readonlyPaths": []})

    def test_hooks(self):
        self.load({}, [{"match": {"hooks": True}, "reject": "hooks"}])
        self.refused("hooks", hooks={"createRuntime": [{"path": "/bin/true", "args": ["libnetwork-setkey"]}]})
        self.created(hooks={"createRuntime": []})

    def test_settings_of_the_kernel(self):
        """A namespace of the host's that the container may share keeps what the host set."""
        self.load({"hostNamespaces": ["cgroup", "ipc", "network", "user", "uts"]})
        here = [{"type": kind, "path": f"/proc/{os.getpid()}/ns/{file}"} for kind, file in (("ipc", "ipc"), ("uts", "uts"), ("network", "net"))]
        settings = {"net.ipv4.ip_forward": "network", "net/core/somaxconn": "network", "kernel.shm_rmid_forced": "ipc", "kernel/msgmax": "ipc",
                    "kernel.sem": "ipc", "fs.mqueue.msg_max": "ipc", "kernel.domainname": "uts"}
        for name, space in settings.items():
            for namespaces in ([*NAMESPACES[:1], NAMESPACES[3]], [*NAMESPACES[:1], NAMESPACES[3], *here]):
                self.refused(f"'{name}' of the kernel belongs to the host's namespace {space}, which", linux={"namespaces": namespaces, "sysctl": {name: "1"}})
            self.created(linux={"namespaces": NAMESPACES, "sysctl": {name: "1"}})
        for name in ("kernel.core_pattern", "net", "vm.overcommit_memory", ""):
            self.refused(f"'{name}' of the kernel belongs to no namespace", linux={"namespaces": NAMESPACES, "sysctl": {name: "1"}})
        self.created(linux={"namespaces": NAMESPACES[:4], "sysctl": {}})
        self.load({})
        self.created(linux={"namespaces": NAMESPACES[:4], "sysctl": {"net.ipv4.ip_forward": "1"}})


class Hostile(HostTest):
    """Requests that name a thing of the host without calling it by its name."""

    def test_the_path_of_a_device(self):
        """Where runtimes cannot make a device's file they mount what lies at its path on the host."""
        for ceilings in ({}, CEILINGS):
            self.load(ceilings)
            for path in ("/run/aa-shim/catalog", "/etc/passwd", "/run"):
                self.refused("has the path of something else on the host", linux={
                    "namespaces": NAMESPACES, "devices": [{"path": path, "type": "c", "major": 1, "minor": 3}]})
        self.refused("has the path of something else", linux={
            "namespaces": [*NAMESPACES, {"type": "user"}], "devices": [{"path": "/dev/zero", "type": "c", "major": 1, "minor": 3}]})
        self.created(linux={"namespaces": NAMESPACES, "devices": [{"path": "/dev/nosuch", "type": "c", "major": 1, "minor": 3}]})

    def test_the_last_option_counts(self):
        self.load(CEILINGS)
        for options, expected in ((["ro", "rw"], READ_ONLY), (["rw", "ro"], ["rw", "ro"])):
            self.assertEqual(self.created(mounts=[SYSFS | {"options": options}])["mounts"], [SYSFS | {"options": expected}])

    def test_a_device_that_is_mounted(self):
        self.load({"devices": []}, [{"match": {"device": "/dev/kmsg"}, "reject": "the log"}])
        self.refused("the log", mounts=[bind("/dev/kmsg")])
        self.load({"devices": []})
        self.refused("brings the host's device '/dev/kmsg'", mounts=[bind("/dev/kmsg")])
        self.created(mounts=[bind("/dev/null")])

    def test_masks_of_nothing(self):
        self.load(CEILINGS)
        for nothing in ([""], ["/"], ["/pro"]):
            linux = self.created(linux={"namespaces": NAMESPACES, "maskedPaths": nothing, "readonlyPaths": nothing})["linux"]
            self.assertIn("/proc/kcore", linux["maskedPaths"])
            self.assertIn("/proc/sys", linux["readonlyPaths"])

    def test_the_kernels_files_elsewhere(self):
        self.load(CEILINGS | {"hostPaths": ["/proc{,/**}", "/sys{,/**}"]})
        for source in ("/proc", "/proc/sys/kernel", "/sys/kernel/mm"):
            self.refused("shows the kernel's files at another place", mounts=[bind(source, source)])
        self.assertEqual(self.created(mounts=[SYSFS | {"options": ["rw"]}])["mounts"], [SYSFS | {"options": READ_ONLY}])

    def test_a_path_that_is_no_utf8(self):
        os.mkdir(b"/srv/a\xff")
        os.symlink(b"a\xff", b"/srv/link")
        self.load({"hostPaths": ["/srv/**"]})
        self.refused("is no UTF-8", mounts=[bind("/srv/link")])

    def test_the_root(self):
        self.load({})
        for path in ("/etc/aa-shim", "/run", "/"):
            self.refused("keep what confines it", root={"path": path})
        self.created(root={"path": "/usr/share"})
        self.load(CEILINGS)
        self.refused("the mount at '/' brings the host's '/usr/share'", root={"path": "/usr/share"})
        self.created(root={"path": "/srv/data"})

    def test_layers(self):
        self.load({})
        self.refused("keep what confines it", mounts=[overlay("/srv/data", "/etc/aa-shim")])
        self.refused("keep what confines it", mounts=[{"destination": "/in", "type": "btrfs", "source": "/dev/sda"}])
        self.refused("an overlay of the host's '/srv/data', '/usr/share', which somebody could exchange", mounts=[overlay("/srv/data", "/usr/share")])
        self.load(CEILINGS)
        self.refused("brings the host's '/usr/share'", mounts=[overlay("/srv/data", "/usr/share")])
        self.refused("an overlay of the host's '/srv/data'", mounts=[overlay("/srv/data")])
        self.load(CEILINGS | {"hostPaths": {"paths": ["/srv/**"], "weaker": True}})
        self.refused("brings the host's '/usr/share'", mounts=[overlay("/srv/data", "/usr/share")])
        self.created(mounts=[overlay("/srv/data", "/srv/data")])
        self.load(CEILINGS)
        self.refused("without an absolute path", mounts=[overlay("/srv/data", "../../../srv/data")])
        self.refused("keep what confines it", mounts=[overlay("/srv/data") | {"options": ["ro"]}])

    def test_what_is_protected_seen_from_elsewhere(self):
        """By another mount that shows it, and by a mount below what is asked for."""
        for name in ("all", "part/in"):
            os.makedirs(f"/srv/{name}")
        subprocess.run(["mount", "--bind", "/etc", "/srv/part/in"], check=True)
        self.addCleanup(subprocess.run, ["umount", "/srv/part/in"], check=True)
        self.load({})
        self.refused("keep what confines it", mounts=[bind("/srv/part")])
        self.refused("keep what confines it", mounts=[bind("/srv/part/in/aa-shim")])
        self.created(mounts=[bind("/srv/data")])

    def test_a_network_device(self):
        self.load(CEILINGS)
        self.refused("share the host's namespaces: network", linux={"namespaces": NAMESPACES, "netDevices": {"eth0": {}}})

    def test_no_source(self):
        self.load({})
        self.refused("without a source", mounts=[{"destination": "/in", "type": "bind", "options": ["rbind"]}])


class Explained(HostTest):
    """`explain` judges a request that is described on its command line as it judges a bundle."""

    def setUp(self):
        super().setUp()
        self.load(CEILINGS, [{"match": {"hooks": True}, "reject": "no hooks"}])

    def explain(self, *words, code=0):
        run = subprocess.run([harness.CTL, "explain", *words], capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)
        self.assertEqual(run.returncode, code, run.stdout + run.stderr)
        return run.stdout + run.stderr

    def test_a_request(self):
        self.assertIn("hostPath='/srv/data'", self.explain("--host-path", "/srv/data"))
        os.symlink("/usr/share", "/srv/out")
        self.assertIn("brings the host's '/usr/share'", self.explain("--host-path", "/srv/out", code=1))
        self.assertIn("takes away the devices '/dev/kmsg'", self.explain("--device", "/dev/kmsg"))
        self.assertIn("takes away the devices '/dev/kmsg'", self.explain("--device", "c 1:11"))
        self.assertNotIn("takes away", self.explain("--device", "/dev/null"))
        self.assertIn("share the host's namespaces: pid", self.explain("--host-namespace", "pid", code=1))
        self.assertIn("masks again /proc/acpi", self.explain("--unmasked"))
        self.assertIn("no hooks", self.explain("--hooks", code=1))

    def test_a_privileged_one(self):
        said = self.explain("--engine", "docker", "--privileged", "true")
        for line in ("  removed +.*SYS_ADMIN.*", "because +masks again /proc/acpi,.*", "because +makes read-only again /proc/bus,.*",
                     r"because +closes the device cgroup to 'a \*:\* rwm' \(\"devices\"\)"):
            self.assertRegex(said, f"(?m)^{line}$")
        self.assertNotRegex(self.explain("--engine", "docker", "--privileged", "false"), "removed|masks again|closes")
        self.load({"devices": [], "keepMasked": True}, [{"match": {"privileged": True, "device": "a \\*:\\*", "unmasked": True}, "reject": "no"}])
        self.assertIn("the catalog rejects it: no", self.explain("--engine", "docker", "--privileged", "true", code=1))

    def test_the_ceilings(self):
        """All of a confinement's, in the words of the catalog."""
        given = {
            "hostPaths": ["/srv/**", "/data"], "devices": ["/dev/fuse", "c 10:229 r"], "hostNamespaces": ["network", "user"], "keepMasked": True,
            "denySyscalls": ["keyctl"], "runtimeAnnotations": ["a.b", "c=*"], "restore": "allow", "refuseExec": "exit-status",
        }
        none = {
            "hostPaths": None, "devices": None, "hostNamespaces": None, "keepMasked": False, "denySyscalls": [], "runtimeAnnotations": [],
            "restore": "refuse", "refuseExec": "error",
        }
        host = {"hostPaths": {"paths": ["/"], "weaker": True}, "devices": [], "hostNamespaces": ["user"]}
        for written, expected in ((given, given), ({}, none), (host, none | host)):
            self.load({"denySyscalls": [], "restore": "refuse"} | written)
            said = json.loads(self.explain("--json", "--engine", "docker"))
            self.assertEqual({key: said[key] for key in expected}, expected)
            text = self.explain("--engine", "docker")
            for key, value in expected.items():
                self.assertRegex(text, f"(?m)^{key} +{re.escape(self.in_words(value))}$")

    @staticmethod
    def in_words(value):
        if isinstance(value, dict):
            return ", ".join(value["paths"]) + ' ("weaker")'
        if isinstance(value, list):
            return ", ".join(value) or "none"
        return {None: "not given: whatever is asked for", True: "true", False: "false"}.get(value, value)

    def test_what_is_no_request(self):
        for words in (("--host-path", "srv"), ("--device", "c *:*"), ("--device", "/srv"), ("--host-namespace", "net")):
            self.explain(*words, code=2)
