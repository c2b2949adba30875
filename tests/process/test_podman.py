# SPDX-License-Identifier: Apache-2.0
"""The real Podman without root, with the real runc and crun, where there is no AppArmor: whose files count in a user's namespace, and
what Podman tells of its containers. Labels are read on the test hosts."""

import json
import os
import shutil
import subprocess
import unittest
from pathlib import Path

import harness

USER, SUBORDINATE = 1000, 100000
HOME, RUNTIME_DIR = harness.WORK / "home", Path(f"/run/user/{USER}")
STORAGE = Path("/mnt/podman-storage")
BIN = harness.WORK / "bin"
IMAGE = "localhost/test"
RUNTIMES = {"runc": ("/usr/sbin/runc", "/usr/bin/runc"), "crun": ("/usr/bin/crun",)}
CONFIGURATION = f"""[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
[engine.runtimes]
aa-shim = ["{BIN}/aa-shim"]
[containers]
log_driver = "k8s-file"
"""
STATUS = ["/bin/grep", "-E", "^(Cap(Bnd|Eff)|NoNewPrivs)", "/proc/self/status"]
CATALOG = {
    "confinements": {
        "test": harness.BASE | {"capabilities": ["CHOWN", "KILL"]},
        "named": harness.BASE | {"capabilities": ["KILL"]},
        "imaged": harness.BASE | {"capabilities": []},
    },
    "rules": [
        {"match": {"annotations": {"example.test/forbidden": "*"}}, "reject": "not on this host"},
        {"match": {"engine": "podman", "name": "named-*"}, "use": "named"},
        {"match": {"image": "localhost/other:*"}, "use": "imaged"},
    ],
    "otherwise": "test",
    "withoutAppArmor": "capabilities-only",
}
SETS = {"test": "0000000000000021", "named": "0000000000000020", "imaged": "0000000000000000"}


def make_image():
    """A root file system with busybox and the libraries that it may want; its archive."""
    root = HOME / "root"
    (root / "bin").mkdir(parents=True)
    busybox = shutil.which("busybox")
    shutil.copy(busybox, root / "bin" / "busybox")
    libraries = subprocess.run(["ldd", busybox], capture_output=True, text=True, check=False).stdout.split()
    for library in (word for word in libraries if word.startswith("/")):
        (root / library[1:]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, root / library[1:])
    for name in ("sh", "sleep", "grep", "true"):
        (root / "bin" / name).symlink_to("busybox")
    for name in ("tmp", "etc", "proc", "dev", "sys"):
        (root / name).mkdir(exist_ok=True)
    archive = HOME / "image.tar"
    subprocess.run(["tar", "-C", root, "-cf", archive, "."], check=True)
    return archive


def as_user(*command, timeout=harness.TIMEOUT):
    environment = {"HOME": str(HOME), "USER": "tester", "PATH": "/usr/bin:/bin:/usr/sbin", "XDG_RUNTIME_DIR": str(RUNTIME_DIR)}
    return subprocess.run(
        [*map(str, command)], user=USER, group=USER, extra_groups=[], env=environment, cwd=HOME, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout, check=False,
    )


def podman(*arguments):
    return as_user("podman", "--root", STORAGE, "--storage-driver", "vfs", "--runtime", "aa-shim", *arguments)


