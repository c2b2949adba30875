# SPDX-License-Identifier: Apache-2.0
"""What an operator sees afterwards: the records in the journal, the counters, and `aa-shimctl metrics`."""

import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import time
import unittest
from pathlib import Path

import bundle as bundles
import harness

try:
    from prometheus_client import parser as prometheus
except ImportError:
    prometheus = None

JOURNALD = Path("/lib/systemd/systemd-journald")
JOURNAL = Path("/run/systemd/journal/socket")
COUNTERS = harness.RUN / "counters"
HEAD = struct.Struct("=8sII")
MAGIC = b"\x89AACNTS\n"
# The order of docs/logging.md.
NAMES = (
    "create allowed", "create refused", "run allowed", "run refused", "restore allowed", "restore refused", "exec allowed", "exec refused",
    "policy", "catalog", "profile", "config", "system", "mismatches", "sandboxes", "containers",
)
# Where containerd's shim has the runtime work for Kubernetes.
CRI_ROOT = Path("/run/containerd/runc/k8s.io")
CRI_BUNDLES = Path("/run/containerd/io.containerd.runtime.v2.task/k8s.io")
CRI = {
    "io.kubernetes.cri.container-type": "container",
    "io.kubernetes.cri.sandbox-namespace": "shop",
    "io.kubernetes.cri.sandbox-name": "web",
    "io.kubernetes.cri.container-name": "nginx",
    "io.kubernetes.cri.image-name": "registry.example/nginx:1",
}
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


class ObservingTest(harness.ShimTest):
    def setUp(self):
        super().setUp()
        shutil.rmtree("/run/containerd", ignore_errors=True)

    def counters(self):
        data = COUNTERS.read_bytes()
        magic, version, count = HEAD.unpack_from(data)
        self.assertEqual((magic, version, count, len(data)), (MAGIC, 1, len(NAMES), HEAD.size + 8 * len(NAMES)))
        return dict(zip(NAMES, struct.unpack_from(f"={count}Q", data, HEAD.size)))

    def assert_counted(self, before, *names):
        after = self.counters()
        self.assertEqual({name for name in NAMES if after[name] != before[name]}, set(names))
        self.assertEqual([after[name] - before[name] for name in names], [1] * len(names))

    def cri_bundle(self, container, **more):
        directory = CRI_BUNDLES / container
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True, mode=0o700)
        document = bundles.config(annotations=CRI | more.pop("annotations", {}), **more)
        (directory / "config.json").write_bytes(bundles.encode(document))
        return directory

    def cri(self, command, *more, container="c1", **options):
        return self.shim("--root", CRI_ROOT, command, *more, container, **options)

    def cri_exec(self, directory, container="c1", words=("true",), process=None):
        """An exec in the running container that DIRECTORY is the bundle of, as a CRI exec or a probe comes."""
        annotations = json.loads((directory / "config.json").read_bytes())["annotations"]
        shutil.rmtree(CRI_ROOT / container, ignore_errors=True)
        self.make_runc_state(self.start_container_process(), directory, container, CRI_ROOT, annotations.items())
        path = harness.WORK / "process.json"
        path.write_bytes(bundles.encode(process or bundles.process(args=words)))
        return self.cri("exec", "--process", path, container=container)

    def ctl(self, *arguments, code=0):
        result = subprocess.run(
            [harness.CTL, *map(str, arguments)], capture_output=True, text=True, timeout=harness.TIMEOUT, check=False
        )
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result


