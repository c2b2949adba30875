# SPDX-License-Identifier: Apache-2.0
"""The runtime below aa-shim: an install that succeeds leaves one that starts containers, the same as before unless that was asked for."""

import json
import os

import install_tree
from install_tree import CONTAINERD_CONFIG, SYSTEM, TREE, WRONG

CRI = 'version = 2\n[plugins."io.containerd.grpc.v1.cri".containerd]\n  default_runtime_name = "%s"\n'
RUNTIME = '[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.%s]\n  runtime_type = "%s"\n'
BINARY = '[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.%s.options]\n  BinaryName = "%s"\n'
RUNC_SHIM = "io.containerd.runc.v2"
CRIO = "/etc/crio/crio.conf.d/10-crio.conf"
PODMAN = "/etc/containers/containers.conf"
DOCKER = "/etc/docker/daemon.json"
NVIDIA = "/etc/nvidia-container-runtime/config.toml"


def containerd(name, program="", shim=RUNC_SHIM):
    return CRI % name + RUNTIME % (name, shim) + (BINARY % (name, program) if program else "")


def crio(name, **settings):
    return f'[crio.runtime]\ndefault_runtime = "{name}"\n[crio.runtime.runtimes.{name}]\n' + "".join(f'{key} = "{value}"\n' for key, value in settings.items())


def docker(name, program):
    return json.dumps({"default-runtime": name, "runtimes": {name: {"path": program}}})


class RuntimeTest(install_tree.InstallTest):
    PROGRAMS = ("/usr/bin/dockerd", "/usr/local/bin/containerd", "/usr/bin/crio", "/usr/bin/podman")

    def becomes(self):
        """What aa-shim becomes, as aa-shim itself chooses it."""
        choice = self.at("/etc/aa-shim/runtime")
        if choice.is_symlink():
            return os.readlink(choice)
        return next((path for path in ("/usr/sbin/runc", "/usr/bin/runc", "/usr/bin/crun", "/usr/sbin/crun") if self.at(path).exists()), None)

    def prepare(self, programs, files):
        self.setUp()
        for program in programs:
            self.program(program)
        for path, content in files.items():
            self.put(path, content)


