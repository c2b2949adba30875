# SPDX-License-Identifier: Apache-2.0
"""aa-shimctl node, and what learning.json marks. What needs AppArmor is tested on a host that has it (tests/vm/engine/node_learning.py)."""

import datetime
import json

from node_test import GOOD, OK, PENDING, STATUS, WRONG, NodeTest

MAY_NOT = "nothing is learned from, though learning.json marks 'test': the agent runs without --learn"


def time_in(**more):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**more)).strftime("%Y-%m-%dT%H:%M:%SZ")


def marks(*all_, **more):
    return GOOD | {"learning.json": {"learning": list(all_) or [{"confinement": "test", "until": time_in(hours=1)} | more]}}


class Marks(NodeTest):
    def status(self, delivery, *options, code=OK):
        self.node.deliver(delivery)
        self.once(*options, code=code)
        return self.node.told()[-1]["annotations"]["aa-shim/status"]

    def test_they_are_no_part_of_the_catalog(self):
        hash_ = self.make_ready()
        before = self.node.state(STATUS)
        self.node.deliver(marks())
        self.once("--learn")
        told = self.assert_told(True, f"catalog {hash_}; not learning from 'test' yet")
        self.assertEqual(told["annotations"]["aa-shim/catalog"], hash_)
        self.assertEqual(self.node.state(STATUS), before)

    def test_without_the_option_nothing_is_learned_from_and_that_is_told(self):
        self.make_ready()
        self.node.deliver(marks())
        self.once(code=WRONG)
        self.assert_told(True, MAY_NOT)
        self.node.deliver(GOOD)
        self.once()
        self.assertNotIn("learn", self.node.told()[-1]["annotations"]["aa-shim/status"])

    def test_what_is_over_and_an_empty_list_mark_nothing(self):
        self.make_ready()
        for delivery in (marks(until=time_in(seconds=-1)), GOOD | {"learning.json": {"learning": []}}):
            self.assertNotIn("learn", self.status(delivery))

    def test_a_wrong_one_is_refused_with_its_place_and_the_catalog_beside_it_is_not(self):
        hash_ = self.make_ready()
        for text, problem in (
            ('{ "learning": [ { "confinement": "test" } ] }', '1:17: needs "until"'),
            ('{ "learning": [\n{ "until": "2026-11-30T14:00:00Z" } ] }', '2:1: needs "confinement"'),
            ('{}', '1:1: needs "learning": a list, be it an empty one'),
            ('[]', "1:1: "),
            ('{ "learning": [ { "confinement": "test", "until": "tomorrow" } ] }', "1:51: 'tomorrow' is no time in UTC, as '20"),
            ('{ "learning": [ { "confinement": "test", "until": "' + time_in(days=8) + '" } ] }', "is more than seven days ahead"),
            ('{ "learning": [ { "confinement": "a/b", "until": "' + time_in(days=1) + '" } ] }', "1:34: 'a/b' cannot be learned from"),
            (json.dumps(marks(*[{"confinement": "test", "until": time_in(days=1)}] * 2)["learning.json"]), "confinement 'test' is marked twice"),
            (json.dumps(marks(untill="x")["learning.json"]), "untill"),
            (json.dumps(marks(image="[")["learning.json"]), "["),
            (json.dumps(marks(name=1)["learning.json"]), "name"),
            ("{", "learning.json:1:"),
        ):
            status = self.status(GOOD | {"learning.json": text}, "--learn", code=WRONG)
            self.assertIn(f"catalog {hash_}; nothing is learned from: learning.json:", status)
            self.assertIn(problem, status)
        self.assertEqual(self.status(GOOD), f"ready: aa-shim {self.version()}, catalog {hash_}")

    def version(self):
        return json.loads(self.node.run("--check", "--json").stdout)["status"].split("aa-shim ")[1].split(",")[0]

    def test_what_cannot_be_learned_from_is_told_and_ends_with_the_mark(self):
        """Here by a kernel without AppArmor."""
        self.make_ready()
        self.node.deliver(marks())
        self.start("--learn")
        self.until(lambda: "not learning from 'test': " in self.node.told()[-1]["annotations"]["aa-shim/status"])
        self.assert_told(True, "AppArmor")
        self.assertEqual(self.node.run("--check").returncode, WRONG)
        self.node.deliver(GOOD)
        self.until(lambda: "learning" not in self.node.told()[-1]["annotations"]["aa-shim/status"])
        self.assertEqual(self.node.run("--check").returncode, OK)

    def test_while_a_node_is_not_ready_nothing_begins(self):
        self.node.deliver(marks())
        self.once("--learn", code=WRONG)
        self.assert_told(False, PENDING, "; not learning from 'test' yet")

    def test_of_a_tree_that_does_not_run_nothing_is_learned(self):
        self.node.deliver(marks())
        result = self.node.run("--prepare", name=None)
        self.assertEqual((result.returncode, "learn" in result.stdout), (OK, False), result.stdout + result.stderr)

    def test_what_was_recorded_is_kept_when_aa_shim_is_removed(self):
        self.make_ready()
        kept = self.node.root / "var/lib/aa-shim/learn/test.recording"
        kept.parent.mkdir(parents=True)
        kept.write_text("x")
        self.once("--remove", "--restart-engine")
        self.assertEqual(kept.read_text(), "x")
        self.assertFalse((self.node.root / "opt/aa-shim").exists())
