# SPDX-License-Identifier: Apache-2.0
"""aa-shimctl status: containers as the runtime's state tells of them, and what the kernel says of their processes."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import harness
from standing import CEILING, OK, SYSTEM, WRONG, StandingTest, bounded

PREFIX = "aa-shim/"


class Status(StandingTest):
    def test_as_decided(self):
        pid = self.start()
        self.container("c1", pid)
        document = self.status()
        (report,) = document["containers"]
        self.assertTrue(document["ok"])
        self.assertEqual((report["standing"], report["decision"]["confinement"], report["decision"]["noNewPrivileges"]), ("as-decided", "test", True))
        self.assertEqual(set(report["decision"]["capabilities"].split(",")), set(harness.CEILING))
        self.assertEqual(report["processes"], [{"pid": pid, "command": "sleep", "label": None, "deviation": None}])

    def test_machines_read_one_word(self):
        self.container("c1", self.start())
        document = self.status()
        self.assertEqual(document["apparmor"], "off")
        self.assertIn(" ", document["noAppArmor"])
        self.assertRegex(document["containers"][0]["standing"], "^[a-z-]+$")
        shown = subprocess.run([harness.CTL, "status", "--root", harness.WORK / "state"], capture_output=True, text=True, check=True).stdout
        self.assertRegex(shown, "(?m)^as-decided ")

    def test_metrics(self):
        """What `metrics --containers` counts is what status says."""
        def metrics(*arguments):
            done = subprocess.run([harness.CTL, *arguments, "metrics", "--containers"], capture_output=True, text=True, timeout=harness.TIMEOUT, check=True)
            return done.stdout

        def lines(text):
            return dict(re.findall(r'^aa_shim_(containers\{standing="[a-z-]+"\}|status_ok) (\d+)$', text, re.MULTILINE))

        root = Path("/run/runc")
        self.addCleanup(shutil.rmtree, root)
        root.mkdir()
        names = ("as-decided", "created", "passed", "deviates", "bypassed", "forged", "elsewhere", "agent", "unreadable")
        none = {f'containers{{standing="{name}"}}': "0" for name in names}
        self.assertEqual(lines(metrics()), none | {"status_ok": "1"})
        self.container("c1", self.start(), root=root)
        self.container("c2", self.start(), root=root)
        self.assertEqual(lines(metrics()), none | {'containers{standing="as-decided"}': "2", "status_ok": "1"})
        self.container("c3", self.start(), root=root, shim=False)
        found = none | {'containers{standing="as-decided"}': "2", 'containers{standing="bypassed"}': "1", "status_ok": "0"}
        self.assertEqual(lines(metrics()), found)
        document = json.loads(metrics("--json"))["containers"]
        self.assertEqual((document["ok"], document["standing"]["as-decided"], document["standing"]["bypassed"]), (False, 2, 1))
        plain = subprocess.run([harness.CTL, "metrics"], capture_output=True, text=True, timeout=harness.TIMEOUT, check=True).stdout
        self.assertEqual(lines(plain), {})

    def test_more_than_was_decided(self):
        self.container("beyond", self.start((*CEILING, "sys_admin")))
        self.container("privileges", self.start(no_new_privileges=False))
        self.container("unfiltered", self.start(filtered=False))
        document = self.status(code=WRONG)
        self.assertFalse(document["ok"])
        deviations = {report["id"]: report["processes"][0]["deviation"] for report in document["containers"]}
        self.assertEqual(deviations, {
            "beyond": "the kernel says that it may have the capabilities SYS_ADMIN beyond the ceiling",
            "privileges": "no-new-privileges is not set on it",
            "unfiltered": "no filter is on its system calls",
        })
        self.assertEqual({report["standing"] for report in document["containers"]}, {"deviates"})

    def test_every_process_counts(self):
        """One that somebody else put into the container."""
        pid = self.start()
        self.container("c1", pid)
        self.assertEqual(self.standings(), {"c1": "as-decided"})
        intruder = subprocess.Popen(["nsenter", "--target", str(pid), "--pid", "sleep", "1000"], stdin=subprocess.DEVNULL)
        self.addCleanup(intruder.wait)
        self.addCleanup(intruder.kill)
        self.await_program(intruder.pid, "sleep")
        document = self.status(code=WRONG)
        processes = document["containers"][0]["processes"]
        self.assertEqual([process["deviation"] is not None for process in processes if process["pid"] == pid], [False])
        self.assertTrue(any(process["deviation"] for process in processes), processes)

    def test_what_settles_is_no_deviation(self):
        """A process that is put into a container has more until its program runs."""
        pid = self.start()
        self.container("c1", pid)
        late = subprocess.Popen(
            ["nsenter", "--target", str(pid), "--pid", "sh", "-c", 'sleep 0.7; exec "$@"', "sh", *bounded(CEILING), "sleep", "1000"],
            stdin=subprocess.DEVNULL, preexec_fn=harness.filter_system_calls,
        )
        self.addCleanup(late.wait)
        self.addCleanup(late.kill)
        self.await_program(late.pid, "sh")
        processes = self.status()["containers"][0]["processes"]
        self.assertEqual([process["deviation"] for process in processes], [None] * len(processes))

    def test_processes_that_may_not_be_looked_at(self):
        """That is no reason to find nothing wrong with them: who may not trace may not look at whoever has more than itself."""
        self.container("c1", self.start())
        words = ["setpriv", "--bounding-set", "-sys_ptrace", harness.CTL, "--json", "status", "--root", harness.WORK / "state"]
        result = subprocess.run(words, capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)
        self.assertEqual(result.returncode, WRONG, result.stderr)
        (report,) = json.loads(result.stdout)["containers"]
        self.assertEqual(report["standing"], "unreadable")
        self.assertIn("run it with CAP_SYS_PTRACE, and under no AppArmor profile", report["problem"])

    def test_around_aa_shim(self):
        self.container("c1", self.start(), shim=False)
        self.assertEqual(self.standings(code=WRONG), {"c1": "bypassed"})

    def test_not_started_yet(self):
        root = self.container("c1", self.start(("all",), no_new_privileges=False))
        os.mkfifo(root / "c1" / "exec.fifo")
        self.assertEqual(self.standings(), {"c1": "created"})

    def test_passed_by_a_rule(self):
        result = self.try_to_load(harness.CATALOG | {"rules": [{"match": {"annotations": {"pass": "*"}}, "pass": True, "weaker": True}]})
        self.assertEqual(result.returncode, 0, result.stderr)
        self.container("c1", self.start(("all",)), more={"pass": "yes"})
        self.assertEqual(self.standings(), {"c1": "passed"})

    def test_stopped_containers_are_not_shown(self):
        pid = self.start()
        root = self.container("c1", pid)
        state = json.loads((root / "c1" / "state.json").read_text())
        state["init_process_start"] += 1
        harness.write_private(root / "c1" / "state.json", json.dumps(state))
        self.assertEqual(self.standings(), {})

    def test_what_cannot_be_read_is_said(self):
        root = self.container("c1", self.start())
        self.container("c2", self.start())
        (root / "c1" / "state.json").write_text("{")
        (root / "c2").chmod(0o777)
        document = self.status(code=WRONG)
        self.assertEqual([report["standing"] for report in document["containers"]], ["unreadable", "unreadable"])
        self.assertIn("state.json", document["containers"][0]["problem"])
        self.assertIn("can be written by others", document["containers"][1]["problem"])

    def test_a_record_that_was_changed(self):
        pid = self.start()
        directory = self.make_bundle(name="b")
        self.create(directory)
        annotations = json.loads((directory / "config.json").read_bytes())["annotations"] | {f"{PREFIX}capabilities": "EVERYTHING"}
        self.make_runc_state(pid, directory, annotations=annotations.items())
        report = self.status(code=WRONG)["containers"][0]
        self.assertEqual((report["standing"], report["decision"]), ("forged", None))
        self.assertIn("is no record that aa-shim made of this container", report["problem"])

    def test_without_the_key(self):
        """Whether there is a record cannot be told; of a container that has none, it can."""
        self.container("c1", self.start())
        self.container("c2", self.start(), shim=False)
        (harness.RUN / "key").unlink()
        document = self.status(code=WRONG)
        self.assertEqual([report["standing"] for report in document["containers"]], ["unreadable", "bypassed"])
        self.assertIn("'/run/aa-shim/key': it does not exist: run 'aa-shimctl load'", document["containers"][0]["problem"])
        self.assertFalse((harness.RUN / "key").exists())

    def test_no_catalog(self):
        self.container("c1", self.start())
        harness.COMPILED.unlink()
        document = self.status(code=WRONG)
        self.assertIn("aa-shimctl load", document["noCatalog"])
        self.assertEqual([report["standing"] for report in document["containers"]], ["as-decided"])

    def test_some_of_them(self):
        self.container("c1", self.start())
        self.container("other", self.start(), shim=False)
        self.assertEqual([report["id"] for report in self.status("c1")["containers"]], ["c1"])
        self.assertEqual([report["id"] for report in self.status("oth", code=WRONG)["containers"]], ["other"])
        self.assertIn("there is no container 'nobody'", self.status("nobody", code=SYSTEM)["error"]["message"])

    def test_strangers(self):
        pid = self.start()
        self.assertIn(pid, [process["pid"] for process in self.status()["strangers"]])
        self.container("c1", pid)
        self.assertNotIn(pid, [process["pid"] for process in self.status()["strangers"]])

    def test_text(self):
        self.container("c1", self.start())
        pid = self.start((*CEILING, "sys_admin"))
        self.container("beyond", pid)
        result = subprocess.run(
            [harness.CTL, "status", "--root", harness.WORK / "state"], capture_output=True, text=True, timeout=harness.TIMEOUT, check=False
        )
        self.assertEqual(result.returncode, WRONG)
        lines = result.stdout.splitlines()
        self.assertRegex(lines[0], r"^The catalog is in force since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC: 3 rules, 2 confinements\.$")
        table = [line.split() for line in lines if line.startswith(("STANDING", "deviates", "as-decided"))]
        self.assertEqual(table[0], ["STANDING", "ENGINE", "CONTAINER", "CONFINEMENT", "PROFILE", "PROCESSES"])
        self.assertEqual(table[1], ["deviates", "other", "beyond", "test", "-", "1"])
        self.assertEqual(table[2], ["as-decided", "other", "c1", "test", "-", "1"])
        self.assertIn(f"  process {pid} ('sleep'): the kernel says that it may have the capabilities SYS_ADMIN beyond the ceiling", lines)

    def test_nothing_is_there(self):
        self.assertEqual(self.status()["containers"], [])
        self.assertIn("'/missing'", self.status(root="/missing", code=SYSTEM)["error"]["message"])