class Journal(ObservingTest):
    def setUp(self):
        super().setUp()
        JOURNAL.parent.mkdir(parents=True, exist_ok=True)
        JOURNAL.unlink(missing_ok=True)
        self.load_catalog()

    def listen(self):
        log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(log.close)
        log.bind(str(JOURNAL))
        log.settimeout(harness.TIMEOUT)
        return lambda: parse_record(log.recv(1 << 16))

    def test_what_a_record_says(self):
        record = self.listen()
        directory = self.cri_bundle("c1")
        self.assert_forwarded(self.cri("create", "--bundle", directory), "--root", CRI_ROOT, "create", "--bundle", directory, "c1")
        created = record()
        expected = SUBJECT | {
            "SYSLOG_IDENTIFIER": "aa-shim", "PRIORITY": "6", "MESSAGE": "create of container \\x27c1\\x27 allowed",
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
        self.assert_refused(self.cri("create", "--bundle", directory), "not on this host")
        refused = record()
        self.assertEqual((refused["AA_SHIM_OUTCOME"], refused["AA_SHIM_REASON"], refused["PRIORITY"]), ("refused", "policy", "4"))
        self.assert_refused(self.shim("create", "--bundle", directory, "--no-such-option", "c9"))
        refused = record()
        self.assertEqual((refused["AA_SHIM_REASON"], refused["AA_SHIM_COMMAND"]), ("config", "create"))
        harness.COMPILED.unlink()
        self.assert_refused(self.cri("create", "--bundle", directory), "aa-shimctl load")
        self.assertEqual(record()["AA_SHIM_REASON"], "catalog")

    def test_an_exec_in_a_container_from_before_an_upgrade(self):
        record = self.listen()
        directory = self.cri_bundle("c1")
        self.cri("create", "--bundle", directory)
        record()
        document = json.loads((directory / "config.json").read_bytes())
        for key in ("engine", "namespace", "pod", "name", "image"):
            del document["annotations"]["aa-shim/" + key]
        (directory / "config.json").write_bytes(bundles.encode(document))
        self.assertEqual(self.cri_exec(directory).code, 0)
        executed = record()
        self.assertEqual(executed["AA_SHIM_CONFINEMENT"], "test")
        self.assertFalse(SUBJECT.keys() & executed.keys())
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
        self.assertEqual(self.cri("start").code, 0)
        self.assertEqual(process.wait(harness.TIMEOUT), -signal.SIGKILL)
        ended = record()
        expected = SUBJECT | {
            "AA_SHIM_OUTCOME": "refused", "AA_SHIM_REASON": "mismatch", "AA_SHIM_COMMAND": "verify", "AA_SHIM_CONTAINER": "c1",
            "AA_SHIM_DECISION": decision, "AA_SHIM_CONFINEMENT": "test", "AA_SHIM_PID": str(process.pid),
        }
        self.assertEqual({name: ended.get(name) for name in expected}, expected)
        self.assert_counted(before, "mismatches")

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
            if JOURNAL.exists():
                break
            time.sleep(0.1)
        directory = self.cri_bundle("c1")
        self.cri("create", "--bundle", directory)
        self.cri("create", "--bundle", self.cri_bundle("c2", annotations={"io.kubernetes.cri.sandbox-name": "other"}), container="c2")
        self.assertEqual(self.cri_exec(directory).code, 0)

        def journal(*filters):
            command = ["journalctl", "--directory=/run/log/journal", "--quiet", "--output=json", *filters]
            text = subprocess.run(command, capture_output=True, text=True, timeout=harness.TIMEOUT, check=False).stdout
            return [json.loads(line) for line in text.splitlines()]

        for _ in range(100):
            found = journal("AA_SHIM_POD=web")
            if len(found) >= 2:
                break
            time.sleep(0.1)
        self.assertEqual([entry["AA_SHIM_COMMAND"] for entry in found], ["create", "exec"])
        self.assertEqual(len(journal("AA_SHIM_POD=other")), 1)
        decision = found[0]["AA_SHIM_DECISION"]
        self.assertEqual([entry["AA_SHIM_COMMAND"] for entry in journal(f"AA_SHIM_CONTAINER_DECISION={decision}")], ["exec"])
        self.assertEqual(len(journal("SYSLOG_IDENTIFIER=aa-shim", "AA_SHIM_OUTCOME=refused")), 0)


class Names(ObservingTest):
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


class Counters(ObservingTest):
    def setUp(self):
        super().setUp()
        self.load_catalog()

    def test_what_is_counted(self):
        self.assertEqual(set(self.counters().values()), {0})
        self.assertEqual(COUNTERS.stat().st_mode & 0o7777, 0o644)
        directory = self.cri_bundle("c1")

        def counted(names, run, code=0):
            before = self.counters()
            self.assertEqual(run().code, code)
            with self.subTest(names):
                self.assert_counted(before, *names)

        counted(["create allowed"], lambda: self.cri("create", "--bundle", directory))
        counted(["exec allowed"], lambda: self.cri_exec(directory))
        counted(["run allowed"], lambda: self.cri("run", "--bundle", self.cri_bundle("c2"), container="c2"))
        counted(["restore allowed"], lambda: self.cri("restore", "--bundle", self.cri_bundle("c3"), container="c3"))
        counted(["exec refused", "system"], lambda: self.cri("exec", "c77", "true"), 255)
        counted(["exec refused", "policy"], lambda: self.cri_exec(directory, process=bundles.process(cwd="/proc/self/fd/7")), 255)
        counted(["create refused", "config"], lambda: self.create(self.make_bundle(b"{", "broken")), 1)
        counted(["create refused", "config"], lambda: self.shim("create", "--no-such-option", "c9"), 1)
        forbidden = self.make_bundle(bundles.config(annotations={"example.test/forbidden": "x"}), "forbidden")
        counted(["run refused", "policy"], lambda: self.shim("run", "--bundle", forbidden, "c5"), 1)
        sandbox = self.cri_bundle("c6", annotations={"io.kubernetes.cri.container-type": "sandbox"})
        counted(["create allowed", "sandboxes"], lambda: self.cri("create", "--bundle", sandbox, container="c6"))
        for command in ("state", "kill", "delete", "features", "--version"):
            counted([], lambda: self.shim(command, "c1"))

        harness.COMPILED.unlink()
        counted(["create refused", "catalog"], lambda: self.create(self.make_bundle(name="late")), 1)

    def test_passed_by_a_rule(self):
        passing = harness.CATALOG | {"rules": [{"match": {"handler": "free"}, "pass": True}]}
        result = self.try_to_load(passing)
        self.assertEqual(result.returncode, 0, result.stderr)
        link = harness.WORK / "aa-shim-free"
        link.symlink_to(harness.SHIM)
        before = self.counters()
        self.assertEqual(self.create(self.make_bundle(), program=link).code, 0)
        self.assert_counted(before, "create allowed", "containers")

    def test_a_load_keeps_what_was_counted(self):
        self.create(self.make_bundle())
        counted, inode = self.counters(), COUNTERS.stat().st_ino
        self.load_catalog()
        self.assertEqual((self.counters(), COUNTERS.stat().st_ino), (counted, inode))
        # One from a version that counted less.
        COUNTERS.write_bytes(HEAD.pack(MAGIC, 1, 2) + struct.pack("=2Q", 7, 8))
        self.create(self.make_bundle(name="other"))
        self.assertEqual(COUNTERS.read_bytes(), HEAD.pack(MAGIC, 1, 2) + struct.pack("=2Q", 8, 8))
        self.load_catalog()
        self.assertEqual(list(self.counters().values()), [8, 8] + [0] * (len(NAMES) - 2))

    def test_many_at_once(self):
        directory = self.cri_bundle("c1")
        self.cri("create", "--bundle", directory)
        before = self.counters()
        command = [harness.SHIM, "--root", CRI_ROOT, "exec", "none", "true"]
        running = [subprocess.Popen(command, stderr=subprocess.DEVNULL) for _ in range(60)]
        self.assertEqual({process.wait(harness.TIMEOUT) for process in running}, {255})
        self.assertEqual(self.counters()["exec refused"] - before["exec refused"], 60)

    def test_a_file_that_is_not_ours_is_left_alone_and_fails_nothing(self):
        good = COUNTERS.read_bytes()
        number = 0
        for what, data in (
            ("missing", None), ("empty", b""), ("short", good[:-1]), ("head only", good[: HEAD.size]), ("long", good + b"x" * 8),
            ("foreign", b"x" * len(good)), ("another version", HEAD.pack(MAGIC, 2, 16) + good[HEAD.size :]),
            ("too many", HEAD.pack(MAGIC, 1, 1 << 31) + good[HEAD.size :]), ("none", HEAD.pack(MAGIC, 1, 0)), ("huge", good.ljust(1 << 20, b"\0")),
        ):
            with self.subTest(what):
                COUNTERS.unlink(missing_ok=True)
                if data is not None:
                    COUNTERS.write_bytes(data)
                number += 1
                self.assertEqual(self.create(self.make_bundle(name=f"b{number}")).code, 0)
                self.assertEqual(COUNTERS.read_bytes() if COUNTERS.exists() else None, data)
        for what, make in (
            ("a folder", COUNTERS.mkdir), ("a FIFO", lambda: os.mkfifo(COUNTERS)), ("a link", lambda: COUNTERS.symlink_to(harness.WORK / "t")),
        ):
            with self.subTest(what):
                COUNTERS.rmdir() if COUNTERS.is_dir() else COUNTERS.unlink(missing_ok=True)
                (harness.WORK / "t").write_bytes(good)
                make()
                number += 1
                self.assertEqual(self.create(self.make_bundle(name=f"b{number}")).code, 0)
                self.assertEqual((harness.WORK / "t").read_bytes(), good)
        COUNTERS.unlink()
        COUNTERS.write_bytes(good)
        os.chown(COUNTERS, 1000, 0)
        self.assertEqual(self.create(self.make_bundle(name="last")).code, 0)
        self.assertEqual(COUNTERS.read_bytes(), good)

    def test_what_counting_costs(self):
        if shutil.which("strace") is None:
            self.skipTest("no strace here")
        calls = {}
        for counted in (True, False):
            if not counted:
                COUNTERS.unlink()
            trace = harness.WORK / "trace"
            self.shim("exec", "none", "true", prefix=("strace", "-f", "-o", trace))
            calls[counted] = trace.read_text().count("\n")
        # open (there in both), fstat, mmap, close
        self.assertLessEqual(calls[True] - calls[False], 3)


class Metrics(ObservingTest):
    def setUp(self):
        super().setUp()
        self.load_catalog()

    def samples(self, text):
        """{(name, labels): value}, as the client library of Prometheus reads it; strictly by hand where it is missing."""
        if prometheus is not None:
            families = list(prometheus.text_string_to_metric_families(text))
            for family in families:
                self.assertTrue(family.documentation and family.type in ("gauge", "counter"), family)
            return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}
        found, declared = {}, None
        for line in text.splitlines():
            if line.startswith("# "):
                kind, name, rest = re.fullmatch(r"# (HELP|TYPE) ([a-z_]+) (.+)", line).groups()
                declared = name
                self.assertTrue(kind == "HELP" or rest in ("gauge", "counter"))
                continue
            name, labels, value = re.fullmatch(r'([a-z_]+)(?:\{((?:[a-z]+="[^"\\]*",?)+)\})? ([0-9]+)', line).groups()
            self.assertEqual(name, declared)
            pairs = tuple(sorted(re.findall(r'([a-z]+)="([^"]*)"', labels or "")))
            self.assertNotIn((name, pairs), found)
            found[name, pairs] = float(value)
        return found

    def test_every_family(self):
        self.create(self.make_bundle())
        self.shim("exec", "none", "true")
        result = self.ctl("metrics")
        self.assertEqual(result.stderr, "")
        samples = self.samples(result.stdout)

        def value(name, **labels):
            return samples["aa_shim_" + name, tuple(sorted(labels.items()))]

        for command in ("create", "run", "restore", "exec"):
            for outcome in ("allowed", "refused"):
                expected = (command, outcome) in (("create", "allowed"), ("exec", "refused"))
                self.assertEqual(value("decisions_total", command=command, outcome=outcome), expected)
        for reason in ("policy", "catalog", "profile", "config", "system"):
            self.assertEqual(value("refusals_total", reason=reason), reason == "system")
        self.assertEqual([value("passed_total", kind=kind) for kind in ("sandbox", "container")], [0, 0])
        self.assertEqual(value("mismatches_total"), 0)
        self.assertEqual((value("counters_usable"), value("catalog_usable"), value("apparmor_enabled")), (1, 1, 0))
        self.assertEqual((value("catalog_rules"), value("catalog_confinements")), (3, 2))
        self.assertEqual(value("catalog_loaded_timestamp_seconds"), int(harness.COMPILED.stat().st_mtime))
        version = self.ctl("version").stdout.splitlines()[0].split()[1]
        self.assertEqual(value("build_info", version=version), 1)
        hashes = [dict(labels)["hash"] for name, labels in samples if name == "aa_shim_catalog_info"]
        self.assertRegex(hashes[0], "^[0-9a-f]{16}$")
        self.assertEqual(len(hashes), 1)
        self.try_to_load(harness.CATALOG | {"rules": harness.CATALOG["rules"][:1]})
        self.assertNotIn(hashes[0], self.ctl("metrics").stdout)

        document = json.loads(self.ctl("metrics", "--json").stdout)
        self.assertEqual(document["counters"]["decisions"]["create"], {"allowed": 1, "refused": 0})
        self.assertEqual(document["catalog"]["rules"], 1)

    def test_rules_of_every_kind_are_counted_once(self):
        rules = [
            {"match": {"image": "a", "name": "b", "labels": {"k": "v", "l": "w"}}, "use": "test"},
            {"match": {"privileged": True}, "use": "test"},
            {"match": {"sandbox": True}, "use": "test"},
            {"match": {"user": 7}, "use": "test"},
            {"match": {"image": "**"}, "use": "test"},
        ]
        result = self.try_to_load(harness.CATALOG | {"rules": rules})
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.samples(self.ctl("metrics").stdout)["aa_shim_catalog_rules", ()], len(rules))

    def test_nothing_there(self):
        harness.COMPILED.unlink()
        COUNTERS.unlink()
        result = self.ctl("metrics")
        samples = self.samples(result.stdout)
        self.assertEqual((samples["aa_shim_catalog_usable", ()], samples["aa_shim_counters_usable", ()]), (0, 0))
        self.assertNotIn("decisions_total", result.stdout)
        self.assertEqual(len(result.stderr.splitlines()), 2, result.stderr)
        harness.COMPILED.write_bytes(b"x" * 100)
        self.assertEqual(self.samples(self.ctl("metrics").stdout)["aa_shim_catalog_usable", ()], 0)

    def test_into_a_file(self):
        directory = harness.WORK / "textfile"
        directory.mkdir()
        target = directory / "aa-shim.prom"
        result = self.ctl("metrics", "--output", target)
        self.assertEqual((result.stdout, result.stderr), ("", ""))
        self.assertEqual(target.read_text(), self.ctl("metrics").stdout)
        self.assertEqual(target.stat().st_mode & 0o7777, 0o644)
        inode = target.stat().st_ino
        self.ctl("metrics", "--output", target)
        self.assertNotEqual(target.stat().st_ino, inode)
        self.assertEqual([path.name for path in directory.iterdir()], [target.name])
        result = self.ctl("metrics", "--output", directory / "missing" / "x.prom", code=3)
        self.assertIn("missing", result.stderr)
        self.ctl("metrics", "--output", f"{directory}/", code=2)


class DecisionFile(ObservingTest):
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


class Units(unittest.TestCase):
    def test_systemd_finds_nothing_wrong(self):
        if shutil.which("systemd-analyze") is None:
            self.skipTest("no systemd-analyze here")
        directory = Path(__file__).resolve().parents[2] / "deploy" / "systemd"
        work = harness.WORK / "units"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        # The program has its place where the package puts it; here another stands for it.
        for path in directory.glob("aa-shim-metrics.*"):
            (work / path.name).write_text(path.read_text().replace("/usr/sbin/aa-shimctl", str(harness.CTL)))
        units = sorted(map(str, work.iterdir()))
        self.assertEqual(len(units), 2)
        result = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *units], capture_output=True, text=True, timeout=harness.TIMEOUT, check=False
        )
        self.assertEqual((result.returncode, result.stdout + result.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main()
