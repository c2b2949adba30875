# SPDX-License-Identifier: Apache-2.0
"""After an install, other tools write the engines' files anew or change them: uninstall finds what is ours by what it is, leaves what is
theirs, and names what it cannot take out.
"""

import json
import tomllib

import install_tree
from install_tree import CONFIGS, CONTAINERD_CONFIG, REAL_FILES, TREE, WRONG

DOCKER = "/etc/docker/daemon.json"
CRI = 'plugins."io.containerd.grpc.v1.cri".containerd'
ALL = ("--default", "--handlers", "web")


def value(item):
    if isinstance(item, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {value(each)}" for key, each in item.items()) + "}"
    return json.dumps(item) if not isinstance(item, list) else "[" + ", ".join(map(value, item)) + "]"


def toml(document, path=()):
    """DOCUMENT as a TOML library writes it: sorted, no comments, a header for every table."""
    text = "".join(f"{json.dumps(key)} = {value(item)}\n" for key, item in sorted(document.items()) if not isinstance(item, dict))
    for key, item in sorted(document.items()):
        if isinstance(item, dict):
            name = (*path, key)
            text += f"\n[{'.'.join(map(json.dumps, name))}]\n{toml(item, name)}"
    return text


def pruned(document):
    """DOCUMENT without empty tables: a library keeps their headers."""
    if not isinstance(document, dict):
        return document
    inner = {key: pruned(item) for key, item in document.items()}
    return {key: item for key, item in inner.items() if item != {}}