class Found(RuntimeTest):
    CASES = (
        # Programs of the host, its files, the engine; what aa-shim becomes.
        (("/usr/local/sbin/runc",), {}, ("containerd",), "/usr/local/sbin/runc"),
        (("/usr/local/sbin/runc",), {}, ("docker",), "/usr/local/sbin/runc"),
        (("/usr/local/sbin/runc",), {}, ("podman",), "/usr/local/sbin/runc"),
        (("/usr/local/sbin/runc",), {}, ("crio",), "/usr/local/sbin/runc"),
        (("/usr/local/sbin/runc",), {}, ("kubernetes", "--engine", "containerd"), "/usr/local/sbin/runc"),
        (("/usr/local/bin/runc",), {}, ("kubernetes", "--engine", "containerd"), "/usr/local/bin/runc"),
        (("/usr/local/bin/runc",), {CONTAINERD_CONFIG: containerd("runc")}, ("containerd",), "/usr/local/bin/runc"),
        (("/opt/bin/runc",), {CONTAINERD_CONFIG: containerd("runc", "/opt/bin/runc")}, ("containerd",), "/opt/bin/runc"),
        (("/opt/bin/runc",), {"/lib/systemd/system/containerd.service": "[Service]\nEnvironment=PATH=/opt/bin\nExecStart=/usr/local/bin/containerd\n"},
         ("containerd",), "/opt/bin/runc"),
        (("/opt/bin/crun",), {DOCKER: docker("c", "/opt/bin/crun")}, ("docker",), "/opt/bin/crun"),
        (("/opt/bin/crun",), {PODMAN: '[engine]\nruntime = "crun"\n[engine.runtimes]\ncrun = ["/none/crun", "/opt/bin/crun"]\n'}, ("podman",), "/opt/bin/crun"),
        (("/opt/bin/crun",), {PODMAN: '[engine]\nruntime = "/opt/bin/crun"\n'}, ("podman",), "/opt/bin/crun"),
        (("/usr/libexec/crio/crun",), {CRIO: crio("crun")}, ("crio",), "/usr/libexec/crio/crun"),
        (("/usr/libexec/crio/crun",), {}, ("crio",), "/usr/libexec/crio/crun"),
        # The other runtime of the two is kept.
        (("/usr/bin/runc", "/usr/bin/crun"), {CONTAINERD_CONFIG: containerd("runc", "/usr/bin/crun")}, ("containerd",), "/usr/bin/crun"),
        (("/usr/bin/runc", "/usr/bin/crun"), {DOCKER: docker("crun", "/usr/bin/crun")}, ("docker",), "/usr/bin/crun"),
        (("/usr/bin/runc", "/usr/bin/crun"), {CRIO: crio("crun", runtime_root="/run/crun")}, ("crio",), "/usr/bin/crun"),
        (("/usr/bin/runc", "/usr/bin/crun"), {}, ("podman",), "/usr/bin/crun"),
        (("/usr/bin/runc", "/usr/bin/crun"), {PODMAN: '[engine]\nruntime = "runc"\n'}, ("podman",), "/usr/bin/runc"),
        # The build that the engine uses is, too.
        (("/usr/bin/runc", "/usr/local/sbin/runc"), {}, ("docker",), "/usr/local/sbin/runc"),
        # An engine whose own runtime is missing gets the one that is there.
        (("/usr/sbin/crun",), {CONTAINERD_CONFIG: containerd("runc")}, ("containerd",), "/usr/sbin/crun"),
    )

    def test_there_and_back(self):
        for programs, files, engine, expected in self.CASES:
            for options in ((), ("--default",)):
                with self.subTest(engine=engine, programs=programs, files=files, options=options):
                    self.prepare(programs, files)
                    before = self.tree()
                    self.ctl("install", *engine, *options)
                    self.assertEqual(self.becomes(), expected)
                    installed = self.tree()
                    self.assertIn("Nothing to change", self.ctl("install", *engine, *options).stdout)
                    self.assertEqual(self.tree(), installed)
                    self.ctl("uninstall", *engine)
                    self.assertEqual(self.tree(), before)

    def test_it_follows_the_engine(self):
        """The link is ours: another choice of the engine is another link."""
        self.prepare(("/usr/bin/crun", "/opt/bin/runc"), {DOCKER: docker("a", "/opt/bin/runc")})
        before = self.tree()
        self.ctl("install", "docker")
        self.assertEqual(self.becomes(), "/opt/bin/runc")
        written = self.at(DOCKER).read_text()
        self.put(DOCKER, written.replace("/opt/bin/runc", "/usr/bin/crun"))
        self.ctl("install", "docker")
        self.assertEqual(self.becomes(), "/usr/bin/crun")
        self.ctl("uninstall", "docker")
        self.put(DOCKER, before[DOCKER.lstrip("/")][2])
        self.assertEqual(self.tree(), before)


