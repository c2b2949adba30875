# SPDX-License-Identifier: Apache-2.0
"""aa-shimctl install and uninstall: real configurations go in and come out byte for byte, what is exotic is refused with its place."""

import json
import shutil
import subprocess
import tomllib

import harness
import install_tree
from install_tree import CONFIGS, CONTAINERD_CONFIG, REAL_FILES, SYSTEM, TREE, USAGE, WRONG

DAEMON_JSON = {
    "four-spaces": b'{\n    "log-driver": "journald",\n    "data-root": "/srv/docker"\n}\n',
    "tabs": b'{\n\t"log-opts": {\n\t\t"max-size": "10m"\n\t},\n\t"live-restore": true\n}\n',
    "crlf": b'{\r\n  "debug": false,\r\n  "hosts": ["fd://"]\r\n}\r\n',
    "no-line-end": b'{\n  "ipv6": false\n}',
    "one-line": b'{"bip":"172.26.0.1/16","mtu":1.4e3}',
    "spaced": b'{ "dns" : [ "192.0.2.1" ] , "runtimes" : { "kata" : { "path" : "/usr/bin/kata-runtime" } } }\n',
    "nvidia": b'{\n    "default-runtime": "nvidia",\n    "runtimes": {\n        "nvidia": {\n            "args": [],\n'
    b'            "path": "nvidia-container-runtime"\n        }\n    }\n}\n',
    "empty-runtimes": b'{\n  "runtimes": {},\n  "default-runtime": "runc"\n}\n',
    "empty-object": b"{}\n",
    "empty": b"",
    "blank": b"\n\n",
    "escapes": b'{\n  "labels": ["\\u0061=\\/b", "\xc3\xa9"]\n}\n',
}


