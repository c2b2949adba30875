# SPDX-License-Identifier: Apache-2.0
"""aa-shimctl explain, where the answer comes from a profile: --exec, "from-profile" and "start".

AppArmor is hidden here, so that the profile files are asked; what a kernel says is tested on the test hosts. A container is
a process in a root directory of its own, and the state that runc would keep of it.
"""

import json
import shutil
import subprocess
import unittest
from pathlib import Path

import bundle as bundles
import harness

OK, WRONG, USAGE, SYSTEM = range(4)

PROFILE = """abi <abi/3.0>,
@{tools} = /opt/tools
profile aa-test flags=(attach_disconnected,mediate_deleted) {
  include "/etc/aa-shim/apparmor.d/abstractions/common"
  capability chown,
  /bin/stays rix,
  /bin/cleans Cx -> kid,
  /bin/attaches cx,
  /bin/leaves ux,
  /bin/elsewhere Px -> aa-other,
  owner /bin/mine ix,
  @{tools}/{a,b} ix,
  deny /bin/forbidden x,
  profile kid {
    capability kill,
    /bin/stays ix,
  }
  profile byname /bin/attaches {
    /bin/stays ix,
  }
}
"""
COMMON = "  # What many profiles share.\n  /bin/{common,forbidden} ix,\n"
OTHER = "abi <abi/3.0>,\nprofile aa-other flags=(attach_disconnected) {\n  capability net_raw,\n  /bin/stays ix,\n}\n"
SEALED = PROFILE.replace("profile aa-test ", "profile aa-sealed ").replace("  /bin/leaves ux,\n", "")
LEARNING = "abi <abi/3.0>,\nprofile aa-learning flags=(complain) {\n  /bin/stays ix,\n}\n"
PROFILE_FILE = "/etc/aa-shim/apparmor.d/aa-test"

CONFINED = {"apparmor": "aa-test", "capabilities": ["KILL"]}
CATALOG = {
    "confinements": {
        "test": CONFINED,
        "ruled": CONFINED | {
            "exec": {
                "rules": [
                    {"command": "/bin/{x,y}", "apparmor": "aa-other"},
                    {"command": "/bin/sh*", "deny": "no shells here"},
                ],
                "otherwise": "deny",
            }
        },
        "loose": CONFINED | {"exec": {"unconfined": True}},
        "flat": CONFINED | {"exec": {"otherwise": "base"}},
        "measured": {"apparmor": "aa-sealed", "capabilities": "from-profile", "start": "from-profile"},
        "boundless": {"apparmor": "aa-learning", "capabilities": "from-profile"},
    },
    "rules": [
        {"match": {"handler": handler}, "use": handler} for handler in ("ruled", "flat", "measured")
    ] + [{"match": {"handler": "loose"}, "use": "loose", "weaker": True}, {"match": {"handler": "boundless"}, "use": "boundless", "weaker": True}],
    "otherwise": "test",
}
CATALOG["rules"][2]["weaker"] = True


