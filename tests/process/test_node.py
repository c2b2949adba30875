# SPDX-License-Identifier: Apache-2.0
"""aa-shimctl node: the agent of a Kubernetes node, before a prepared directory."""

import json
import re
import shutil
import signal
import time

import harness
from node_test import BROKEN_PROFILE, GOOD, OK, OTHER, PENDING, STATUS, SYSTEM, UNKNOWN_KEY, USAGE, WRONG, NodeTest
from node_tree import CONTAINERD, SHARE
from test_crash import strace_works


class Rounds(NodeTest):
    def test_the_first_round_brings_everything_and_waits_for_a_restart(self):
        result = self.once(code=WRONG)
        node = self.node
        self.assertIn(PENDING, result.stdout)
        for ours, theirs in ((harness.CTL, "aa-shimctl"), (harness.SHIM, "aa-shim")):
            file = node.root / "opt/aa-shim/bin" / theirs
            self.assertEqual(file.read_bytes(), ours.read_bytes())
            self.assertEqual(file.stat().st_mode & 0o7777, 0o755)
        self.assertEqual((node.root / "opt/aa-shim/bin/aa-shim-web").readlink().name, "aa-shim")
        self.assertEqual(json.loads(node.read("etc/aa-shim/catalog.d/10-test.json")), harness.CATALOG)
        self.assertEqual(node.read("etc/aa-shim/apparmor.d/aa-test"), harness.PROFILE)
        self.assertTrue((node.root / "run/aa-shim/catalog").exists())
        config = node.read("etc/containerd/config.toml")
        for line in CONTAINERD.splitlines():
            self.assertIn(line, config)
        self.assertRegex(config, r'(?s)aa-shim-web.*BinaryName = "/opt/aa-shim/bin/aa-shim-web"')
        unit = node.read("etc/systemd/system/aa-shim-node.service")
        self.assertIn("ExecStart=/opt/aa-shim/bin/aa-shimctl load\n", unit)
        self.assertTrue((node.root / "etc/systemd/system/multi-user.target.wants/aa-shim-node.service").resolve().exists())
        told = self.assert_told(False, PENDING, "--restart-engine", "engine.restart")
        self.assertRegex(told["annotations"]["aa-shim/catalog"], "^[0-9a-f]{16}$")
        self.assertEqual(node.calls.read_text().split(" --patch")[0], "patch node node-1 --type=merge --request-timeout=20s")
        self.assertEqual(node.systemctl(), [])

    def test_after_the_restart_the_node_is_ready(self):
        hash_ = self.make_ready()
        self.assert_told(True, "ready: aa-shim ", hash_)
        self.assertEqual(self.node.run("--check").returncode, OK)

    def test_another_round_changes_nothing(self):
        self.make_ready()
        before = self.node.state(STATUS)
        self.once()
        self.assertEqual(self.node.state(STATUS), before)

    def test_the_agent_restarts_the_engine_if_it_may_and_only_after_a_change(self):
        self.once("--restart-engine")
        self.assertEqual(self.node.systemctl(), ["daemon-reload", "restart containerd.service"])
        self.assertEqual([told["labels"]["aa-shim/ready"] for told in self.node.told()], [None, "true"])
        self.assertIn("being restarted", self.node.told()[0]["annotations"]["aa-shim/status"])
        self.once("--restart-engine")
        self.assertEqual(len(self.node.systemctl()), 2)

    def test_the_service_that_an_engine_is_part_of_is_restarted(self):
        """The outermost: containerd of a distribution is its child."""
        systemctl = self.node.root / "usr/bin/systemctl"
        plain = systemctl.read_text()
        for service in ("k3s", "k3s-agent", "rke2-server", "rke2-agent", "k0sworker", "k0scontroller", "crio"):
            with self.subTest(service):
                systemctl.write_text(plain.replace('"is-active containerd.service")', f'"is-active {service}.service"|"is-active containerd.service")'))
                (self.node.root / "systemctl.log").unlink(missing_ok=True)
                mark = self.node.root / "run/aa-shim/engine-restart"
                mark.parent.mkdir(parents=True, exist_ok=True)
                mark.write_text("")
                self.once("--restart-engine")
                self.assertEqual(self.node.systemctl()[-2:], ["daemon-reload", f"restart {service}.service"])

    def test_an_engine_without_a_service_is_named(self):
        (self.node.root / "usr/bin/systemctl").write_text("#!/bin/sh\nexit 3\n")
        self.once("--restart-engine", code=WRONG)
        self.assert_told(False, "no service of an engine is active", "restart the engine by hand")

    def test_a_systemd_that_does_not_answer_is_told_in_its_words(self):
        (self.node.root / "usr/bin/systemctl").write_text("#!/bin/sh\necho 'Failed to connect to bus: No data available' >&2\nexit 1\n")
        self.once("--restart-engine", code=WRONG)
        self.assert_told(False, "the node's systemd cannot be asked: systemctl is-active: Failed to connect to bus: No data available: restart the engine "
                         "by hand")

    def test_an_engines_configuration_that_disappears_comes_back(self):
        self.make_ready()
        (self.node.root / "etc/containerd/config.toml").write_text(CONTAINERD)
        self.once(code=WRONG)
        self.assertIn("aa-shim-web", self.node.read("etc/containerd/config.toml"))
        self.assert_told(False, PENDING)
        self.node.start_containerd()
        self.once()
        self.assert_told(True)

    def test_an_engines_configuration_that_is_broken_is_named(self):
        (self.node.root / "etc/containerd/config.toml").write_text("version = 2\nversion = 2\n")
        self.once(code=WRONG)
        self.assert_told(False, "the engine's configuration: ", "config.toml:2:")
        self.assertEqual(self.node.read("etc/containerd/config.toml"), "version = 2\nversion = 2\n")

    def test_programs_that_were_changed_are_put_right(self):
        self.make_ready()
        shim = self.node.root / "opt/aa-shim/bin/aa-shim"
        for damage in (lambda: shim.write_bytes(b"#!/bin/sh\n"), shim.unlink, lambda: shim.chmod(0o777)):
            damage()
            self.once()
            self.assertEqual((shim.read_bytes(), shim.stat().st_mode & 0o7777), (harness.SHIM.read_bytes(), 0o755))

    def test_a_boot_puts_the_catalog_in_force_again(self):
        hash_ = self.make_ready()
        shutil.rmtree(self.node.root / "run/aa-shim")
        self.once()
        self.assertTrue((self.node.root / "run/aa-shim/catalog").exists())
        self.assert_told(True, hash_)

    def test_a_catalog_that_somebody_else_put_in_force_is_replaced(self):
        self.make_ready()
        compiled = self.node.root / "run/aa-shim/catalog"
        before = compiled.read_bytes()
        compiled.unlink()
        compiled.write_bytes(b"something else")
        self.once()
        self.assertEqual(compiled.read_bytes(), before)

    def test_a_cluster_that_cannot_be_told(self):
        fails = self.node.calls.with_suffix(".log.fails")
        fails.touch()
        result = self.once(code=WRONG)
        self.assertIn("cannot tell the cluster about node 'node-1': kubectl: Unable to connect to the server: no route to host", result.stderr)

    def test_without_a_name_nobody_is_told(self):
        self.once(code=WRONG, name=None)
        self.assertEqual(self.node.told(), [])

    def test_a_node_where_aa_shim_finds_no_runtime(self):
        """kind's, kubespray's and a downloaded runc lie elsewhere than packaged ones."""
        (self.node.root / "usr/sbin/runc").unlink()
        self.node.add_runtime("opt/runc/runc")
        for _ in range(2):
            self.once("--restart-engine", code=WRONG)
            self.assert_told(False, "there is no runtime", "install runc or crun", "/etc/aa-shim/runtime")
        self.assertEqual(self.node.systemctl(), [])
        (self.node.root / "etc/aa-shim/runtime").symlink_to("/opt/runc/runc")
        self.once("--restart-engine")
        self.assert_told(True)
        (self.node.root / "opt/runc/runc").write_text("#!/bin/sh\necho it is broken >&2\nexit 1\n")
        self.once("--restart-engine", code=WRONG)
        self.assert_told(False, "no container could start on this node: it is broken")

    def test_a_node_without_apparmors_parser(self):
        (self.node.root / "usr/sbin/apparmor_parser").unlink()
        self.once(code=WRONG)
        self.assert_told(False, "AppArmor's compiler is missing", "install the package 'apparmor'")
        self.assertEqual(self.node.read("etc/containerd/config.toml"), CONTAINERD)
        self.assertFalse((self.node.root / "opt/aa-shim/bin/aa-shim").exists())

    def test_a_node_without_apparmor(self):
        strict = {key: value for key, value in harness.CATALOG.items() if key != "withoutAppArmor"}
        self.node.deliver(GOOD | {"10-test.json": strict})
        self.once(code=WRONG)
        self.assert_told(False, "this kernel has no AppArmor")
        self.assertEqual(self.node.read("etc/containerd/config.toml"), CONTAINERD)

    def test_the_default_catalog_is_taken(self):
        files = {file.name: file.read_text() for folder in ("catalog.d", "apparmor.d") for file in (SHARE / folder).iterdir()}
        files["99-here.json"] = '{ "withoutAppArmor": "capabilities-only" }'
        self.node.deliver(files)
        self.make_ready()
        self.assert_told(True)


