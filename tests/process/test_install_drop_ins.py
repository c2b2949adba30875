# SPDX-License-Identifier: Apache-2.0
"""aa-shimctl install and uninstall for the engines that read drop-ins: CRI-O and Podman."""

import json
import tomllib

import install_tree


class Crio(install_tree.InstallTest):
    PROGRAMS = ("/usr/bin/crio", "/usr/sbin/runc")
    OURS = "/etc/crio/crio.conf.d/50-aa-shim.conf"

    def test_like_the_usual_runtime(self):
        self.put("/etc/crio/crio.conf", "[crio.runtime]\n# default_runtime = \"runc\"\n")
        self.put(
            "/etc/crio/crio.conf.d/10-crio.conf",
            '[crio.runtime]\ndefault_runtime = "crun"\n[crio.runtime.runtimes.crun]\nruntime_path = "/usr/libexec/crio/crun"\n'
            'inherit_default_runtime = true\nruntime_root = "/run/crun"\nmonitor_path = "/usr/libexec/crio/conmon"\n'
            'allowed_annotations = [\n    "io.containers.trace-syscall",\n]\n[crio.runtime.runtimes.runc]\nruntime_path = "/usr/libexec/crio/runc"\n',
        )
        self.program("/usr/libexec/crio/crun")
        installed = self.there_and_back("crio", "--default", "--mandatory", "--handlers", "web")
        runtime = tomllib.loads(installed[self.OURS.lstrip("/")][2].decode())["crio"]["runtime"]
        self.assertEqual(runtime["default_runtime"], "aa-shim")
        self.assertEqual(
            runtime["runtimes"]["aa-shim-web"],
            {
                "runtime_path": "/usr/bin/aa-shim-web",
                "runtime_type": "oci",
                "runtime_root": "/run/crun",
                "monitor_path": "/usr/libexec/crio/conmon",
                "allowed_annotations": ["io.containers.trace-syscall"],
            },
        )
        self.assertEqual(runtime["runtimes"]["crun"]["runtime_path"], "/usr/bin/aa-shim")
        self.assertEqual(installed["etc/aa-shim/runtime"][2], "/usr/libexec/crio/crun")

    def test_annotations_that_name_the_runtime(self):
        """Our handlers take over what the usual one lets through, but for that."""
        self.put(
            "/etc/crio/crio.conf",
            '[crio.runtime]\ndefault_runtime = "crun"\n[crio.runtime.runtimes.crun]\n'
            'allowed_annotations = ["io.kubernetes.cri-o.Devices", "io.kubernetes.cri-o.PlatformRuntimePath"]\n'
            '[crio.runtime.runtimes.vm]\nallowed_annotations = ["platform-runtime-path.crio.io"]\n'
            '[crio.runtime.workloads.w]\nallowed_annotations = ["platform-runtime-path.crio.io"]\n',
        )
        doors = {
            "a pod with the annotation 'io.kubernetes.cri-o.PlatformRuntimePath', which the handler 'crun' allows",
            "a pod with the annotation 'platform-runtime-path.crio.io', which the handler 'vm' allows",
            "a pod with the annotation 'platform-runtime-path.crio.io', which the workload 'w' allows",
        }
        for options, closed in (((), set()), (("--mandatory",), {door for door in doors if "crun" in door})):
            with self.subTest(options):
                plan = json.loads(self.ctl("install", "crio", *options, "--json", "--dry-run").stdout)
                self.assertEqual(doors & set(plan["open"]), doors - closed)
                runtimes = tomllib.loads(self.there_and_back("crio", *options)[self.OURS.lstrip("/")][2].decode())["crio"]["runtime"]["runtimes"]
                for runtime in runtimes.values():
                    self.assertEqual(runtime.get("allowed_annotations", []), ["io.kubernetes.cri-o.Devices"] if runtime is not runtimes.get("runc") else [])

    def test_refusals(self):
        for name, content, options, expected in (
            ("99-late.conf", '[crio.runtime]\ndefault_runtime = "x"\n', ("--default",), "99-late.conf:2:1: this is read after 50-aa-shim.conf"),
            ("00.conf", "[crio.runtime.runtimes.aa-shim]\n", (), "00.conf:1:1: there is a runtime 'aa-shim'"),
            ("00.conf", "[crio\n", (), "00.conf:1:6: ']' was expected here"),
            ("50-aa-shim.conf", "[crio.api]\n", (), "has something in it that aa-shimctl did not write"),
        ):
            with self.subTest(expected):
                self.setUp()
                self.put(f"/etc/crio/crio.conf.d/{name}", content)
                self.assertIn(expected, self.refused("crio", *options))