class Refused(RuntimeTest):
    REMEDY = f"install runc or crun, or let '{TREE}/etc/aa-shim/runtime' lead to the one to use"

    def test_nothing_could_start(self):
        for engine, default in (("docker", "runc"), ("containerd", "runc"), ("crio", "runc"), ("podman", "runc"), ("kubernetes --engine containerd", "runc")):
            with self.subTest(engine):
                self.prepare((), {})
                self.assertEqual(
                    self.refused(*engine.split(), code=SYSTEM).strip(),
                    f"aa-shimctl: no container could start: there is no runtime that aa-shim could become, and none where {engine.split()[-1]} "
                    f"looks for '{default}': {self.REMEDY}",
                )

    def test_a_runtime_that_others_can_write(self):
        for path, mode in (("/usr/local/sbin/runc", 0o777), ("/usr/local/sbin", 0o777)):
            with self.subTest(path):
                self.prepare(("/usr/local/sbin/runc",), {})
                self.at(path).chmod(mode)
                message = self.refused("docker")
                self.assertIn("aa-shim cannot become the runtime 'runc' of docker: ", message)
                self.assertIn(f"'{TREE}{path}'", message)
                self.assertIn(self.REMEDY, message)
        self.program("/usr/sbin/runc")
        self.assertIn("docker's runtime 'runc' is not to be trusted: ", self.refused("docker", "--default"))

    def test_a_choice_that_is_none(self):
        place = f"the runtime that aa-shim becomes ({TREE}/etc/aa-shim/runtime): "
        for target, code, expected in (
            ("/opt/runc", SYSTEM, place + f"there is no program '{TREE}/opt/runc'"),
            ("/usr/bin/aa-shim", WRONG, place + f"'{TREE}/usr/bin/aa-shim' is aa-shim itself"),
            ("/usr/bin/youki", WRONG, place + "the runtime '/usr/bin/youki' is neither runc nor crun by its name"),
            ("runc", WRONG, f"'{TREE}/etc/aa-shim/runtime' leads to 'runc', which is not an absolute path"),
        ):
            with self.subTest(target):
                self.prepare(("/usr/bin/runc", "/usr/bin/youki"), {})
                self.at("/etc/aa-shim").mkdir(parents=True)
                self.at("/etc/aa-shim/runtime").symlink_to(target)
                self.assertIn(expected, self.refused("docker", code=code))

    def test_no_engine(self):
        for engine, program in (("docker", "dockerd"), ("containerd", "containerd"), ("crio", "crio"), ("podman", "podman"),
                                ("kubernetes --engine containerd", "containerd"), ("kubernetes --engine crio", "crio")):
            with self.subTest(engine):
                self.prepare(("/usr/bin/runc",), {})
                for there in self.PROGRAMS:
                    self.at(there).unlink()
                self.assertEqual(
                    self.refused(*engine.split(), code=SYSTEM).strip(),
                    f"aa-shimctl: there is no program '{program}' below '{TREE}/': nothing would read what is installed; install the engine first",
                )
        self.put("/usr/lib/systemd/system/docker.service", "[Service]\nExecStart=/opt/docker/dockerd\n")
        self.assertIn(f"docker.service starts '{TREE}/opt/docker/dockerd', which is not there", self.refused("docker", code=SYSTEM))

    def test_only_its_configuration(self):
        """It may be one in a place of its own; but what Docker's package left behind is no Docker."""
        for engine, program, sign in (("containerd", "/usr/local/bin/containerd", CONTAINERD_CONFIG), ("crio", "/usr/bin/crio", "/etc/crio/crio.conf"),
                                      ("podman", "/usr/bin/podman", PODMAN)):
            with self.subTest(engine):
                self.prepare(("/usr/bin/runc",), {sign: "version = 2\n" if engine == "containerd" else ""})
                self.at(program).unlink()
                self.assertIn(f"there is no program '{engine}' in any PATH, only '{TREE}/etc/", self.ctl("install", engine).stdout)
        self.prepare(("/usr/bin/runc",), {DOCKER: "{}"})
        self.at("/usr/bin/dockerd").unlink()
        self.assertIn("there is no program 'dockerd'", self.refused("docker", code=SYSTEM))

    def test_the_docker_of_the_snap(self):
        files = {"/var/snap/docker/current/config/daemon.json": "{}", "/etc/systemd/system/snap.docker.dockerd.service": "[Service]\nExecStart=/usr/bin/snap run docker.dockerd\n"}
        self.prepare(("/usr/bin/runc", "/snap/bin/docker"), files)
        self.assertIn("the Docker of the snap, which is another dockerd", self.ctl("install", "docker").stdout)
        self.ctl("uninstall", "docker")
        self.at("/usr/bin/dockerd").unlink()
        self.assertEqual(
            self.refused("docker").strip(),
            f"aa-shimctl: the Docker of this host is a snap, whose dockerd reads '{TREE}/var/snap/docker/current/config/daemon.json' and sees no "
            "program of the host: aa-shim cannot be installed for it; use the packages of the distribution or of Docker",
        )