class ExplainTest(harness.ShimTest):
    def setUp(self):
        super().setUp()
        self.catalog = harness.ETC / "catalog.d" / "10-test.json"
        self.catalog.write_text(json.dumps(CATALOG))
        directory = harness.ETC / "apparmor.d"
        (directory / "abstractions").mkdir()
        (directory / "abstractions" / "common").write_text(COMMON)
        for name, text in (("aa-test", PROFILE), ("aa-sealed", SEALED), ("aa-other", OTHER), ("aa-learning", LEARNING)):
            (directory / name).write_text(text)

    def explain(self, *arguments, code=OK):
        command = [harness.CTL, "explain", *map(str, arguments)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result

    def document(self, *arguments, code=OK):
        return json.loads(self.explain("--json", *arguments, code=code).stdout)

    def profile(self, path, *more, code=OK):
        return self.document("--exec", "--profile", "aa-test", *more, path, code=code)

    def decided(self, document, step=0):
        """FILE:LINE of the rules that decided a step."""
        rules = document["steps"][step]["rules"]
        return [f"{rule['file'].rpartition('/')[2]}:{rule['line']}" for rule in rules if rule["decided"]]


class ProfileAndPath(ExplainTest):
    def test_every_route_with_its_rule(self):
        for path, route, label, rule in (
            ("/bin/stays", "inherited", "aa-test", "aa-test:6"),
            ("/bin/cleans", "named", "aa-test//kid", "aa-test:7"),
            ("/bin/attaches", "child", "aa-test//byname", "aa-test:8"),
            ("/bin/leaves", "unconfined", "unconfined", "aa-test:9"),
            ("/bin/elsewhere", "named", "aa-other", "aa-test:10"),
            ("/bin/mine", "inherited", "aa-test", "aa-test:11"),
            ("/opt/tools/b", "inherited", "aa-test", "aa-test:12"),
            ("/bin/common", "inherited", "aa-test", "common:2"),
        ):
            with self.subTest(path):
                document = self.profile(path)
                self.assertEqual((document["ok"], document["label"]), (True, label))
                self.assertEqual([step["route"] for step in document["steps"]], [route])
                self.assertEqual(self.decided(document), [rule])
                self.assertEqual(document["policy"], "the profile files of this host")

    def test_scrubbing_is_the_rules(self):
        self.assertTrue(self.profile("/bin/cleans")["scrubbed"])
        self.assertFalse(self.profile("/bin/attaches")["scrubbed"])

    def test_denied(self):
        document = self.profile("/bin/nothing", code=WRONG)
        self.assertEqual((document["ok"], document["label"], document["error"]["kind"]), (False, None, "denied"))
        self.assertEqual(document["steps"][0]["rules"], [])
        self.assertEqual(document["steps"][0]["problem"], f"no exec rule in '{PROFILE_FILE}' matches")

    def test_denied_by_a_deny_rule_that_outweighs(self):
        document = self.profile("/bin/forbidden", code=WRONG)
        self.assertEqual(self.decided(document), ["aa-test:13"])
        rules = {rule["line"]: rule for rule in document["steps"][0]["rules"]}
        self.assertEqual((rules[2]["decided"], rules[2]["grants"], rules[13]["denies"]), (False, "ix", True))

    def test_the_owner(self):
        self.assertEqual(self.profile("/bin/mine")["notes"], ["a process that does not own the file is refused"])
        document = self.profile("/bin/mine", "--not-owned", code=WRONG)
        self.assertEqual(document["notes"], ["a process that owns the file gets 'aa-test'"])
        self.assertEqual(self.profile("/bin/stays")["notes"], [])

    def test_a_stack_by_component(self):
        document = self.document("--exec", "--profile", "aa-test//&aa-other", "/bin/stays")
        self.assertEqual([step["profile"] for step in document["steps"]], ["aa-test", "aa-other"])
        self.assertEqual((self.decided(document), self.decided(document, 1)), (["aa-test:6"], ["aa-other:4"]))
        self.document("--exec", "--profile", "aa-test//&aa-other", "/bin/cleans", code=WRONG)

    def test_complain_mode(self):
        document = self.document("--exec", "--profile", "aa-learning", "/bin/nothing")
        self.assertTrue(document["complaining"])
        self.assertEqual((document["label"], document["steps"][0]["route"]), ("aa-learning", "learned"))

    def test_text(self):
        lines = self.explain("--exec", "--profile", "aa-test", "/bin/cleans").stdout.splitlines()
        self.assertEqual(lines[0], "command         '/bin/cleans'")
        self.assertIn(f"  rule          {PROFILE_FILE}:7:3: /bin/cleans Cx -> kid,", lines)
        self.assertEqual(lines[-1], "label           aa-test//kid")
        lines = self.explain("--exec", "--profile", "aa-test", "/bin/nothing", code=WRONG).stdout.splitlines()
        self.assertEqual(lines[-1], "refused         permission denied: 'aa-test' does not let '/bin/nothing' be started")

    def test_a_confinement_with_rules(self):
        with_rules = ("--exec", "--catalog", self.catalog, "--confinement", "ruled")
        document = self.document(*with_rules, "/bin/y")
        self.assertEqual((document["label"], document["base"], document["steps"]), ("aa-other", "aa-test", []))
        self.assertEqual([rule["matches"] for rule in document["execRules"]], [True])
        document = self.document(*with_rules, "/bin/sh", code=WRONG)
        self.assertEqual([rule["matches"] for rule in document["execRules"]], [False, True])
        self.assertIn("no shells here", document["error"]["message"])
        document = self.document(*with_rules, "/bin/stays", code=WRONG)
        self.assertIn('"otherwise" is "deny"', document["error"]["message"])

    def test_leaving_confinement_is_the_catalogs_to_allow(self):
        def leaving(confinement, code):
            return self.document("--exec", "--catalog", self.catalog, "--confinement", confinement, "/bin/leaves", code=code)

        self.assertIn("permission denied: ", leaving("test", WRONG)["error"]["message"])
        self.assertEqual(leaving("loose", OK)["label"], "unconfined")

    def test_profiles_that_are_given(self):
        """In place of this host's, which would say otherwise."""
        given = harness.WORK / "given"
        given.mkdir()
        (given / "p").write_text(PROFILE.replace("/bin/stays rix", "/bin/stays Px -> aa-other"))
        (given / "q").write_text(OTHER)
        asked = ("--exec", "--profiles", given)
        document = self.document(*asked, "--profile", "aa-test", "/bin/stays")
        self.assertEqual((document["label"], document["policy"]), ("aa-other", "the profile files that were given"))
        self.assertEqual((document["steps"][0]["source"], self.decided(document)), (f"{given}/p", ["p:6"]))
        self.assertEqual(self.document("--exec", "--profile", "aa-test", "/bin/stays")["label"], "aa-test")
        # A confinement of a catalog, and files one by one.
        ruled = ("--catalog", self.catalog, "--confinement", "ruled")
        self.assertEqual(self.document(*asked, *ruled, "/bin/x")["label"], "aa-other")
        self.explain(*asked, *ruled, "/bin/stays", code=WRONG)
        self.assertEqual(self.document("--exec", "--profiles", given / "p", "--profiles", given / "q", "--profile", "aa-test", "/bin/cleans")["label"],
                         "aa-test//kid")
        # Nothing else counts.
        self.assertIn("'aa-sealed'", self.explain(*asked, "--profile", "aa-sealed", "/bin/stays", code=SYSTEM).stderr)
        self.assertIn("there is no profile file", self.explain("--exec", "--profiles", given / "none", "--profile", "aa-test", "/x", code=SYSTEM).stderr)
        self.explain("--profiles", given, "--image", "x", code=USAGE)

    def test_a_profile_that_nobody_defines(self):
        result = self.explain("--exec", "--profile", "nobody", "/bin/x", code=SYSTEM)
        self.assertEqual(
            result.stderr,
            "aa-shimctl: what profile 'nobody' allows cannot be told: no file in /etc/aa-shim/apparmor.d, /etc/apparmor.d "
            "defines it, and the kernel was not asked\n",
        )

    def test_usage(self):
        for arguments in (
            ("--exec",),
            ("--exec", "--profile", "aa-test"),
            ("--exec", "--profile", "aa-test", "relative"),
            ("--exec", "--profile", "aa-test", "/a", "/b"),
            ("--exec", "container"),
            ("--exec", "--bundle", "/x", "c", "--", "ls"),
            ("--profile", "aa-test", "/bin/x"),
            ("--confinement", "test"),
            ("--id", "x"),
            ("--root", "/x"),
            ("--exec", "--owned", "--not-owned", "--profile", "aa-test", "/x"),
        ):
            with self.subTest(arguments):
                self.explain(*arguments, code=USAGE)


class Container(ExplainTest):
    """Commands in a running container."""

    def setUp(self):
        super().setUp()
        self.rootfs = harness.WORK / "root"
        (self.rootfs / "usr").mkdir(parents=True)
        (self.rootfs / "usr/bin").symlink_to("../bin")
        for name in ("stays", "cleans", "mine", "nothing"):
            self.program(f"bin/{name}")
        (self.rootfs / "bin/alias").symlink_to("/usr/bin/cleans")
        (self.rootfs / "bin/gone").symlink_to("nowhere")
        self.init = self.start_in_root()
        self.state = None

    def program(self, name, text="#!/bin/stays -x\n"):
        path = self.rootfs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def start_in_root(self):
        """A process whose mount namespace has our directory for its root."""
        sleep = shutil.which("sleep")
        for file in (sleep, *self.libraries(sleep)):
            target = self.rootfs / file.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)
        (self.rootfs / "old").mkdir()
        script = 'mount --bind "$0" "$0" && cd "$0" && pivot_root . old && exec "$1" 1000'
        process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", script, self.rootfs, sleep], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        )
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.wait_for(lambda: Path(f"/proc/{process.pid}/comm").read_text() == "sleep\n")
        return process.pid

    @staticmethod
    def libraries(program):
        text = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
        return [word for line in text.splitlines() for word in line.split() if word.startswith("/")]

    def wait_for(self, condition):
        for _ in range(200):
            if condition():
                return
            subprocess.run(["sleep", "0.05"], check=True)
        self.fail("the container's process did not come up")

    def running(self, container="0123456789abcdef", annotations=(), **process):
        document = bundles.config()
        document["root"] = {"path": str(self.rootfs)}
        document["process"] |= {"env": ["PATH=/usr/local/bin:/usr/bin:/bin"], "cwd": "/"} | process
        directory = self.make_bundle(document, name=f"bundle-{container}")
        self.state = self.make_runc_state(self.init, directory, container=container, annotations=annotations)

    def command(self, *words, code=OK, handler="", container="0123", more=()):
        return self.document(
            "--exec", "--catalog", self.catalog, "--root", self.state, "--handler", handler, *more, container, "--", *words, code=code
        )

    def test_from_the_word_to_the_label(self):
        self.running()
        document = self.command("cleans", "--option")
        self.assertEqual(
            (document["container"], document["command"], document["base"], document["confinement"], document["label"]),
            ("0123456789abcdef", "cleans", "aa-test", "test", "aa-test//kid"),
        )
        self.assertEqual(document["file"]["path"], "/bin/cleans")
        self.assertEqual((document["file"]["owned"], document["file"]["script"]), (True, "/bin/stays -x"))
        self.assertEqual([one["path"] for one in document["candidates"]], ["/usr/local/bin/cleans", "/usr/bin/cleans"])
        self.assertEqual([one["taken"] for one in document["candidates"]], [False, True])
        self.assertEqual(self.decided(document), ["aa-test:7"])

    def test_through_symlinks(self):
        self.running()
        document = self.command("/bin/alias")
        self.assertEqual((document["file"]["path"], document["label"]), ("/bin/cleans", "aa-test//kid"))

    def test_the_user_and_the_owner(self):
        self.running()
        self.assertEqual(self.command("mine")["label"], "aa-test")
        document = self.command("mine", more=("--user", "1000"), code=WRONG)
        self.assertEqual((document["file"]["owned"], document["file"]["ownerUid"], document["file"]["processUid"]), (False, 0, 1000))

    def test_refusals(self):
        self.running()
        message = self.command("nothing", code=WRONG)["error"]["message"]
        self.assertTrue(message.startswith("permission denied: "), message)
        self.assertIn("'nothing' ('/bin/nothing')", message)
        self.assertIn("(confinement 'test', ", message)
        for word in ("missing", "/bin/gone"):
            self.assertEqual(self.command(word, code=SYSTEM)["error"]["kind"], "not-found")

    def test_what_is_really_meant(self):
        self.running()
        self.program("bin/env")
        (harness.ETC / "apparmor.d" / "aa-test").write_text(PROFILE.replace("/bin/stays rix,", "/bin/{env,stays} rix,", 1))
        document = self.command("env", "A=b", "cleans")
        self.assertEqual((document["file"]["path"], document["file"]["reallyMeant"], document["label"]), ("/bin/env", "cleans", "aa-test"))

    def test_no_new_privileges_does_not_matter(self):
        self.running(noNewPrivileges=True)
        document = self.command("cleans")
        self.assertEqual((document["noNewPrivileges"], document["label"]), (True, "aa-test//kid"))

    def test_every_command_gets_the_base_profile(self):
        self.running()
        document = self.command("nothing", handler="flat")
        self.assertEqual((document["label"], document["steps"]), ("aa-test", []))

    def test_found_by_what_is_typed(self):
        self.running()
        self.running(container="0199")
        self.assertEqual(self.command("stays", container="0199")["container"], "0199")
        self.assertEqual(self.command("stays", container=self.state / "0199")["container"], "0199")
        message = self.command("stays", container="01", code=SYSTEM)["error"]["message"]
        self.assertEqual(message, f"'01' may mean any of {self.state}/0123456789abcdef, {self.state}/0199")
        message = self.command("stays", container="77", code=SYSTEM)["error"]["message"]
        self.assertEqual(message, f"there is no container '77' below {self.state}: --root names another place")

    def test_text(self):
        self.running()
        arguments = ("--exec", "--catalog", self.catalog, "--root", self.state, "0123", "--", "cleans")
        text = self.explain(*arguments).stdout
        for line in (
            "command         'cleans'",
            "  looked at     '/usr/bin/cleans': taken",
            "file            '/bin/cleans'",
            "  owner         the process owns it: owner rules apply (file: uid 0; process: uid 0)",
            "base profile    aa-test",
            "label           aa-test//kid",
        ):
            self.assertIn(f"\n{line}\n", text)


