# SPDX-License-Identifier: Apache-2.0
"""aa-shimctl install kubernetes: K3s and RKE2 with their data in another place, k0s, and MicroK8s, with files as each of them writes them."""

import json
import tomllib

import install_tree
from install_tree import SYSTEM

PLUGIN_2, PLUGIN_3 = "io.containerd.grpc.v1.cri", "io.containerd.cri.v1.runtime"


class DataDirectory(install_tree.InstallTest):
    """Where K3s and RKE2 keep their data."""

    PROGRAMS = ()

    def rancher(self, data, name="k3s"):
        """What it wrote there; its runc is there alone."""
        directory = f"{data}/agent/etc/containerd"
        self.program(f"{data}/{'data/current/bin' if name == 'k3s' else 'bin'}/runc")
        self.put(
            f"{directory}/config.toml",
            f'version = 3\nimports = ["{directory}/config-v3.toml.d/*.toml"]\n[plugins."{PLUGIN_3}".containerd.runtimes.runc]\n'
            f'  runtime_type = "io.containerd.runc.v2"\n[plugins."{PLUGIN_3}".containerd.runtimes.runc.options]\n  SystemdCgroup = true\n')
        return directory

    def assert_installed_below(self, directory, runtime):
        installed = self.there_and_back("kubernetes", "--default")
        self.assertIn(f"{directory}/config-v3.toml.d/50-aa-shim.toml".lstrip("/"), installed)
        self.assertEqual(installed["etc/aa-shim/runtime"][2], runtime)

    def unit(self, name, text, file="/etc/systemd/system/{}.service"):
        self.put(file.format(name), f"[Service]\n{text}\n")

    def test_each_way_to_say_it(self):
        config = "/etc/rancher/k3s/config.yaml"
        ways = {
            "option": lambda: self.unit("k3s", "ExecStart=/usr/local/bin/k3s \\\n    server \\\n\t'--data-dir' \\\n\t'/data/k3s' \\\n"),
            "option with =": lambda: self.unit("k3s", "ExecStart=/usr/local/bin/k3s server --data-dir=/data/k3s/"),
            "short option of an agent": lambda: self.unit("k3s-agent", "ExecStart=/usr/local/bin/k3s agent -d /data/k3s"),
            "file": lambda: self.put(config, "# comment\nwrite-kubeconfig-mode: \"0644\"\ndata-dir: /data/k3s  # here\ntls-san:\n  - \"x\"\n"),
            "file, quoted": lambda: self.put(config, "\"data-dir\": '/data/k3s'\r\n"),
            "file of files": lambda: (self.put(config, "data-dir: /data/old\n"), self.put(f"{config}.d/10.yaml", "data-dir: /data/older\n"),
                                      self.put(f"{config}.d/20.yaml", "data-dir: \"/data/k3s\"\n"), self.put(f"{config}.d/30.yaml", "debug: true\n"),
                                      self.put(f"{config}.d/40.yml", "data-dir: /not/read\n")),
            "another file": lambda: (self.put(config, "data-dir: /data/old\n"), self.put("/etc/k3s.yaml", "data-dir: /data/k3s\n"),
                                     self.unit("k3s", "ExecStart=/usr/local/bin/k3s server --config /etc/k3s.yaml")),
            "variable": lambda: (self.put("/etc/systemd/system/k3s.service.env", "K3S_DATA_DIR='/data/k3s'\n"),
                                 self.unit("k3s", "EnvironmentFile=-/etc/systemd/system/%N.env\nEnvironmentFile=-/etc/systemd/system/k3s.service.env\n"
                                                  "ExecStart=/usr/local/bin/k3s server")),
            "option before file before variable": lambda: (self.put(config, "data-dir: /data/old\n"), self.unit(
                "k3s", "Environment=K3S_DATA_DIR=/data/older\nExecStart=/usr/local/bin/k3s server --data-dir /data/k3s")),
        }
        for name, say in ways.items():
            with self.subTest(name):
                self.setUp()
                directory = self.rancher("/data/k3s")
                self.put("/etc/rancher/k3s/registries.yaml", "")
                say()
                self.assert_installed_below(directory, "/data/k3s/data/current/bin/runc")

    def test_rke2(self):
        directory = self.rancher("/srv/rke2", "rke2")
        self.put("/etc/rancher/rke2/config.yaml", "data-dir: /srv/rke2\n")
        self.assert_installed_below(directory, "/srv/rke2/bin/runc")

    def test_the_usual_place_is_not_looked_at(self):
        """Where the data is elsewhere, what an earlier K3s left in the usual place says nothing."""
        self.rancher("/var/lib/rancher/k3s")
        self.put("/etc/rancher/k3s/config.yaml", "data-dir: /data/k3s\n")
        self.assertIn("/data/k3s/agent/etc/containerd/config.toml' is not there", self.refused("kubernetes", code=SYSTEM))
        directory = self.rancher("/data/k3s")
        installed = self.there_and_back("kubernetes")
        self.assertEqual([path for path in installed if path.endswith("50-aa-shim.toml")], [f"{directory}/config-v3.toml.d/50-aa-shim.toml".lstrip("/")])

    def test_moved_afterwards(self):
        """What install wrote goes, wherever the data is now."""
        self.rancher("/data/k3s")
        file = self.put("/etc/rancher/k3s/config.yaml", "data-dir: /data/k3s\n")
        self.ctl("install", "kubernetes")
        file.write_text("data-dir: /data/new\n")
        self.ctl("uninstall", "kubernetes", "--engine", "k3s")
        self.assertFalse(self.at("/data/k3s/agent/etc/containerd/config-v3.toml.d").exists())
        self.assertFalse(self.at("/var/lib/aa-shim").exists())

    def test_what_is_not_followed(self):
        self.rancher("/var/lib/rancher/k3s")
        for text, line in (
            ("data-dir: relative\n", 1), ("x: y\ndata-dir:\n  /data\n", 2), ("{data-dir: /data}\n", 1), ("  data-dir: /data\n", 1), ("data-dir: &a /data\n", 1),
            ("data-dir: \"/da\\x74a\"\n", 1), ("data-dir: '/data' x\n", 1), ("data-dir: /data/../x\n", 1), ("data-dir: |\n  /data\n", 1), ("data-dir: '/data\n", 1),
        ):
            with self.subTest(text):
                self.put("/etc/rancher/k3s/config.yaml", text)
                message = self.refused("kubernetes")
                self.assertIn(f"/etc/rancher/k3s/config.yaml:{line}: data-dir is said in a form that aa-shimctl does not follow: write 'data-dir: /the/path'", message)
        self.put("/etc/rancher/k3s/config.yaml", "# data-dir: /data\netcd-arg:\n  - \"data-dir=/etcd\"\nkubelet-arg: \"x=data-dir: y\"\n")
        self.ctl("install", "kubernetes")
        self.ctl("uninstall", "kubernetes")
        self.unit("k3s", "ExecStart=/usr/local/bin/k3s server --data-dir $DATA")
        self.assertIn("k3s.service:2: data-dir is said in a form", self.refused("kubernetes"))