class Docker(install_tree.InstallTest):
    PROGRAMS = ("/usr/sbin/dockerd", "/usr/sbin/runc")
    CONFIG = "/etc/docker/daemon.json"

    def test_every_style_of_file(self):
        for name, content in DAEMON_JSON.items():
            for options in ((), ("--default", "--handlers", "web,db")):
                with self.subTest(name, options=options):
                    self.setUp()
                    self.put(self.CONFIG, content, 0o600)
                    installed = self.there_and_back("docker", *options)
                    mode, _, text = installed[self.CONFIG.lstrip("/")]
                    self.assertEqual(mode, "0o100600")
                    was = json.loads(content) if content.strip() else {}
                    now = json.loads(text)
                    runtimes = was.get("runtimes", {}) | {"aa-shim": {"path": "/usr/bin/aa-shim"}}
                    if options:
                        runtimes |= {f"aa-shim-{handler}": {"path": f"/usr/bin/aa-shim-{handler}"} for handler in ("web", "db")}
                    expected = was | {"runtimes": runtimes} | ({"default-runtime": "aa-shim"} if options else {})
                    self.assertEqual(now, expected)

    def test_no_file(self):
        installed = self.there_and_back("docker", "--handlers", "web")
        self.assertEqual(installed["usr/bin/aa-shim-web"][2], "aa-shim")

    def test_mandatory(self):
        self.put("/usr/lib/systemd/system/docker.service", "[Service]\nExecStart=/usr/sbin/dockerd -H fd:// $DOCKER_OPTS\n")
        self.put("/usr/lib/systemd/system/containerd.service", "[Service]\nExecStart=/usr/bin/containerd\n")
        installed = self.there_and_back("docker", "--mandatory")
        for name in ("runc", "crun"):
            self.assertEqual(installed[f"usr/lib/aa-shim/engine-path/{name}"][2], "/usr/bin/aa-shim")
        for unit in ("docker", "containerd"):
            text = installed[f"etc/systemd/system/{unit}.service.d/50-aa-shim-docker.conf"][2].decode()
            self.assertIn("\nEnvironment=PATH=/usr/lib/aa-shim/engine-path:/usr/local/sbin:", text)
            self.assertEqual("DOCKER_BUILDKIT_RUNC_COMMAND=/usr/bin/aa-shim" in text, unit == "docker")

    def test_mandatory_then_not(self):
        self.put("/usr/lib/systemd/system/docker.service", "[Service]\nExecStart=/usr/sbin/dockerd\n")
        self.ctl("install", "docker")
        plain = self.tree()
        self.ctl("install", "docker", "--mandatory")
        self.ctl("install", "docker")
        self.assertEqual(self.tree(), plain)

    def test_refusals(self):
        unit = "[Service]\nExecStart=/usr/sbin/dockerd -H fd:// %s\n"
        for path, content, options, expected in (
            (self.CONFIG, "{\n  // no\n}", (), f"{TREE}{self.CONFIG}:2:3: "),
            (self.CONFIG, '{"a":1,"a":2}', (), f"{TREE}{self.CONFIG}:1:8: 'a' is there twice"),
            (self.CONFIG, '{"runtimes":{"aa-shim":{"path":"/x","runtimeArgs":["y"]}}}', (), "that aa-shimctl did not write"),
            ("/lib/systemd/system/docker.service", unit % "--add-runtime x=/y", (), "/lib/systemd/system/docker.service:2: dockerd is started with --add-runtime"),
            ("/etc/systemd/system/docker.service.d/x.conf", unit % "--default-runtime=x", ("--default",), "docker.service.d/x.conf:2: dockerd is started with --default-runtime"),
            ("/lib/systemd/system/docker.service", unit % "--config-file /srv/d.json", (), "does not read /etc/docker/daemon.json"),
            ("/lib/systemd/system/docker.service", "[Service]\nEnvironment=PATH=/x\n", ("--mandatory",), "docker.service:2: docker.service sets PATH already"),
        ):
            with self.subTest(expected):
                self.setUp()
                self.put(path, content)
                self.assertIn(expected, self.refused("docker", *options))

    def test_options_in_the_environment_file(self):
        self.put("/lib/systemd/system/docker.service", "[Service]\nEnvironmentFile=-/etc/default/docker\nExecStart=/usr/sbin/dockerd $DOCKER_OPTS\n")
        self.put("/etc/default/docker", '# DOCKER_OPTS="--add-runtime a=b"\nDOCKER_OPTS="--default-runtime crun"\n')
        self.assertIn("/etc/default/docker:2: dockerd is started with --default-runtime", self.refused("docker", "--default"))
        self.there_and_back("docker")

    def test_units_as_systemd_reads_them(self):
        """A drop-in can take back what the unit says; what no command takes words from says nothing."""
        unit, file = "/lib/systemd/system/docker.service", "/etc/default/docker"
        early, late = (f"{directory}/systemd/system/docker.service.d/{name}.conf" for directory, name in (("/usr/lib", "10-a"), ("/etc", "90-z")))
        start = "[Service]\nExecStart=/usr/sbin/dockerd %s\n"
        opts = "[Service]\n%s\nExecStart=/usr/sbin/dockerd $OPTS\n"
        crun = "--default-runtime=crun"
        default = "dockerd is started with --default-runtime"
        for files, expected in (
            ({unit: start % crun}, f"{unit}:2: {default}"),
            ({unit: start % crun, late: "[Service]\nExecStart=\n" + start % "-H fd://"}, None),
            ({unit: start % "--add-runtime=a=/b", late: start.replace("[Service]", "[Service]\nExecStart=") % ""}, None),
            ({unit: start % "", late: start.replace("[Service]", "[Service]\nExecStart=") % crun}, f"{late}:3: {default}"),
            ({late: start % crun, early: "[Service]\nExecStart=\n", unit: start % ""}, f"{late}:2: {default}"),
            # The one of the same name in /etc counts.
            ({unit: start % "", early: "[Service]\nExecStart=\n" + start % crun, early.replace("/usr/lib", "/etc"): ""}, None),
            ({unit: start % f"-H fd:// \\\n    {crun} \\\n    --debug"}, f"{unit}:3: {default}"),
            ({unit: "[Service]\nExecStart=/usr/sbin/dockerd\n[X-Other]\nExecStart=/usr/sbin/dockerd " + crun + "\n"}, None),
            ({unit: start % "", late: "[Service]\n#ExecStart=/x " + crun + "\n"}, None),
            ({unit: opts % f"Environment=OPTS={crun}"}, f"{unit}:2: {default}"),
            ({unit: opts % f'Environment="A=b c" "OPTS=-D {crun}"'}, f"{unit}:2: {default}"),
            ({unit: opts % f"Environment=OPTS={crun}", late: "[Service]\nEnvironment=\n"}, None),
            ({unit: opts % f"Environment=OPTS={crun}", late: "[Service]\nEnvironment=OPTS=-D\n"}, None),
            ({unit: opts % f"EnvironmentFile=-{file}", file: f'OPTS="{crun}"\n'}, f"{file}:1: {default}"),
            ({unit: opts % f"EnvironmentFile=-{file}", file: f'OPTS="{crun}"\n', late: "[Service]\nEnvironmentFile=\n"}, None),
            ({unit: opts % f"EnvironmentFile=-{file}", file: f'DOCKER_OPTS="{crun}"\n'}, None),
            ({unit: start % "", late: "[Service]\nExecStartPre=/bin/echo " + crun + "\n"}, None),
        ):
            with self.subTest(files=files):
                self.setUp()
                for path, text in files.items():
                    self.put(path, text)
                if expected:
                    self.assertIn(f"aa-shimctl: {TREE}{expected}", self.refused("docker", "--default"))
                else:
                    self.there_and_back("docker", "--default")

    def test_json(self):
        result = json.loads(self.ctl("install", "docker", "--json", "--handlers", "web").stdout)
        self.assertEqual((result["ok"], result["engine"], result["changed"], result["dry_run"]), (True, "docker", True, False))
        self.assertEqual([(file["path"], file["action"]) for file in result["files"]], [(self.CONFIG, "make")])
        self.assertEqual(result["links"], [{"path": "/usr/bin/aa-shim-web", "target": "aa-shim", "action": "make"}])
        self.assertFalse(json.loads(self.ctl("--json", "install", "docker", "--handlers", "web").stdout)["changed"])
        self.put(self.CONFIG, "{")
        error = json.loads(self.ctl("install", "docker", "--json", code=WRONG).stdout)
        self.assertEqual((error["ok"], error["error"]["kind"]), (False, "config"))

    def test_the_diff_is_one_that_patch_takes(self):
        if not shutil.which("patch"):
            self.skipTest("patch(1) is not installed")
        for name, content in DAEMON_JSON.items():
            with self.subTest(name):
                self.setUp()
                self.put(self.CONFIG, content)
                diff = self.ctl("install", "docker", "--json", "--dry-run").stdout
                patch = json.loads(diff)["files"][0]["diff"]
                subprocess.run(["patch", "--binary", "-s", "-p1", "-d", TREE], input=patch.encode(), check=True)
                patched = self.at(self.CONFIG).read_bytes()
                self.put(self.CONFIG, content)
                self.ctl("install", "docker")
                self.assertEqual(self.at(self.CONFIG).read_bytes(), patched)