class Rewritten(install_tree.InstallTest):
    PROGRAMS = ("/usr/bin/dockerd", "/usr/bin/containerd", "/usr/bin/crio", "/usr/bin/podman", "/usr/sbin/runc")

    def read(self, path=CONTAINERD_CONFIG):
        return tomllib.loads(self.at(path).read_text())

    def rewrite(self, change=lambda containerd: None):
        """What nvidia-ctk, kata-deploy and the like make of the file."""
        document = self.read()
        change(next(table["containerd"] for table in document["plugins"].values() if "containerd" in table))
        self.put(CONTAINERD_CONFIG, toml(document))
        return document

    def left(self, engine):
        """What uninstall says that it cannot take out; nothing has changed then."""
        before = self.tree()
        result = self.ctl("uninstall", engine, code=WRONG)
        self.assertEqual(self.tree(), before)
        head, remedy = "aa-shimctl: ", ": aa-shimctl did not write this as it is, and it would be left behind: take it out by hand first; nothing was changed\n"
        self.assertTrue(result.stderr.startswith(head) and result.stderr.endswith(remedy), result.stderr)
        return result.stderr[len(head) : -len(remedy)].replace(str(TREE), "")

    def test_without_comments(self):
        for name in REAL_FILES:
            for options in (ALL, (*ALL, "--mandatory")):
                with self.subTest(name, options=options):
                    self.setUp()
                    self.put(CONTAINERD_CONFIG, (CONFIGS / name).read_bytes())
                    before = self.read()
                    self.ctl("install", "containerd", *options)
                    installed = self.rewrite()
                    self.ctl("install", "containerd", *options)
                    self.assertEqual(self.read(), installed)
                    self.rewrite()
                    self.ctl("uninstall", "containerd")
                    self.assertNotIn("aa-shim", self.at(CONTAINERD_CONFIG).read_text())
                    self.assertEqual(self.without_built_in(self.read(), before), pruned(before))
                    self.assertFalse(self.at("/usr/bin/aa-shim-web").is_symlink())
                    self.assertFalse(self.at("/var/lib/aa-shim").exists())

    def without_built_in(self, document, before):
        """containerd's own runtime, which we had to name, is what it was without us."""
        for plugin, table in document["plugins"].items():
            runc = table.get("containerd", {}).get("runtimes", {}).get("runc")
            if runc and "runtimes" not in before.get("plugins", {}).get(plugin, {}).get("containerd", {}):
                self.assertEqual(pruned(runc), {"runtime_type": "io.containerd.runc.v2"})
                del table["containerd"]["runtimes"]["runc"]
        return pruned(document)

    def test_without_a_record(self):
        self.put(CONTAINERD_CONFIG, (CONFIGS / "containerd-1.7-kubeadm.toml").read_bytes())
        self.ctl("install", "containerd", *ALL)
        self.rewrite()
        for directory in sorted(self.at("/var/lib/aa-shim").rglob("*"), reverse=True):
            directory.rmdir() if directory.is_dir() else directory.unlink()
        self.ctl("uninstall", "containerd")
        self.assertNotIn("aa-shim", self.at(CONTAINERD_CONFIG).read_text())

    def test_another_default(self):
        """Set since by another tool, in place or in a file written anew: it stays."""
        for rewritten in (False, True):
            for before in ("", f'[{CRI}]\n  default_runtime_name = "runc"\n'):
                with self.subTest(rewritten=rewritten, before=before):
                    self.setUp()
                    self.put(CONTAINERD_CONFIG, f'version = 2\n{before}[{CRI}.runtimes.runc]\n  runtime_type = "io.containerd.runc.v2"\n')
                    self.ctl("install", "containerd", *ALL)
                    text = self.at(CONTAINERD_CONFIG).read_text()
                    text = text.replace('default_runtime_name = "aa-shim"', 'default_runtime_name = "nvidia"')
                    self.put(CONTAINERD_CONFIG, text + f'[{CRI}.runtimes.nvidia]\n  runtime_type = "io.containerd.runc.v2"\n')
                    if rewritten:
                        self.rewrite()
                    self.ctl("uninstall", "containerd")
                    containerd = self.read()["plugins"]["io.containerd.grpc.v1.cri"]["containerd"]
                    runtime = {"runtime_type": "io.containerd.runc.v2"}
                    self.assertEqual(pruned(containerd), {"default_runtime_name": "nvidia", "runtimes": {"runc": runtime, "nvidia": runtime}})

    def test_what_others_put_between_the_marks(self):
        self.put(CONTAINERD_CONFIG, "version = 2\n")
        self.ctl("install", "containerd")
        text = self.at(CONTAINERD_CONFIG).read_text()
        self.put(CONTAINERD_CONFIG, text.replace("# aa-shim end", '[debug]\n  level = "info"\n# aa-shim end'))
        self.ctl("uninstall", "containerd")
        self.assertEqual(self.at(CONTAINERD_CONFIG).read_text(), 'version = 2\n[debug]\n  level = "info"\n')

    def test_a_file_of_ours_that_others_use(self):
        """Their settings keep the version that they were written for."""
        self.ctl("install", "containerd", *ALL)
        self.put(CONTAINERD_CONFIG, self.at(CONTAINERD_CONFIG).read_text() + '[debug]\n  level = "info"\n')
        self.ctl("uninstall", "containerd")
        self.assertEqual(self.read(), {"version": 2, "debug": {"level": "info"}})

    def test_our_own_file_merged_into_theirs(self):
        """What reads `containerd config dump` and writes config.toml."""
        main = 'version = 3\nimports = ["/etc/containerd/conf.d/*.toml"]\n'
        self.put(CONTAINERD_CONFIG, main)
        self.ctl("install", "containerd", *ALL)
        ours = self.read("/etc/containerd/conf.d/50-aa-shim.toml")
        self.put(CONTAINERD_CONFIG, toml(tomllib.loads(main) | ours))
        self.ctl("uninstall", "containerd")
        self.assertEqual(pruned(self.read()), tomllib.loads(main))
        self.assertFalse(self.at("/etc/containerd/conf.d/50-aa-shim.toml").exists())

    def test_redirected_runtimes(self):
        runtime = f'[{CRI}.runtimes.%s]\n  runtime_type = "io.containerd.runc.v2"\n[{CRI}.runtimes.%s.options]\n  BinaryName = "%s"\n'
        self.program("/opt/runc")
        self.put(CONTAINERD_CONFIG, "version = 2\n" + runtime % ("runc", "runc", "/opt/runc") + runtime % ("other", "other", "runc"))
        before = self.read()
        self.ctl("install", "containerd", *ALL, "--mandatory")

        def change(containerd):
            containerd["runtimes"]["mine"] = {"runtime_type": "io.containerd.runc.v2", "options": {"BinaryName": "/usr/bin/aa-shim"}}

        self.rewrite(change)
        self.assertRegex(self.left("containerd"), r"^/etc/containerd/config.toml:\d+:1: the runtime 'mine'$")
        self.rewrite(lambda containerd: containerd["runtimes"].pop("mine"))
        self.ctl("uninstall", "containerd")
        self.assertEqual(pruned(self.read()), before)

    def test_daemon_json(self):
        self.put(DOCKER, '{"default-runtime": "runc"}')
        self.ctl("install", "docker", *ALL)
        document = json.loads(self.at(DOCKER).read_text())
        for runtime in document["runtimes"].values():
            runtime["runtimeArgs"] = []
        self.put(DOCKER, json.dumps(document, indent="\t", sort_keys=True))
        self.ctl("uninstall", "docker")
        self.assertEqual(json.loads(self.at(DOCKER).read_text()), {"default-runtime": "runc"})

    def test_what_cannot_be_taken_out(self):
        cases = (
            ("docker", DOCKER, '{"runtimes":{"mine":{"path":"/usr/bin/aa-shim-web"}}}', f"{DOCKER}:1:14: the runtime 'mine'"),
            ("docker", DOCKER, '{"runtimes":{"aa-shim":{"path":"/usr/bin/aa-shim","runtimeArgs":["--debug"]}}}', f"{DOCKER}:1:14: the runtime 'aa-shim'"),
            ("containerd", CONTAINERD_CONFIG, f'version = 2\n[{CRI}.runtimes]\naa-shim = {{runtime_type = "x"}}\n', f"{CONTAINERD_CONFIG}:3:1: the runtime 'aa-shim'"),
            ("crio", "/etc/crio/crio.conf", '[crio.runtime]\ndefault_runtime = "aa-shim"\n[crio.runtime.runtimes.aa-shim]\nruntime_path = "/usr/bin/aa-shim"\n',
             "/etc/crio/crio.conf:2:1: the default runtime 'aa-shim'; /etc/crio/crio.conf:3:1: the runtime 'aa-shim'"),
            ("podman", "/etc/containers/containers.conf", '[engine.runtimes]\nx = ["/usr/bin/aa-shim"]\n', "/etc/containers/containers.conf:2:1: the runtime 'x'"),
        )
        for engine, path, content, expected in cases:
            with self.subTest(expected):
                self.setUp()
                if path not in (DOCKER, CONTAINERD_CONFIG):
                    self.ctl("install", engine)
                self.put(path, content)
                self.assertEqual(self.left(engine), expected)

    def test_a_template_that_lost_its_marks(self):
        directory = "/var/lib/rancher/k3s/agent/etc/containerd"
        self.put(f"{directory}/config.toml", "version = 2\n")
        self.ctl("install", "kubernetes", "--engine", "k3s")
        template = self.at(f"{directory}/config.toml.tmpl")
        self.put(f"{directory}/config.toml.tmpl", "".join(line for line in template.read_text().splitlines(True) if not line.startswith("#")))
        self.assertIn(f"{directory}/config.toml.tmpl:3: 'aa-shim'", self.left("kubernetes"))