class K0s(install_tree.InstallTest):
    PROGRAMS = ("/var/lib/k0s/bin/runc", "/usr/local/bin/k0s")
    DROP_IN = "/etc/k0s/containerd.d/50-aa-shim.toml"
    HEAD = "# k0s_managed=true\n# This is a placeholder configuration for k0s managed containerd.\n"
    # What k0s adds of containerd's defaults, as far as it concerns runtimes.
    MERGED = f"""version = 2

[plugins]

  [plugins."{PLUGIN_2}"]
    sandbox_image = "quay.io/k0sproject/pause:3.9"

    [plugins."{PLUGIN_2}".containerd]
      default_runtime_name = "{{default}}"
      snapshotter = "overlayfs"

      [plugins."{PLUGIN_2}".containerd.runtimes]

        [plugins."{PLUGIN_2}".containerd.runtimes.runc]
          pod_annotations = []
          runtime_type = "io.containerd.runc.v2"

          [plugins."{PLUGIN_2}".containerd.runtimes.runc.options]
            SystemdCgroup = {{systemd}}
"""

    def version(self, number, default="runc", systemd="false"):
        self.put("/etc/systemd/system/k0sworker.service", "[Service]\nExecStart=/usr/local/bin/k0s worker --token-file=/etc/k0s/token\n")
        if number == 2:
            self.put("/etc/k0s/containerd.toml", self.HEAD + 'version = 2\nimports = ["/run/k0s/containerd-cri.toml"]\n')
            self.put("/run/k0s/containerd-cri.toml", self.MERGED.format(default=default, systemd=systemd))
        else:
            self.put("/etc/k0s/containerd.toml", self.HEAD + 'imports = ["/etc/k0s/containerd.d/*.toml"]\nversion = 3\n\n[plugins]\n\n'
                     '  [plugins."io.containerd.cri.v1.images".pinned_images]\n    sandbox = "quay.io/k0sproject/pause:3.10"\n\n'
                     f'  [plugins."{PLUGIN_3}"]\n')
        self.at("/etc/k0s/containerd.d").mkdir(parents=True, exist_ok=True)

    def containerd(self, installed, number):
        text = installed[self.DROP_IN.lstrip("/")][2].decode()
        document = tomllib.loads(text)
        self.assertEqual(document["version"], number)
        return document["plugins"][PLUGIN_2 if number == 2 else PLUGIN_3]["containerd"]

    def test_there_and_back(self):
        for number in (2, 3):
            with self.subTest(number):
                self.setUp()
                self.version(number, systemd="true")
                installed = self.there_and_back("kubernetes", "--default", "--handlers", "web")
                containerd = self.containerd(installed, number)
                self.assertEqual(containerd["default_runtime_name"], "aa-shim")
                self.assertEqual(set(containerd["runtimes"]), {"aa-shim", "aa-shim-web"})
                self.assertEqual(containerd["runtimes"]["aa-shim"]["options"], {"BinaryName": "/usr/bin/aa-shim"} | ({"SystemdCgroup": True} if number == 2 else {}))
                self.assertEqual(installed["etc/aa-shim/runtime"][2], "/var/lib/k0s/bin/runc")
                self.assertIn("systemctl restart k0sworker", self.ctl("install", "kubernetes").stdout)

    def test_mandatory(self):
        self.version(2)
        containerd = self.containerd(self.there_and_back("kubernetes", "--mandatory"), 2)
        self.assertEqual(containerd["runtimes"]["runc"]["options"]["BinaryName"], "/usr/bin/aa-shim")

    def test_again_when_k0s_has_merged_ours(self):
        self.version(2)
        self.ctl("install", "kubernetes", "--default", "--handlers", "web")
        text = self.at("/run/k0s/containerd-cri.toml").read_text().replace('default_runtime_name = "runc"', 'default_runtime_name = "aa-shim"')
        for name in ("aa-shim", "aa-shim-web"):
            text += (f'\n        [plugins."{PLUGIN_2}".containerd.runtimes.{name}]\n          runtime_type = "io.containerd.runc.v2"\n\n'
                     f'          [plugins."{PLUGIN_2}".containerd.runtimes.{name}.options]\n            BinaryName = "/usr/bin/{name}"\n')
        tomllib.loads(text)
        self.put("/run/k0s/containerd-cri.toml", text)
        self.assertIn("Nothing to change", self.ctl("install", "kubernetes", "--default", "--handlers", "web").stdout)
        self.ctl("uninstall", "kubernetes")
        self.assertFalse(self.at(self.DROP_IN).exists())

    def test_data_elsewhere(self):
        self.version(3)
        self.program("/data/k0s/bin/runc")
        self.put("/etc/systemd/system/k0sworker.service", "[Service]\nExecStart=/usr/local/bin/k0s worker --data-dir=/data/k0s\n")
        self.assertEqual(self.there_and_back("kubernetes")["etc/aa-shim/runtime"][2], "/data/k0s/bin/runc")

    def test_another_default(self):
        self.program("/usr/sbin/runc")
        self.version(2, default="runsc")
        self.put("/run/k0s/containerd-cri.toml", self.at("/run/k0s/containerd-cri.toml").read_text() +
                 f'\n[plugins."{PLUGIN_2}".containerd.runtimes.runsc]\n  runtime_type = "io.containerd.runsc.v1"\n')
        self.assertIn("--default: ", self.refused("kubernetes", "--default"))
        self.there_and_back("kubernetes")

    def test_refusals(self):
        self.version(2)
        self.at("/run/k0s/containerd-cri.toml").unlink()
        self.assertIn("/run/k0s/containerd-cri.toml' is not there: k0s writes it when it starts", self.refused("kubernetes", code=SYSTEM))
        self.version(3)
        self.put("/etc/k0s/containerd.d/60-more.toml", f'version = 3\n[plugins."{PLUGIN_3}".containerd]\ndefault_runtime_name = "kata"\n')
        self.assertIn("60-more.toml:3:", self.refused("kubernetes", "--default"))
        self.version(2)
        self.put("/etc/k0s/containerd.d/60-more.toml", f'version = 2\n[plugins."{PLUGIN_2}".containerd]\ndefault_runtime_name = "kata"\n')
        self.assertIn("60-more.toml:2:", self.refused("kubernetes", "--default"))
        self.there_and_back("kubernetes")
        self.put("/etc/k0s/containerd.toml", 'version = 3\nimports = ["/etc/k0s/containerd.d/*.toml"]\n')
        self.assertIn("/etc/k0s/containerd.toml:1: k0s does not manage this file", self.refused("kubernetes"))
        self.put("/etc/k0s/containerd.toml", self.HEAD + "version = 3\n")
        self.assertIn("this does not import /etc/k0s/containerd.d/*.toml", self.refused("kubernetes"))
        self.setUp()
        self.assertIn("/etc/k0s/containerd.toml' is not there: k0s writes it when it starts", self.refused("kubernetes", code=SYSTEM))