class CommandLine(install_tree.InstallTest):
    PROGRAMS = ("/usr/sbin/dockerd", "/usr/sbin/runc")

    def test_what_is_wrong_with_it(self):
        for arguments, code, expected in (
            (("docker", "--handlers", "Web"), USAGE, "--handlers 'Web'"),
            (("docker", "--handlers", "a,a"), USAGE, "given twice"),
            (("docker", "--handlers", "a/b"), USAGE, "--handlers 'a/b'"),
            (("docker", "--handlers", "x" * 56), USAGE, "no longer than"),
            (("docker", "--shim", "aa-shim"), USAGE, "--shim 'aa-shim'"),
            (("docker", "--shim", "/usr/bin/../bin/aa-shim"), USAGE, "--shim"),
            (("docker", "--shim", "/opt/aa-shim"), SYSTEM, "there is no program"),
            (("docker", "--engine", "k3s"), USAGE, "belong to kubernetes"),
            (("lxc",), USAGE, "there is no engine 'lxc'"),
            (("kubernetes",), SYSTEM, "no engine of a Kubernetes node was found"),
            (("kubernetes", "--engine", "docker"), USAGE, "known are k3s, rke2, k0s, microk8s, containerd and crio"),
        ):
            with self.subTest(arguments):
                self.assertIn(expected, self.refused(*arguments, code=code))

    def test_read_only(self):
        self.put("/etc/docker/daemon.json", "{}")
        subprocess.run(["mount", "--bind", self.at("/etc"), self.at("/etc")], check=True)
        try:
            subprocess.run(["mount", "-o", "remount,bind,ro", self.at("/etc")], check=True)
            self.assertIn(f"cannot write to '{TREE}/etc/docker'", self.refused("docker", code=SYSTEM))
        finally:
            subprocess.run(["umount", self.at("/etc")], check=True)


