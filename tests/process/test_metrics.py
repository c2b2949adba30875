# SPDX-License-Identifier: Apache-2.0
"""What is counted, and `aa-shimctl metrics`."""

import json
import os
import re
import shutil
import struct
import subprocess
import unittest
from pathlib import Path

import bundle as bundles
import harness
import observing
from observing import COUNTERS, CRI_ROOT, HEAD, MAGIC, NAMES

try:
    from prometheus_client import parser as prometheus
except ImportError:
    prometheus = None


class Counters(observing.ObservingTest):
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


class Metrics(observing.ObservingTest):
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
        self.assertEqual([value("watch_findings_total", kind=kind) for kind in ("process", "container", "profile", "host")], [0, 0, 0, 0])
        self.assertEqual((value("mismatches_total"), value("watch_killed_total")), (0, 0))
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


class Units(unittest.TestCase):
    def test_systemd_finds_nothing_wrong(self):
        if shutil.which("systemd-analyze") is None:
            self.skipTest("no systemd-analyze here")
        directory = Path(__file__).resolve().parents[2] / "deploy" / "systemd"
        work = harness.WORK / "units"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        # The program has its place where the package puts it; here another stands for it.
        for path in (*directory.glob("aa-shim-metrics.*"), directory / "aa-shim-watch.service"):
            (work / path.name).write_text(path.read_text().replace("/usr/sbin/aa-shimctl", str(harness.CTL)))
        units = sorted(map(str, work.iterdir()))
        self.assertEqual(len(units), 3)
        result = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *units], capture_output=True, text=True, timeout=harness.TIMEOUT, check=False
        )
        self.assertEqual((result.returncode, result.stdout + result.stderr), (0, ""))
