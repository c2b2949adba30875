# SPDX-License-Identifier: Apache-2.0
"""What `.github/` holds can be read by those it is for: workflows ask for little, run what is there, and take actions by their commit; forms
ask for what a report needs; owners own what is there."""

import re
import sys
import unittest
from pathlib import Path

try:
    import yaml
except ImportError:
    print("skip: install python3-yaml")
    sys.exit(77)

ROOT = Path(__file__).resolve().parents[2]
GITHUB = ROOT / ".github"
WORKFLOW_KEYS = {"name", "on", "permissions", "concurrency", "defaults", "env", "jobs"}
JOB_KEYS = {"name", "needs", "if", "runs-on", "container", "timeout-minutes", "permissions", "strategy", "env", "steps"}
STEP_KEYS = {"name", "id", "if", "uses", "with", "run", "env", "shell", "timeout-minutes"}
EVENTS = {"push", "pull_request", "schedule", "workflow_dispatch"}  # not pull_request_target: it runs others' work with our rights
FORM_KEYS = {"name", "description", "labels", "body"}
PARTS = {"markdown": {"value"}, "input": {"label", "description", "placeholder"}, "textarea": {"label", "description", "placeholder", "render"}}


def read(path):
    # YAML 1.1 has `on` for true; GitHub has not.
    return {"on" if key is True else key: value for key, value in yaml.safe_load(path.read_text()).items()}


WORKFLOWS = {path.name: read(path) for path in sorted((GITHUB / "workflows").iterdir())}
JOBS = [(f"{file}, {name}", job) for file, workflow in WORKFLOWS.items() for name, job in workflow["jobs"].items()]
STEPS = [(f"{where}, step {place}", step) for where, job in JOBS for place, step in enumerate(job["steps"], 1)]
FORMS = {path.name: read(path) for path in sorted((GITHUB / "ISSUE_TEMPLATE").iterdir()) if path.name != "config.yml"}


class Workflows(unittest.TestCase):
    def test_keys(self):
        for where, workflow in WORKFLOWS.items():
            with self.subTest(where):
                self.assertLessEqual(set(workflow), WORKFLOW_KEYS)
                self.assertLessEqual(set(workflow["on"]), EVENTS)
                self.assertEqual(set(workflow["concurrency"]), {"group", "cancel-in-progress"})
        for where, job in JOBS:
            self.assertLessEqual(set(job), JOB_KEYS, where)
        for where, step in STEPS:
            self.assertLessEqual(set(step), STEP_KEYS, where)
            self.assertEqual(("uses" in step) + ("run" in step), 1, where)

    def test_they_ask_for_little_and_end(self):
        for where, workflow in WORKFLOWS.items():
            self.assertEqual(workflow["permissions"], {"contents": "read"}, where)
        for where, job in JOBS:
            self.assertIn("timeout-minutes", job, where)
            if "permissions" in job:
                self.assertEqual((where, job["permissions"]), ("release.yml, draft", {"contents": "write"}))
                self.assertFalse([step for step in job["steps"] if "checkout" in step.get("uses", "") or "scripts/" in step.get("run", "")])

    def test_actions_are_taken_by_their_commit(self):
        for file in WORKFLOWS:
            for line in re.findall(r"uses: (.*)", (GITHUB / "workflows" / file).read_text()):
                self.assertRegex(line, r"^actions/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", file)
        for where, step in STEPS:
            if step.get("uses", "").startswith("actions/checkout@"):
                self.assertIs(step["with"]["persist-credentials"], False, where)

    def test_what_they_run_is_there(self):
        for file in WORKFLOWS:
            for name in re.findall(r"\bscripts/[\w-]+", (GITHUB / "workflows" / file).read_text()):
                self.assertTrue((ROOT / name).exists(), name)
        for where, step in STEPS:
            self.assertNotIn("${{", step.get("run", ""), f"{where}: what others write would become a part of the command")

    def test_every_change_and_every_night(self):
        workflow = WORKFLOWS["ci.yml"]
        self.assertLessEqual({"push", "pull_request", "schedule"}, set(workflow["on"]))
        runs = [step.get("run") for step in workflow["jobs"]["test"]["steps"]]
        self.assertEqual([run for run in runs if run and run.startswith("scripts/")], ["scripts/test", "scripts/test nightly"])


class Forms(unittest.TestCase):
    def test_keys(self):
        for file, form in FORMS.items():
            with self.subTest(file):
                self.assertEqual(set(form), FORM_KEYS)
                for part in form["body"]:
                    self.assertLessEqual(set(part), {"type", "id", "attributes", "validations"})
                    self.assertLessEqual(set(part["attributes"]), PARTS[part["type"]])
                    self.assertIn(part.get("validations", {"required": True}), ({"required": True}, {"required": False}))
                names = [part["id"] for part in form["body"] if part["type"] != "markdown"]
                self.assertEqual(len(names), len(set(names)))

    def test_a_bug_report_has_what_is_needed(self):
        parts = {part.get("id"): part for part in FORMS["bug.yml"]["body"]}
        for name, words in (("version", "aa-shimctl version"), ("engine", "Engine and its version"), ("kernel", "Kernel"),
                            ("explain", "aa-shimctl explain"), ("decision", "decision")):
            self.assertIn(words, parts[name]["attributes"]["label"])
            self.assertEqual("validations" in parts[name], name != "decision", name)

    def test_a_vulnerability_goes_elsewhere(self):
        config = read(GITHUB / "ISSUE_TEMPLATE/config.yml")
        self.assertIs(config["blank_issues_enabled"], False)
        (link,) = config["contact_links"]
        self.assertTrue(link["url"].endswith("/security/policy"))
        self.assertIn("SECURITY.md", link["about"])


class Owners(unittest.TestCase):
    def test_they_own_what_is_there(self):
        lines = [line.split() for line in (GITHUB / "CODEOWNERS").read_text().splitlines() if line and not line.startswith("#")]
        self.assertEqual(lines[0][0], "*")
        for pattern, *owners in lines:
            self.assertEqual(owners, ["@aa-shim/maintainers"])
            self.assertTrue(pattern == "*" or (ROOT / pattern.strip("/")).exists(), pattern)


if __name__ == "__main__":
    unittest.main()