class Containerd(install_tree.InstallTest):
    PROGRAMS = ("/usr/bin/containerd", "/usr/sbin/runc")
    CONFIG = CONTAINERD_CONFIG

    def plugin(self, document):
        return "io.containerd.cri.v1.runtime" if document["version"] == 3 else "io.containerd.grpc.v1.cri"

    def test_real_files(self):
        self.assertTrue(REAL_FILES)
        for name in REAL_FILES:
            original = (CONFIGS / name).read_bytes()
            for variant, content in (("", original), ("crlf", original.replace(b"\n", b"\r\n")), ("cut", original.rstrip(b"\n"))):
                for options in ((), ("--default", "--handlers", "web", "--mandatory")):
                    with self.subTest(name, variant=variant, options=options):
                        self.setUp()
                        self.put(self.CONFIG, content)
                        installed = self.there_and_back("containerd", *options)[self.CONFIG.lstrip("/")][2]
                        self.check_settings(tomllib.loads(content.decode()), tomllib.loads(installed.decode()), bool(options))

    def check_settings(self, was, now, everything):
        """Nothing but ours differs, as a TOML parser of another make reads it."""
        containerd = now["plugins"][self.plugin(was)]["containerd"]
        runtime = containerd["runtimes"].pop("aa-shim")
        self.assertEqual(runtime["runtime_type"], "io.containerd.runc.v2")
        self.assertEqual(runtime["options"]["BinaryName"], "/usr/bin/aa-shim")
        self.assertIn("aa-shim/*", runtime["pod_annotations"])
        usual = was.get("plugins", {}).get(self.plugin(was), {}).get("containerd", {})
        runc = usual.get("runtimes", {}).get("runc", {}).get("options", {})
        self.assertEqual(runtime["options"].get("SystemdCgroup", False), runc.get("SystemdCgroup", False))
        if everything:
            self.assertEqual(containerd["runtimes"].pop("aa-shim-web")["options"]["BinaryName"], "/usr/bin/aa-shim-web")
            self.assertEqual(containerd["runtimes"]["runc"]["options"]["BinaryName"], "/usr/bin/aa-shim")
            self.assertEqual(containerd["default_runtime_name"], "aa-shim")
            for settings in (containerd, usual):
                settings.pop("default_runtime_name", None)
                settings.get("runtimes", {}).pop("runc", None)

        elif "runtimes" not in usual and was["version"] == 2:
            self.assertEqual(containerd["runtimes"].pop("runc"), {"runtime_type": "io.containerd.runc.v2"})

        def pruned(value):
            if not isinstance(value, dict):
                return value
            inner = {key: pruned(each) for key, each in value.items()}
            return {key: each for key, each in inner.items() if each != {}}

        self.assertEqual(pruned(now), pruned(was))

    def test_no_file(self):
        installed = self.there_and_back("containerd", "--default")[self.CONFIG.lstrip("/")][2]
        self.assertEqual(tomllib.loads(installed.decode())["version"], 2)

    def test_own_file_where_containerd_merges(self):
        self.put(self.CONFIG, 'version = 3\nimports = ["/etc/containerd/conf.d/*.toml"]\n')
        self.put("/etc/containerd/conf.d/10-theirs.toml", 'version = 3\n[plugins."io.containerd.cri.v1.runtime"]\nenable_selinux = true\n')
        installed = self.there_and_back("containerd", "--default")
        self.assertIn("etc/containerd/conf.d/50-aa-shim.toml", installed)
        self.assertNotIn(b"aa-shim", installed[self.CONFIG.lstrip("/")][2])

    def test_no_own_file_where_containerd_replaces(self):
        self.put(self.CONFIG, 'version = 2\nimports = ["conf.d/*.toml"]\n')
        self.put("/etc/containerd/conf.d/10-theirs.toml", "version = 2\noom_score = -999\n")
        installed = self.there_and_back("containerd")
        self.assertNotIn("etc/containerd/conf.d/50-aa-shim.toml", installed)

    def test_refusals(self):
        head = "version = 2\n"
        cri = '[plugins."io.containerd.grpc.v1.cri"'
        other = "/etc/containerd/conf.d/x.toml"
        for content, files, options, expected in (
            ('disabled_plugins = ["cri"]\n', {}, (), "a file without a version is one of version 1"),
            (head + "[broken\n", {}, (), f"{self.CONFIG}:2:8: ']' was expected here"),
            (head + 'imports = ["/missing.toml"]\n', {}, (), "is not there"),
            (head + 'imports = ["/etc/*/x.toml"]\n', {}, (), f"{self.CONFIG}:2:11: the import '/etc/*/x.toml' is of a form"),
            (head + 'imports = ["conf.d/*.toml"]\n', {other: head + cri + "]\n"}, (), f"{other}:2:1: containerd 1 takes this in place"),
            ('version = 3\nimports = ["conf.d/*.toml"]\n', {other: '[plugins."io.containerd.cri.v1.runtime".containerd]\ndefault_runtime_name = "x"\n'},
             ("--default",), f"{other}:2:1: this would overrule"),
            (head + 'imports = ["conf.d/*.toml"]\n', {other: 'imports = ["/y"]\n'}, (), f"{other}:1:1: an imported file that imports others"),
            (head + cri + ".containerd.runtimes.aa-shim]\n", {}, (), f"{self.CONFIG}:2:1: there is a runtime 'aa-shim'"),
            (head, {"/lib/systemd/system/containerd.service": "[Service]\nExecStart=/usr/bin/containerd -c /srv/c.toml\n"}, (), "containerd.service:2: containerd is started with -c"),
        ):
            with self.subTest(expected):
                self.setUp()
                self.put(self.CONFIG, content)
                for path, text in files.items():
                    self.put(path, text)
                self.assertIn(expected, self.refused("containerd", *options))

    def test_a_link_is_refused(self):
        self.put("/srv/config.toml", "version = 2\n")
        self.at("/etc/containerd").mkdir(parents=True)
        self.at(self.CONFIG).symlink_to("/srv/config.toml")
        self.assertIn("is a symbolic link to '/srv/config.toml'", self.refused("containerd"))

    def test_others_changes_stay(self):
        self.put(self.CONFIG, (CONFIGS / "containerd-1.7-default.toml").read_bytes())
        self.ctl("install", "containerd", "--default", "--mandatory", "--handlers", "web")
        file = self.at(self.CONFIG)
        file.write_text(file.read_text().replace("oom_score = 0", "oom_score = -999"))
        self.ctl("uninstall", "containerd")
        expected = (CONFIGS / "containerd-1.7-default.toml").read_text().replace("oom_score = 0", "oom_score = -999")
        self.assertEqual(file.read_text(), expected)