class Rootless(harness.ShimTest):
    def setUp(self):
        super().setUp()
        if any(shutil.which(name) is None for name in ("podman", "newuidmap", "busybox")):
            self.skipTest("no podman, newuidmap or busybox here")
        settings = Path("/etc/containers/containers.conf.d/50-test.conf")
        settings.parent.mkdir(parents=True, exist_ok=True)
        settings.write_text(CONFIGURATION)
        harness.add_tester(USER, HOME, SUBORDINATE)
        BIN.mkdir()
        shutil.copy(harness.SHIM, BIN / "aa-shim")
        for directory in (HOME, RUNTIME_DIR, STORAGE):
            directory.mkdir(parents=True, exist_ok=True)
        archive = make_image()
        for path in (HOME, RUNTIME_DIR, STORAGE):
            os.chown(path, USER, USER)
            path.chmod(0o700)
        result = self.try_to_load(CATALOG)
        self.assertEqual(result.returncode, 0, result.stderr)
        # Ends the process that keeps the user's namespace.
        self.addCleanup(podman, "system", "migrate")
        if as_user("podman", "unshare", "true").returncode != 0:
            self.skipTest("no rootless Podman here: no user namespaces")
        for name in (IMAGE, "localhost/other"):
            if podman("image", "exists", name).returncode != 0:
                imported = podman("import", archive, name)
                self.assertEqual(imported.returncode, 0, imported.stdout)

    def sets(self, result):
        self.assertEqual(result.returncode, 0, result.stdout)
        return dict(line.split(":\t") for line in result.stdout.splitlines() if ":\t" in line)

    def assert_held(self, confinement, result):
        held = self.sets(result)
        self.assertEqual((held["CapBnd"], held["CapEff"], held["NoNewPrivs"]), (SETS[confinement], SETS[confinement], "1"))

    def start(self, *arguments):
        result = podman("run", "-d", "--network", "none", *arguments)
        self.assertEqual(result.returncode, 0, result.stdout)
        identity = result.stdout.split()[-1]
        self.addCleanup(podman, "rm", "--force", "--time", "0", identity)
        return identity

    def test_with_each_runtime(self):
        found = {name: next((path for path in paths if os.path.exists(path)), None) for name, paths in RUNTIMES.items()}
        self.assertTrue(any(found.values()), "neither runc nor crun is installed")
        for path in filter(None, found.values()):
            self.point_runtime_at(path)
            with self.subTest(path):
                self.check_all()

    def check_all(self):
        run = ["run", "--rm", "--network", "none"]
        self.assert_held("test", podman(*run, IMAGE, *STATUS))
        self.assert_held("test", podman(*run, "--privileged", IMAGE, *STATUS))
        self.assert_held("imaged", podman(*run, "localhost/other", *STATUS))
        container = self.start("--name", f"named-{os.urandom(4).hex()}", IMAGE, "sleep", "100")
        self.assert_held("named", podman("exec", container, *STATUS))
        self.assert_held("named", podman("exec", "--privileged", container, *STATUS))

        refused = podman(*run, "--annotation", "example.test/forbidden=1", IMAGE, "true")
        self.assertEqual(refused.returncode, 126, refused.stdout)
        self.assertIn("not on this host", refused.stdout)

        name = podman("inspect", "--format", "{{.Name}}", container).stdout.strip()
        unshared = as_user("podman", "--root", STORAGE, "--storage-driver", "vfs", "unshare", harness.CTL, "explain", "--json", "--exec", name, "--", "true")
        self.assertEqual(unshared.returncode, 0, unshared.stdout)
        self.assertIn(container, unshared.stdout)
        self.assertIn("named", json.dumps(json.loads(unshared.stdout)))

        # A catalog that is not in force leaves what runs alone, and starts nothing.
        harness.COMPILED.rename(harness.RUN / "away")
        try:
            refused = podman(*run, IMAGE, "true")
            self.assertIn("aa-shimctl load", refused.stdout)
            self.assertNotEqual(refused.returncode, 0)
            self.assertEqual(podman("stop", "--time", "0", container).returncode, 0)
        finally:
            (harness.RUN / "away").rename(harness.COMPILED)

    def test_a_pod(self):
        self.use_any_runtime()
        made = podman("pod", "create", "--name", "pod", "--network", "none")
        if made.returncode != 0 and "pause" in made.stdout:
            self.skipTest("no catatonit here, which Podman makes pods of")
        self.assertEqual(made.returncode, 0, made.stdout)
        self.addCleanup(podman, "pod", "rm", "--force", "--time", "0", "pod")
        container = self.start_in_pod()
        self.assert_held("test", podman("exec", container, *STATUS))
        infra = podman("pod", "inspect", "--format", "{{.InfraContainerID}}", "pod").stdout.strip()
        pid = podman("inspect", "--format", "{{.State.Pid}}", infra).stdout.strip()
        bound = [line.split()[1] for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("CapBnd")]
        self.assertEqual(bound, [SETS["test"]])

    def test_a_health_check_is_an_exec(self):
        self.use_any_runtime()
        check = f"/bin/grep -q CapBnd:.{SETS['test']} /proc/self/status"
        container = self.start("--health-cmd", check, "--health-interval", "disable", IMAGE, "sleep", "100")
        result = podman("healthcheck", "run", container)
        log = podman("inspect", "--format", "{{json .State.Healthcheck}}", container).stdout
        self.assertEqual(result.returncode, 0, result.stdout + log)
        self.assertEqual([entry["ExitCode"] for entry in json.loads(log)["Log"]], [0], log)

    def test_play_kube(self):
        self.use_any_runtime()
        manifest = HOME / "pod.yaml"
        manifest.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "shop", "annotations": {"example.test/team": "a"}},
            "spec": {"containers": [{
                "name": "web", "image": f"{IMAGE}:latest", "command": ["/bin/sleep", "100"], "imagePullPolicy": "Never",
                "securityContext": {"privileged": True},
            }]},
        }))
        manifest.chmod(0o644)
        self.addCleanup(podman, "pod", "rm", "--force", "--time", "0", "shop")
        played = podman("play", "kube", "--network", "none", manifest)
        if played.returncode != 0 and "pause" in played.stdout:
            self.skipTest("no catatonit here, which Podman makes pods of")
        self.assertEqual(played.returncode, 0, played.stdout)
        self.assert_held("test", podman("exec", "shop-web", *STATUS))

    def use_any_runtime(self):
        self.point_runtime_at(next(path for paths in RUNTIMES.values() for path in paths if os.path.exists(path)))

    def start_in_pod(self):
        result = podman("run", "-d", "--pod", "pod", IMAGE, "sleep", "100")
        self.assertEqual(result.returncode, 0, result.stdout)
        return result.stdout.split()[-1]


if __name__ == "__main__":
    unittest.main()