class Deliveries(NodeTest):
    def test_a_change_comes_into_force_while_the_agent_runs(self):
        first = self.make_ready()
        agent = self.start()
        self.until(lambda: len(self.node.told()) == 3)
        compiled = (self.node.root / "run/aa-shim/catalog").read_bytes()
        self.node.deliver(OTHER)
        self.until(lambda: len(self.node.told()) == 4)
        told = self.assert_told(True)
        self.assertNotEqual(told["annotations"]["aa-shim/catalog"], first)
        self.assertEqual(json.loads(self.node.read("etc/aa-shim/catalog.d/10-test.json"))["rules"], [])
        self.assertNotEqual((self.node.root / "run/aa-shim/catalog").read_bytes(), compiled)
        self.node.deliver(GOOD)
        self.until(lambda: len(self.node.told()) == 5)
        self.assertEqual(self.node.told()[-1]["annotations"]["aa-shim/catalog"], first)
        self.assertIsNone(agent.poll())

    def test_a_wrong_one_never_reaches_the_node(self):
        hash_ = self.make_ready()
        for wrong, place in ((UNKNOWN_KEY, "20-more.json:2:"), (BROKEN_PROFILE, "aa-test:2:1: apparmor_parser: "),
                             ({"aa-test": harness.PROFILE}, "has no file called *.json"), (GOOD | {"10-test.json": ""}, "10-test.json:1:")):
            self.node.deliver(wrong)
            before = self.node.state(STATUS)
            self.once(code=WRONG)
            told = self.assert_told(True, f"ready with the catalog {hash_}, which stays in force: the delivered one is refused: ", place)
            self.assertEqual(told["annotations"]["aa-shim/catalog"], hash_)
            after = {key: value for key, value in self.node.state(STATUS).items() if not key.startswith("etc/aa-shim/.delivered")}
            self.assertEqual(after, before)
            self.assertNotIn(".delivered", told["annotations"]["aa-shim/status"])
            check = self.node.run("--check")
            self.assertEqual((check.returncode, place in check.stdout), (WRONG, True))
            shutil.rmtree(self.node.root / "etc/aa-shim/.delivered", ignore_errors=True)
        self.node.deliver(GOOD)
        self.once()
        self.assert_told(True, "ready: aa-shim ", f", catalog {hash_}")

    def test_a_wrong_first_one_leaves_the_engine_alone(self):
        self.node.deliver(UNKNOWN_KEY)
        self.once(code=WRONG)
        self.assert_told(False, "20-more.json:2:")
        self.assertEqual(self.node.read("etc/containerd/config.toml"), CONTAINERD)
        self.assertFalse((self.node.root / "opt/aa-shim/bin/aa-shim").exists())
        self.assertFalse((self.node.root / "run/aa-shim/catalog").exists())

    def test_a_refused_one_is_looked_at_once(self):
        self.make_ready()
        self.node.deliver(UNKNOWN_KEY)
        self.start()
        self.until(lambda: "refused" in self.node.told()[-1]["annotations"]["aa-shim/status"])
        stage = self.node.root / "etc/aa-shim/.delivered"
        checked = stage.stat().st_ctime_ns
        time.sleep(2.5)
        self.assertEqual(stage.stat().st_ctime_ns, checked)

    def test_a_change_by_hand_is_undone(self):
        self.make_ready()
        file = self.node.root / "etc/aa-shim/catalog.d/10-test.json"
        good = file.read_text()
        for change in (lambda: file.write_text("{}"), file.unlink, lambda: (file.parent / "20-more.json").write_text("{}")):
            change()
            self.once()
            self.assertEqual([path.name for path in sorted(file.parent.glob("*.json"))], ["10-test.json"])
            self.assertEqual(file.read_text(), good)

    def test_what_an_operator_had_there_is_kept(self):
        own = self.node.root / "etc/aa-shim/catalog.d"
        own.mkdir(parents=True)
        (own / "50-own.json").write_text("{}")
        self.make_ready()
        kept = self.node.root / "etc/aa-shim/catalog.d.before-node"
        self.assertEqual([path.name for path in kept.iterdir()], ["50-own.json"])
        self.once("--remove", "--restart-engine")
        self.assertEqual([path.name for path in own.iterdir()], ["50-own.json"])
        self.assertFalse(kept.exists())

    def test_names_that_are_none(self):
        (self.node.volume / "..data" / "a b").write_text("")
        self.once(code=WRONG)
        self.assert_told(False, "holds 'a b', which is no name of a file")