class MicroK8s(install_tree.InstallTest):
    TEMPLATE = "/var/snap/microk8s/current/args/containerd-template.toml"

    def test_it_is_refused_with_the_way_by_hand(self):
        """And no other containerd of the host is taken for the node's."""
        self.program("/usr/bin/containerd")
        self.put("/etc/containerd/config.toml", "version = 2\n")
        self.put("/var/snap/microk8s/7000/args/containerd-template.toml",
                 f'version = 2\n[plugins."{PLUGIN_2}".containerd]\n  snapshotter = "${{SNAPSHOTTER}}"\n  default_runtime_name = "${{RUNTIME}}"\n')
        self.at("/var/snap/microk8s/current").symlink_to("7000")
        message = self.refused("kubernetes")
        self.assertIn(f"this node's engine is MicroK8s, whose containerd gets its configuration from '{install_tree.TREE}{self.TEMPLATE}'", message)
        self.assertIn("docs/install.md", message)
        self.assertEqual(json.loads(self.ctl("--json", "install", "kubernetes", code=1).stdout)["error"]["kind"], "config")
        self.assertIn("Nothing to change", self.ctl("uninstall", "kubernetes").stdout)
        file = self.at(self.TEMPLATE)
        file.write_text(file.read_text() + f'[plugins."{PLUGIN_2}".containerd.runtimes.aa-shim.options]\n  BinaryName = "/usr/bin/aa-shim"\n')
        self.assertIn("take it out by hand first", self.ctl("uninstall", "kubernetes", code=1).stderr)