class Podman(install_tree.InstallTest):
    PROGRAMS = ("/usr/bin/podman", "/usr/sbin/runc")
    OURS = "etc/containers/containers.conf.d/50-aa-shim.conf"

    def test_all(self):
        self.put("/usr/share/containers/containers.conf", '[engine]\n#runtime = "crun"\n[engine.runtimes]\n#crun = [\n#  "/usr/bin/crun",\n#]\n')
        engine = tomllib.loads(self.there_and_back("podman", "--default", "--mandatory", "--handlers", "web")[self.OURS][2].decode())["engine"]
        self.assertEqual(engine["runtime"], "aa-shim")
        self.assertEqual(engine["runtimes"], {"aa-shim": ["/usr/bin/aa-shim"], "aa-shim-web": ["/usr/bin/aa-shim-web"],
                                              "runc": ["/usr/bin/aa-shim"], "crun": ["/usr/bin/aa-shim"]})
        self.assertTrue({"crun", "runc", "aa-shim", "aa-shim-web"} <= set(engine["runtime_supports_json"]))

    def test_without_cgroups(self):
        """Only crun can start a container without a cgroup, whichever way it was chosen."""
        crun, runc, choice = "/usr/bin/crun", "/usr/sbin/runc", self.at("/etc/aa-shim/runtime")
        for programs, chosen, expected in (
            ((runc,), None, None), ((crun,), None, ["crun", "krun", "aa-shim"]), ((crun, runc), None, ["crun", "krun", "aa-shim"]),
            ((crun, runc), crun, ["crun", "krun", "aa-shim"]), ((crun, "/opt/runc"), "/opt/runc", None), ((runc, "/opt/runc"), "/opt/runc", None),
        ):
            with self.subTest(programs, chosen=chosen):
                self.setUp()
                self.at(runc).unlink()
                for program in programs:
                    self.program(program)
                if chosen:
                    choice.parent.mkdir(parents=True)
                    choice.symlink_to(chosen)
                engine = tomllib.loads(self.there_and_back("podman")[self.OURS][2].decode())["engine"]
                self.assertEqual(engine.get("runtime_supports_nocgroup"), expected)
        self.put("/etc/containers/containers.conf", '[engine]\nruntime_supports_nocgroup = ["mine"]\n')
        self.at("/etc/aa-shim/runtime").unlink()
        self.program(crun)
        engine = tomllib.loads(self.there_and_back("podman")[self.OURS][2].decode())["engine"]
        self.assertEqual(engine["runtime_supports_nocgroup"], ["mine", "aa-shim"])

    def test_refusals(self):
        for name, content, options, expected in (
            ("containers.conf", '[engine.runtimes]\naa-shim = ["/x"]\n', (), "containers.conf:2:1: there is a runtime 'aa-shim'"),
            ("containers.conf.d/60.conf", '[engine]\nruntime = "crun"\n', ("--default",), "60.conf:2:1: this is read after 50-aa-shim.conf"),
            ("containers.conf.d/60.conf", '[engine.runtimes]\ncrun = ["/x"]\n', ("--mandatory",), "60.conf:2:1: this is read after"),
        ):
            with self.subTest(expected):
                self.setUp()
                self.put(f"/etc/containers/{name}", content)
                self.assertIn(expected, self.refused("podman", *options))