class Ends(NodeTest):
    def test_sigterm_changes_nothing(self):
        self.make_ready()
        before = self.node.state(STATUS)
        agent = self.start()
        self.until(lambda: len(self.node.told()) == 3)
        agent.send_signal(signal.SIGTERM)
        self.assertEqual(agent.wait(10), 0)
        self.assertEqual(self.node.state(STATUS), before)
        self.assert_told(True)

    def test_only_one_agent_works_on_a_node(self):
        self.make_ready()
        self.start()
        self.until(lambda: len(self.node.told()) == 3)
        result = self.node.run("--once")
        self.assertEqual(result.returncode, WRONG)
        self.assertEqual(len(self.node.told()), 3)

    def test_killed_at_every_rename(self):
        """Wherever it is killed, no program is half there, the engine never names one that is missing, and the next agent puts all right."""
        if not strace_works():
            self.skipTest("needs strace(1) and ptrace(2)")
        self.make_ready()
        volatile = {STATUS, "run/aa-shim/node-loaded", "run/aa-shim/catalog", "run/aa-shim/key"}

        def contents():
            return {key: value[:2] for key, value in self.node.state(*volatile).items() if not key.startswith("etc/aa-shim/.delivered")}

        expected = contents()
        calls = "rename,renameat,renameat2"
        for number in range(1, 200):
            for folder in ("opt", "etc/aa-shim", "run/aa-shim", "var"):
                shutil.rmtree(self.node.root / folder, ignore_errors=True)
            (self.node.root / "etc/containerd/config.toml").write_text(CONTAINERD)
            result = self.node.run("--once", prefix=("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}", "-e",
                                                     f"inject={calls}:signal=SIGKILL:when={number}"))
            for name, ours in (("aa-shim", harness.SHIM), ("aa-shimctl", harness.CTL)):
                program = self.node.root / "opt/aa-shim/bin" / name
                self.assertTrue(not program.exists() or program.read_bytes() == ours.read_bytes(), f"{program} after call {number}")
            if "aa-shim" in self.node.read("etc/containerd/config.toml"):
                for file in ("opt/aa-shim/bin/aa-shim", "opt/aa-shim/bin/aa-shim-web", "run/aa-shim/catalog"):
                    self.assertTrue((self.node.root / file).exists(), f"{file} after call {number}")
                self.assertTrue((self.node.root / "run/aa-shim/engine-restart").exists(), number)
            done = result.returncode >= 0 and PENDING in result.stdout
            self.once(code=WRONG)
            self.assert_told(False, PENDING)
            self.node.start_containerd()
            self.once()
            self.assertEqual(contents(), expected, number)
            if done:
                break
        self.assertGreater(number, 10)
        self.assertTrue(done)


class CommandLine(NodeTest):
    def test_check_before_the_first_round(self):
        result = self.node.run("--check")
        self.assertEqual(result.returncode, SYSTEM)
        self.assertEqual(result.stderr, "aa-shimctl: the agent has not finished a round on this node since the last boot\n")

    def test_json(self):
        self.make_ready()
        document = json.loads(self.node.run("--check", "--json").stdout)
        self.assertEqual((document["ok"], document["ready"]), (True, True))
        self.assertTrue(re.fullmatch("[0-9a-f]{16}", document["catalog"]))

    def test_mistakes(self):
        for options in (["--interval", "0"], ["--check", "--remove"], ["--no-such"]):
            self.assertEqual(self.node.run(*options).returncode, USAGE, options)