class FromProfile(ExplainTest):
    """What a container gets whose confinement leaves it to the profile."""

    def facts(self, *arguments, code=OK):
        return self.document("--catalog", self.catalog, *arguments, code=code)

    def test_capabilities(self):
        document = self.facts(
            "--handler", "measured", "--entrypoint", "/bin/stays", "--capability", "CHOWN", "--capability", "KILL", "--capability", "SYS_ADMIN"
        )
        self.assertEqual((document["kept"], document["removed"]), ("CHOWN,KILL", "SYS_ADMIN"))
        labels = {one["label"]: one["capabilities"] for one in document["fromProfile"]["labels"]}
        self.assertEqual(document["fromProfile"]["labels"][0]["label"], "aa-sealed")
        self.assertEqual((labels["aa-sealed"], labels["aa-sealed//kid"], labels["aa-other"]), ("CHOWN", "KILL", "NET_RAW"))
        self.assertEqual(document["ceiling"], "CHOWN,KILL,NET_RAW")

    def test_no_bound(self):
        document = self.facts("--handler", "boundless", code=WRONG)
        self.assertEqual(document["error"]["kind"], "config")
        self.assertIn("'aa-learning'", document["error"]["message"])

    def test_the_first_program(self):
        def first(path, code=OK):
            return self.facts("--handler", "measured", "--entrypoint", path, code=code)

        self.assertEqual(first("/bin/cleans")["firstProgram"], "aa-sealed//kid")
        self.assertEqual(first("/bin/stays")["firstProgram"], "aa-sealed")
        self.assertIn("permission denied: ", first("/bin/nothing", code=WRONG)["error"]["message"])
        self.assertIsNone(self.facts("--handler", "measured")["firstProgram"])
        self.assertEqual(self.facts("--entrypoint", "/bin/nothing")["firstProgram"], "aa-test")


if __name__ == "__main__":
    unittest.main()