class Replaced(RuntimeTest):
    NVIDIA = "/usr/bin/nvidia-container-runtime"
    KATA = containerd("kata", shim="io.containerd.kata.v2")
    INSTEAD = "install without --default and let containers ask for aa-shim, or add --replace-runtime if that is meant"
    CASES = (
        # Files, the engine; what is said of its default runtime.
        ({DOCKER: docker("runsc", "/usr/local/bin/runsc")}, "docker", f"{TREE}{DOCKER}:1:2: docker's runtime 'runsc' is '/usr/local/bin/runsc', neither runc nor crun"),
        ({DOCKER: docker("sysbox-runc", "/usr/bin/sysbox-runc")}, "docker", f"{TREE}{DOCKER}:1:2: docker's runtime 'sysbox-runc' is '/usr/bin/sysbox-runc', neither runc nor crun"),
        ({DOCKER: '{"default-runtime": "io.containerd.runsc.v1"}'}, "docker", f"{TREE}{DOCKER}:1:2: docker's runtime 'io.containerd.runsc.v1' is run by the shim 'io.containerd.runsc.v1', not by runc or crun"),
        ({DOCKER: '{"default-runtime": "k", "runtimes": {"k": {"runtimeType": "io.containerd.kata.v2"}}}'}, "docker", f"{TREE}{DOCKER}:1:2: docker's runtime 'k' is run by the shim 'io.containerd.kata.v2', not by runc or crun"),
        ({CONTAINERD_CONFIG: KATA}, "containerd", f"{TREE}{CONTAINERD_CONFIG}:4:1: containerd's runtime 'kata' is run by the shim 'io.containerd.kata.v2', not by runc or crun"),
        ({CONTAINERD_CONFIG: KATA}, "kubernetes --engine containerd", f"{TREE}{CONTAINERD_CONFIG}:4:1: containerd's runtime 'kata' is run by the shim 'io.containerd.kata.v2', not by runc or crun"),
        ({CRIO: crio("kata", runtime_path="/opt/kata/containerd-shim-kata-v2", runtime_type="vm")}, "crio", f"{TREE}{CRIO}:3:1: crio's runtime 'kata' is run by the shim '/opt/kata/containerd-shim-kata-v2', not by runc or crun"),
        ({PODMAN: '[engine]\nruntime = "runsc"\n[engine.runtimes]\nrunsc = ["/usr/local/bin/runsc"]\n'}, "podman", f"{TREE}{PODMAN}:4:1: podman's runtime 'runsc' is '/usr/local/bin/runsc', neither runc nor crun"),
    )

    def test_what_is_neither_runc_nor_crun(self):
        for files, engine, expected in self.CASES:
            with self.subTest(engine, files=files):
                self.prepare(("/usr/bin/runc", "/usr/local/bin/runsc", "/usr/bin/sysbox-runc"), files)
                problem = f"--default: {expected}; containers that ask for no runtime would be started by runc ('/usr/bin/runc')"
                self.assertEqual(self.refused(*engine.split(), "--default").strip(), f"aa-shimctl: {problem}: {self.INSTEAD}")
                before = self.tree()
                self.assertIn("aa-shim becomes runc ('/usr/bin/runc'), while", self.ctl("install", *engine.split()).stdout)
                output = self.ctl("install", *engine.split(), "--default", "--replace-runtime").stdout
                self.assertIn(f"{problem} (--replace-runtime)", output)
                self.ctl("uninstall", *engine.split())
                self.assertEqual(self.tree(), before)

    def test_what_another_engine_has(self):
        """One aa-shim becomes one runtime: that of the engine for which it was installed first."""
        self.prepare(("/usr/bin/runc", "/usr/bin/crun"), {})
        self.ctl("install", "docker", "--default")
        self.assertEqual(
            self.refused("podman", "--default").strip(),
            "aa-shimctl: --default: podman's runtime 'crun' is crun ('/usr/bin/crun'); containers that ask for no runtime would be started by runc "
            f"('/usr/bin/runc'), which it is for docker, too: {self.INSTEAD}",
        )
        self.ctl("install", "podman", "--default", "--replace-runtime")
        self.assertEqual(self.becomes(), "/usr/bin/runc")
        for engine in ("podman", "docker"):
            self.ctl("uninstall", engine)
        self.ctl("install", "podman", "--default")
        self.assertEqual(self.becomes(), "/usr/bin/crun")
        self.assertIn("docker's runtime 'runc' is runc ('/usr/bin/runc')", self.refused("docker", "--default"))
        self.assertEqual(self.becomes(), "/usr/bin/crun")

    def test_handlers_of_another_name(self):
        self.prepare(("/usr/bin/runc", "/usr/bin/crun"), {CRIO: crio("crun") + "[crio.runtime.runtimes.runc]\n"})
        self.ctl("install", "crio", "--default")
        self.assertEqual(
            self.refused("crio", "--default", "--mandatory").strip(),
            f"aa-shimctl: --mandatory: {TREE}{CRIO}:4:1: crio's runtime 'runc' is runc ('/usr/bin/runc'); its containers would be started by crun "
            "('/usr/bin/crun'): install without --mandatory, or add --replace-runtime if that is meant",
        )
        self.ctl("install", "crio", "--default", "--mandatory", "--replace-runtime")

    def test_nvidia(self):
        self.prepare(("/usr/bin/runc", self.NVIDIA), {DOCKER: docker("nvidia", "nvidia-container-runtime")})
        remedy = f'let it lead to aa-shim (runtimes = ["/usr/bin/aa-shim"] under [nvidia-container-runtime] in {TREE}{NVIDIA}) and leave it the default, '
        self.assertIn(f"would be started by runc ('/usr/bin/runc'): {remedy}{self.INSTEAD}", self.refused("docker", "--default"))
        self.put(NVIDIA, '[nvidia-container-runtime]\nruntimes = ["/usr/bin/aa-shim", "runc"]\n')
        self.assertIn("get aa-shim from it already, as its configuration says: install without --default", self.refused("docker", "--default"))
        output = self.ctl("install", "docker").stdout
        self.assertIn("a container that is started without --runtime gets aa-shim from 'nvidia'", output)
        self.assertNotIn("a container that is started without --runtime gets 'nvidia'", output)
