# SPDX-License-Identifier: Apache-2.0
"""What an operator reads of decisions: records in the journal and in a file, and names of running containers."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import bundle as bundles
import harness
import observing
from observing import CRI, CRI_ROOT

JOURNALD = Path("/lib/systemd/systemd-journald")
SUBJECT = {
    "AA_SHIM_ENGINE": "cri-containerd", "AA_SHIM_NAMESPACE": "shop", "AA_SHIM_POD": "web", "AA_SHIM_NAME": "nginx",
    "AA_SHIM_IMAGE": "registry.example/nginx:1",
}


def parse_record(datagram):
    """A record of journald's native protocol in its simple form: lines "NAME=value", and nothing else."""
    text = datagram.decode()
    if not text.endswith("\n"):
        raise ValueError("the last line has no end")
    fields = {}
    for line in text[:-1].split("\n"):
        name, equals, value = line.partition("=")
        # systemd.journal-fields(7): no leading underscore, which is for journald's own.
        if not equals or not re.fullmatch(r"[A-Z][A-Z0-9_]{0,63}", name):
            raise ValueError(f"no field: {line!r}")
        if name in fields:
            raise ValueError(f"{name} is there twice")
        fields[name] = value
    return fields


class Journal(observing.ObservingTest):
    def setUp(self):
        super().setUp()
        harness.JOURNAL.parent.mkdir(parents=True, exist_ok=True)
        harness.JOURNAL.unlink(missing_ok=True)
        self.load_catalog()

    def listen(self):
        log = self.listen_as_journald(harness.TIMEOUT)
        return lambda: parse_record(log.recv(1 << 16))

    def test_what_a_record_says(self):
        record = self.listen()
        directory = self.cri_bundle("c1")
        self.assert_forwarded(self.cri("create", "--bundle", directory), "--root", CRI_ROOT, "create", "--bundle", directory, "c1")
        created = record()
        expected = SUBJECT | {
            "SYSLOG_IDENTIFIER": "aa-shim", "PRIORITY": "6", "MESSAGE": "create of container 'c1' allowed",
            "AA_SHIM_OUTCOME": "allowed", "AA_SHIM_COMMAND": "create", "AA_SHIM_CONTAINER": "c1", "AA_SHIM_CONFINEMENT": "test",
            "AA_SHIM_RULE": "otherwise, /etc/aa-shim/catalog.d/10-test.json:1:1", "AA_SHIM_ASKED_PROFILE": "",
        }
        self.assertLessEqual({name: created.get(name) for name in expected if name != "AA_SHIM_RULE"}.items(), expected.items())
        self.assertTrue(created["AA_SHIM_RULE"].startswith("otherwise, /etc/aa-shim/catalog.d/10-test.json:"), created["AA_SHIM_RULE"])
        self.assertRegex(created["AA_SHIM_DECISION"], "^[0-9a-f]{16}$")

        self.assertEqual(self.cri_exec(directory, words=("cat", "secret")).code, 0)
        executed = record()
        expected = SUBJECT | {
            "AA_SHIM_OUTCOME": "allowed", "AA_SHIM_COMMAND": "exec", "AA_SHIM_CONTAINER": "c1", "AA_SHIM_CONFINEMENT": "test",
            "AA_SHIM_CONTAINER_DECISION": created["AA_SHIM_DECISION"], "AA_SHIM_RULE": created["AA_SHIM_RULE"],
            "AA_SHIM_PROGRAM": "cat", "AA_SHIM_ARGUMENTS": "2",
        }
        self.assertEqual({name: executed.get(name) for name in expected}, expected)
        self.assertNotEqual(executed["AA_SHIM_DECISION"], created["AA_SHIM_DECISION"])
        self.assertNotIn("secret", json.dumps(executed))

    def test_refusals_say_why(self):
        record = self.listen()
        directory = self.cri_bundle("c1", annotations={"example.test/forbidden": "x"})
        run = self.cri("create", "--bundle", directory)
        self.assert_refused(run, "not on this host")
        refused = record()
        self.assertEqual((refused["AA_SHIM_OUTCOME"], refused["AA_SHIM_REASON"], refused["PRIORITY"]), ("refused", "policy", "4"))
        self.assertEqual(f"aa-shim: {refused['MESSAGE']}\n", run.message)
        self.assert_refused(self.shim("create", "--bundle", directory, "--no-such-option", "c9"))
        refused = record()
        self.assertEqual((refused["AA_SHIM_REASON"], refused["AA_SHIM_COMMAND"]), ("config", "create"))
        harness.COMPILED.unlink()
        self.assert_refused(self.cri("create", "--bundle", directory), "aa-shimctl load")
        self.assertEqual(record()["AA_SHIM_REASON"], "catalog")

    def test_refusals_say_whom(self):
        """Whatever stood in the way, and however early: who it was is what people look for."""
        record = self.listen()

        def refused(reason, directory, command="create", more=(), **options):
            words = ("--bundle", directory) if command == "create" else ("--process", harness.WORK / "process.json")
            run = self.cri(command, *more, *words, **options)
            self.assert_refused(run, code=255 if command == "exec" else 1)
            fields = record()
            self.assertEqual((fields["AA_SHIM_OUTCOME"], fields["AA_SHIM_REASON"]), ("refused", reason), fields)
            self.assertEqual({name: fields.get(name) for name in SUBJECT}, SUBJECT, fields["MESSAGE"])
            self.assertEqual(f"aa-shim: {fields['MESSAGE']}\n", run.message)
            return fields

        rejected = refused("policy", self.cri_bundle("c1", annotations={"example.test/forbidden": "x"}))
        self.assertRegex(rejected["AA_SHIM_RULE"], r"^rule /etc/aa-shim/catalog.d/10-test.json:\d+:\d+$")
        self.assertIn("namespace='shop' pod='web' name='nginx'", rejected["AA_SHIM_FACTS"])
        asking = refused("policy", self.cri_bundle("c1", annotations={"aa-shim/confinement": "secret" * 60}))
        self.assertRegex(asking["AA_SHIM_RULE"], r"^otherwise, ")
        refused("policy", self.cri_bundle("c1", annotations={"aa-shim/pod": "other"}))
        directory = self.cri_bundle("c1", process=bundles.process(cwd="/proc/self/fd/7"))
        (directory / "rootfs").mkdir()
        refused("policy", directory)
        directory = self.cri_bundle("c1")
        self.cri("create", "--bundle", directory)
        record()
        self.assertEqual(self.cri_exec(directory).code, 0)
        started = record()
        for _ in range(2):
            harness.COMPILED.unlink(missing_ok=True)
            refused("catalog", directory)
            executed = refused("catalog", directory, "exec")
            self.assertEqual(executed["AA_SHIM_CONTAINER_DECISION"], started["AA_SHIM_CONTAINER_DECISION"])
        self.runtime.unlink()
        (harness.ETC / "runtime").unlink()
        (harness.ETC / "runtime").symlink_to("/opt/none/runc")
        refused("system", directory)

    def test_a_refusal_names_dockers_container_though_no_rule_asks_for_it(self):
        record = self.listen()
        identity, data, root = "d" * 64, harness.WORK / "data", Path("/run/docker/runtime-runc/moby")
        bundle = Path("/run/containerd/io.containerd.runtime.v2.task/moby") / identity
        bundle.mkdir(parents=True, mode=0o700)
        document = bundles.config(root={"path": f"{data}/overlay2/abc/merged"}, annotations={"example.test/forbidden": "x"})
        (bundle / "config.json").write_bytes(bundles.encode(document))
        known = data / "containers" / identity
        known.mkdir(parents=True)
        (known / "config.v2.json").write_text(json.dumps({"ID": identity, "Name": "/shop", "Config": {"Image": "nginx"}}))
        (known / "hostconfig.json").write_text("{}")
        self.assert_refused(self.shim("--root", root, "create", "--bundle", bundle, identity), "not on this host")
        refused = record()
        self.assertEqual((refused["AA_SHIM_ENGINE"], refused["AA_SHIM_NAME"], refused["AA_SHIM_IMAGE"]), ("docker", "shop", "nginx"))
        self.assertIn("engine='docker'", refused["AA_SHIM_FACTS"])
        self.assertRegex(refused["AA_SHIM_RULE"], r"^rule /etc/aa-shim/catalog.d/10-test.json:")

    def test_equal_refusals_have_one_id(self):
        """kubelet shows equal events of a pod once, with their number."""
        record = self.listen()
        directory = self.cri_bundle("c1", annotations={"example.test/forbidden": "x"})
        while time.time() % 60 > 50:  # an id holds for a minute of the clock
            time.sleep(1)
        runs = [self.cri("create", "--bundle", directory) for _ in range(2)]
        records = [record(), record()]
        self.assertEqual(runs[0].message, runs[1].message)
        self.assertEqual({entry["AA_SHIM_DECISION"] for entry in records}, {re.search("decision ([0-9a-f]{16})", runs[0].message)[1]})
        others = [self.cri("create", "--bundle", self.cri_bundle("c2", annotations={"example.test/forbidden": "x"}), container="c2"),
                  self.cri("create", "--bundle", self.cri_bundle("c1", annotations={"aa-shim/pod": "x"}))]
        key = harness.RUN / "key"
        self.assertEqual(key.stat().st_mode & 0o7777, 0o600)
        key.unlink()
        others += [self.cri("create", "--bundle", self.cri_bundle("c1", annotations={"example.test/forbidden": "x"})) for _ in range(2)]
        self.load_catalog()
        others.append(self.cri("create", "--bundle", self.cri_bundle("c1", annotations={"example.test/forbidden": "x"})))
        ids = [record()["AA_SHIM_DECISION"] for _ in others]
        self.assertEqual(len({*ids, records[0]["AA_SHIM_DECISION"]}), 6)

    def test_an_exec_in_a_container_from_before_an_upgrade(self):
        record = self.listen()
        directory = self.cri_bundle("c1")
        self.cri("create", "--bundle", directory)
        record()
        document = json.loads((directory / "config.json").read_bytes())
        for key in ("engine", "namespace", "pod", "name", "image", "digest"):
            del document["annotations"]["aa-shim/" + key]
        (directory / "config.json").write_bytes(bundles.encode(document))
        # It had no digest then, and so has no record now: as with every container that aa-shim did not start, it is judged anew.
        self.assertEqual(self.cri_exec(directory).code, 255)
        refused = record()
        self.assertEqual((refused["AA_SHIM_REASON"], refused["AA_SHIM_POD"]), ("policy", "web"))
        self.assertNotIn("AA_SHIM_CONTAINER_DECISION", refused)
        # The same bundle again: what is missing in its record is added, the rest stays.
        self.assertEqual(self.cri("create", "--bundle", directory).code, 0)
        self.assertEqual(record()["AA_SHIM_POD"], "web")

    def test_a_container_that_was_ended(self):
        record = self.listen()
        directory = self.cri_bundle("c1")
        self.cri("create", "--bundle", directory)
        decision = record()["AA_SHIM_DECISION"]
        annotations = json.loads((directory / "config.json").read_bytes())["annotations"]
        # It has all of root's capabilities, which are more than the ceiling.
        process = subprocess.Popen(["sleep", "1000"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.make_runc_state(process.pid, directory, "c1", CRI_ROOT, annotations.items())
        before = self.counters()
        self.assertEqual(self.cri("start", cwd=directory).code, 0)
        self.assertEqual(self.directories_of(harness.SHIM), ["/"], "who watches it keeps the caller's directory busy")
        self.assertEqual(process.wait(harness.TIMEOUT), -signal.SIGKILL)
        ended = record()
        expected = SUBJECT | {
            "AA_SHIM_OUTCOME": "refused", "AA_SHIM_REASON": "mismatch", "AA_SHIM_COMMAND": "verify", "AA_SHIM_CONTAINER": "c1",
            "AA_SHIM_DECISION": decision, "AA_SHIM_CONFINEMENT": "test", "AA_SHIM_PID": str(process.pid),
        }
        self.assertEqual({name: ended.get(name) for name in expected}, expected)
        self.assert_counted(before, "mismatches")

    def directories_of(self, program):
        """The working directories of this test's processes that execute PROGRAM: other tests run at the same time, in other namespaces."""
        found = []
        ours = os.readlink("/proc/self/ns/mnt")
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if os.readlink(process / "exe") == str(program) and os.readlink(process / "ns/mnt") == ours:
                    found.append(os.readlink(process / "cwd"))
        return found

    def test_nobody_else_says_who_a_container_is(self):
        record = self.listen()
        directory = self.cri_bundle("c1", annotations={"aa-shim/pod": "other"})
        self.assert_refused(self.cri("create", "--bundle", directory), "reserved")
        # Annotations of another engine's are no facts of a container that a person starts.
        elsewhere = self.make_bundle(bundles.config(annotations=CRI))
        record()
        self.assertEqual(self.create(elsewhere).code, 0)
        created = record()
        self.assertEqual(created["AA_SHIM_ENGINE"], "other")
        self.assertNotIn("AA_SHIM_POD", created)

    def test_a_filter_of_the_real_journal(self):
        if not JOURNALD.exists() or shutil.which("journalctl") is None:
            self.skipTest("no systemd-journald here")
        settings = Path("/etc/systemd/journald.conf")
        settings.parent.mkdir(parents=True, exist_ok=True)
        settings.write_text("[Journal]\nStorage=volatile\nReadKMsg=no\nForwardToSyslog=no\nForwardToWall=no\nAudit=no\n")
        journald = subprocess.Popen([JOURNALD], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(journald.wait)
        self.addCleanup(journald.send_signal, signal.SIGTERM)
        for _ in range(300):
            if harness.JOURNAL.exists():
                break
            time.sleep(0.1)
        directory = self.cri_bundle("c1")
        self.cri("create", "--bundle", directory)
        self.cri("create", "--bundle", self.cri_bundle("c2", annotations={"io.kubernetes.cri.sandbox-name": "other"}), container="c2")
        self.assertEqual(self.cri_exec(directory).code, 0)
        refused = self.cri("create", "--bundle", self.cri_bundle("c3", annotations={"example.test/forbidden": "x"}), container="c3")

        def journal(*filters):
            command = ["journalctl", "--directory=/run/log/journal", "--quiet", "--output=json", *filters]
            text = subprocess.run(command, capture_output=True, text=True, timeout=harness.TIMEOUT, check=False).stdout
            return [json.loads(line) for line in text.splitlines()]

        for _ in range(100):
            found = journal("AA_SHIM_POD=web")
            if len(found) >= 3:
                break
            time.sleep(0.1)
        self.assertEqual([entry["AA_SHIM_COMMAND"] for entry in found], ["create", "exec", "create"])
        self.assertEqual(len(journal("AA_SHIM_POD=other")), 1)
        decision = found[0]["AA_SHIM_DECISION"]
        self.assertEqual([entry["AA_SHIM_COMMAND"] for entry in journal(f"AA_SHIM_CONTAINER_DECISION={decision}")], ["exec"])
        (entry,) = journal("AA_SHIM_POD=web", "AA_SHIM_OUTCOME=refused")
        self.assertEqual(f"aa-shim: {entry['MESSAGE']}\n", refused.message)


class Names(observing.ObservingTest):
    """The names by which `explain --exec` finds a running container."""

    def found(self, word):
        result = subprocess.run(
            [harness.CTL, "explain", "--json", "--exec", word, "--", "true"], capture_output=True, text=True, timeout=harness.TIMEOUT, check=False
        )
        return json.loads(result.stdout).get("container", result.stdout)

    def test_in_a_pod(self):
        self.load_catalog()
        for container, pod in (("c1", "web"), ("c2", "other")):
            directory = self.cri_bundle(container, annotations={"io.kubernetes.cri.sandbox-name": pod})
            self.cri("create", "--bundle", directory, container=container)
            annotations = json.loads((directory / "config.json").read_bytes())["annotations"]
            self.make_runc_state(self.start_container_process(), directory, container, CRI_ROOT, annotations.items())
        self.assertIn("may mean any of", self.found("nginx"))
        for word, container in (("web/nginx", "c1"), ("other/nginx", "c2"), ("shop/web/nginx", "c1")):
            self.assertIn(container, json.dumps(self.found(word)), word)
        self.assertIn("there is no container", self.found("elsewhere/web/nginx"))

    def test_of_docker_with_another_data_root(self):
        self.load_catalog()
        identity, data, root = "d" * 64, harness.WORK / "data", Path("/run/docker/runtime-runc/moby")
        bundle = Path("/run/containerd/io.containerd.runtime.v2.task/moby") / identity
        bundle.mkdir(parents=True, mode=0o700)
        (bundle / "config.json").write_bytes(bundles.encode(bundles.config(root={"path": f"{data}/overlay2/abc/merged"})))
        record = data / "containers" / identity
        record.mkdir(parents=True)
        (record / "config.v2.json").write_text(json.dumps({"ID": identity, "Name": "/shop", "Config": {"Image": "nginx"}}))
        (record / "hostconfig.json").write_text("{}")
        self.addCleanup(shutil.rmtree, "/run/docker")
        self.make_runc_state(self.start_container_process(), bundle, identity, root)
        self.assertIn(identity, json.dumps(self.found("shop")))


class DecisionFile(observing.ObservingTest):
    """The file that a catalog names under decisionLog, and its rotation."""

    log = Path("/var/log/aa-shim/decisions.jsonl")

    def setUp(self):
        super().setUp()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/var/log"], check=True)
        self.addCleanup(subprocess.run, ["umount", "/var/log"], check=True)
        self.log.parent.mkdir(mode=0o750)
        result = self.try_to_load(harness.CATALOG | {"decisionLog": str(self.log)})
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_rotation_loses_nothing(self):
        rotated = self.log.with_suffix(".1")
        self.create(self.make_bundle(name="b1"), container="c1")
        self.log.rename(rotated)
        self.create(self.make_bundle(name="b2"), container="c2")
        records = [json.loads(path.read_text()) for path in (rotated, self.log)]
        self.assertEqual([record["container"] for record in records], ["c1", "c2"])

    def test_the_packaged_rotation(self):
        logrotate = shutil.which("logrotate", path="/usr/sbin:/sbin:/usr/bin")
        if logrotate is None:
            self.skipTest("no logrotate here")
        settings = Path("/etc/logrotate.d/aa-shim")
        settings.parent.mkdir(exist_ok=True)
        shutil.copy(Path(__file__).resolve().parents[2] / "deploy" / "logrotate" / "aa-shim", settings)
        settings.chmod(0o644)
        result = subprocess.run([logrotate, "-d", settings], capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertNotIn("error", (result.stdout + result.stderr).lower())
        self.create(self.make_bundle(name="b1"), container="c1")
        forced = [logrotate, "--force", "--state", harness.WORK / "state", settings]
        result = subprocess.run(forced, capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.create(self.make_bundle(name="b2"), container="c2")
        self.assertEqual(json.loads(self.log.read_text())["container"], "c2")
        old = [path for path in self.log.parent.iterdir() if path != self.log]
        self.assertEqual(len(old), 1)
        self.assertEqual(json.loads(old[0].read_text())["container"], "c1")
