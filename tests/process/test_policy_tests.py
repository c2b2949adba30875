# SPDX-License-Identifier: Apache-2.0
"""aa-shimctl test: what is expected of a catalog and its profiles, each kind of case held and broken, and in what words it is said."""

import json
import subprocess
import unittest

import bundle as bundles
import harness

OK, WRONG, USAGE, SYSTEM = range(4)
PROFILES = harness.WORK / "profiles"
CATALOG = harness.WORK / "catalog.json"
TESTS = harness.WORK / "tests.json"

WEB = """abi <abi/3.0>,

profile web {
  /srv/** r,
  deny /srv/private/** r,
  owner /srv/upload/* w,
  /var/log/web a,
  /usr/bin/* ix,
  /usr/lib/helper Cx -> helper,
  capability chown,
  network inet stream,
  profile helper {
    /srv/public/** r,
    /etc/helper.conf w,
    /usr/lib/helper ix,
  }
  profile shell {
    /srv/public/** r,
  }
}
"""
LEARNING = "abi <abi/3.0>,\n\nprofile learning flags=(complain) { /srv/** r, }\n"
LEAVING = "abi <abi/3.0>,\n\nprofile leaving { /usr/bin/leave ux, }\n"
RULES = {
    "confinements": {
        "base": {"apparmor": "learning", "allCapabilities": True},
        "web": {
            "apparmor": "web", "capabilities": ["CHOWN", "KILL"], "noNewPrivileges": True, "hostPaths": ["/srv/**"],
            "exec": {"rules": [{"command": "/bin/sh", "apparmor": "web//shell"}, {"command": "/usr/bin/apt", "deny": "change the image"}]},
        },
        "first": {"apparmor": "web", "capabilities": [], "start": "from-profile"},
    },
    "rules": [
        {"match": {"handler": "web"}, "use": "web"},
        {"match": {"handler": "first"}, "use": "first"},
        {"match": {"handler": "no"}, "reject": "not here"},
        {"match": {"handler": "left"}, "pass": True, "weaker": True},
    ],
    "otherwise": "base",
}


class Written(harness.ShimTest):
    """A catalog, profiles, and tests for them."""

    def setUp(self):
        super().setUp()
        PROFILES.mkdir()
        (PROFILES / "web").write_text(WEB)
        (PROFILES / "others").write_text(LEARNING)
        (PROFILES / "leaving").write_text(LEAVING)
        CATALOG.write_text(json.dumps(RULES, indent=1))

    def ctl(self, *arguments, code=OK):
        result = subprocess.run([harness.CTL, *map(str, arguments)], capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result

    def run_tests(self, document, *options, code=OK):
        TESTS.write_text(document if isinstance(document, str) else json.dumps(document))
        return self.ctl("test", "--catalog", CATALOG, "--profiles", PROFILES, *options, TESTS, code=code)

    def failure(self, document):
        """The one line about the one case of DOCUMENT, which fails, without its place."""
        lines = self.run_tests(document, code=WRONG).stdout.splitlines()
        self.assertEqual(lines[1:], ["0 passed, 1 failed."])
        place, _, rest = lines[0].partition(": ")
        self.assertRegex(place, f"^{TESTS}:1:[0-9]+$")
        return rest.replace(str(PROFILES), "PROFILES").replace(str(CATALOG), "CATALOG")

    def assert_passes(self, document, number=1):
        self.assertEqual(self.run_tests(document).stdout, f"{number} passed, 0 failed.\n")

    @staticmethod
    def profile(label="web", **what):
        return {"profiles": [{"name": "it", "label": label} | what]}


class PolicyTests(Written):
    # ---- containers

    @staticmethod
    def container(expect, **facts):
        return {"containers": [{"name": "it", "container": facts, "expect": expect}]}

    def test_containers_that_are_decided_as_expected(self):
        for facts, expect in (
            ({"handler": "web"}, {"confinement": "web", "rule": "catalog.json", "label": "web", "base": "web", "noNewPrivileges": True}),
            ({"handler": "web"}, {"ceiling": ["KILL", "CAP_CHOWN"]}),
            ({}, {"confinement": "base", "rule": "otherwise", "label": "learning", "ceiling": "all", "noNewPrivileges": False}),
            ({"handler": "web", "profile": "mine"}, {"label": "web//&mine"}),
            ({"handler": "first", "entrypoint": "/usr/lib/helper"}, {"label": "web//helper", "base": "web", "ceiling": []}),
            ({"handler": "no"}, {"refused": "not here"}),
            ({"handler": "left"}, {"pass": True, "rule": "catalog.json"}),
            ({"handler": "web", "hostPaths": ["/srv/nowhere"]}, {"confinement": "web"}),
            ({"handler": "web", "hostPaths": ["/var/nowhere"]}, {"refused": "the host's '/var/nowhere'"}),
            ({"hostPaths": ["/run"]}, {"refused": "keep what confines it"}),
        ):
            with self.subTest(facts):
                self.assert_passes(self.container(expect, **facts))

    def test_containers_that_are_not(self):
        why = "rule CATALOG:[0-9:]+ selects confinement 'web'; .*"
        for facts, expect, failure in (
            ({"handler": "web"}, {"confinement": "base", "label": "web"}, f"expected confinement 'base', got confinement 'web': {why}"),
            ({"handler": "web"}, {"label": "learning"}, f"expected label 'learning', got label 'web': {why}"),
            ({"handler": "web"}, {"base": "learning"}, f"expected base 'learning', got base 'web': {why}"),
            ({"handler": "web"}, {"rule": "catalog.jso"}, "expected rule 'catalog.jso', got rule 'rule CATALOG:[0-9:]+': .*"),
            ({"handler": "web"}, {"ceiling": ["CHOWN"]}, f"expected ceiling CHOWN, got ceiling CHOWN,KILL: {why}"),
            ({"handler": "web"}, {"ceiling": "all"}, f"expected ceiling all, got ceiling CHOWN,KILL: {why}"),
            ({}, {"ceiling": []}, "expected ceiling none, got ceiling all: otherwise, CATALOG:.*"),
            ({"handler": "web"}, {"noNewPrivileges": False}, f"expected no noNewPrivileges, got noNewPrivileges: {why}"),
            ({"handler": "web"}, {"label": "a", "ceiling": []}, f"expected label 'a', ceiling none, got label 'web', ceiling CHOWN,KILL: {why}"),
            ({"handler": "web"}, {"refused": "no"}, f"expected a refusal with 'no', got confinement 'web': {why}"),
            ({"handler": "web"}, {"pass": True}, f"expected left as its engine made it, got confinement 'web': {why}"),
            ({"handler": "left"}, {"label": "web"}, "expected label 'web', got left as its engine made it: rule CATALOG:.*"),
            ({"handler": "no"}, {"refused": "elsewhere"}, "expected a refusal with 'elsewhere', got a refusal: .*not here.*"),
            ({"handler": "no"}, {"confinement": "web"}, "expected confinement 'web', got a refusal: .*not here.*"),
            ({"handler": "first"}, {"label": "web"}, "expected label 'web', got a label that depends on the first program: .*"),
            ({"engine": "podman", "labels": {"a": "b"}}, {"confinement": "base"}, "expected confinement 'base', got cannot be told: there is no such container: .*"),
            ({"engine": "podman", "labels": {"a": "b"}}, {"refused": "there is"}, "expected a refusal with 'there is', got cannot be told: .*"),
        ):
            with self.subTest(expect):
                self.assertRegex(self.failure(self.container(expect, **facts)), f"^it: {failure}$")

    def test_a_bundle(self):
        config = bundles.config()
        self.make_bundle(config)
        self.assert_passes({"containers": [{"bundle": {"path": "bundle", "handler": "web"}, "expect": {"confinement": "web", "label": "web"}}]})
        self.assertIn("got confinement 'base'", self.failure({"containers": [{"bundle": "bundle", "expect": {"confinement": "web"}}]}))
        self.assertIn("got cannot be told: ", self.failure({"containers": [{"bundle": "nowhere", "expect": {"pass": True}}]}))

    # ---- commands

    @staticmethod
    def command(words, expect, **more):
        return {"commands": [{"name": "it", "confinement": "web", "command": words, "expect": expect} | more]}

    def test_commands_that_are_decided_as_expected(self):
        for words, expect, more in (
            (["/bin/sh", "-c", "x"], {"label": "web//shell"}, {}),
            (["/usr/bin/apt"], {"refused": "change the image"}, {}),
            (["/usr/bin/id"], {"label": "web"}, {}),
            (["/usr/lib/helper"], {"label": "web//helper"}, {}),
            (["/tmp/x"], {"refused": "permission denied: "}, {}),
            (["/bin/sh"], {"label": "mine//&web//shell"}, {"base": "mine//&web"}),
        ):
            with self.subTest(words):
                self.assert_passes(self.command(words, expect, **more))
        self.assert_passes({"commands": [{"container": {"handler": "web"}, "command": ["/usr/lib/helper"], "expect": {"label": "web//helper"}}]})

    def test_commands_that_are_not(self):
        for words, expect, failure in (
            (["/bin/sh"], {"label": "web"}, "expected label 'web', got label 'web//shell': exec rule CATALOG:[0-9:]+ gives '/bin/sh' the label 'web//shell'"),
            (["/usr/lib/helper"], {"refused": "no"}, "expected a refusal with 'no', got label 'web//helper': .*; by PROFILES/web:9:3: /usr/lib/helper Cx -> helper"),
            (["/usr/bin/apt"], {"label": "web"}, "expected label 'web', got a refusal: .*change the image.*"),
            (["/usr/bin/apt"], {"refused": "other"}, "expected a refusal with 'other', got a refusal: .*change the image.*"),
        ):
            with self.subTest(words):
                self.assertRegex(self.failure(self.command(words, expect)), f"^it: {failure}$")

    def test_who_owns_the_program_counts(self):
        (PROFILES / "web").write_text(WEB.replace("  /usr/bin/* ix,", "  owner /usr/bin/* ix,"))
        for more, passes in (({}, True), ({"user": 0}, True), ({"user": 33}, False), ({"owned": False}, False), ({"user": 33, "owned": True}, True)):
            with self.subTest(more):
                self.assert_passes(self.command(["/usr/bin/id"], {"label": "web"} if passes else {"refused": "permission denied"}, **more))

    def test_commands_of_containers_that_have_none(self):
        for handler, why in (("no", "the container itself is refused: .*not here.*"), ("left", "rule CATALOG:[0-9:]+ leaves the container, and .*")):
            case = {"commands": [{"name": "it", "container": {"handler": handler}, "command": ["/bin/sh"], "expect": {"refused": "not here"}}]}
            self.assertRegex(self.failure(case), f"^it: expected a refusal with 'not here', got cannot be told: {why}$")
        case = {"commands": [{"name": "it", "confinement": "none", "command": ["/bin/sh"], "expect": {"refused": "none"}}]}
        self.assertRegex(self.failure(case), "^it: expected a refusal with 'none', got cannot be told: .*'none'.*$")

    def test_commands_in_a_bundle_are_looked_for_there(self):
        root = harness.WORK / "bundle" / "rootfs"
        config = bundles.config()
        config["root"] = {"path": "rootfs"}
        config["process"]["env"] = ["PATH=/usr/bin:/bin"]
        self.make_bundle(config)
        for file in ("bin/sh", "usr/bin/tool", "srv/app"):
            (root / file).parent.mkdir(parents=True, exist_ok=True)
            (root / file).write_text("#!/bin/sh\n")
            (root / file).chmod(0o755)
        (root / "usr/bin/linked").symlink_to("/bin/sh")
        bundle = {"path": "bundle", "handler": "web"}
        for words, expect, more in (
            (["sh"], {"label": "web//shell"}, {}), (["linked"], {"label": "web//shell"}, {}), (["tool"], {"label": "web"}, {"user": 33}),
            (["./app"], {"refused": "permission denied"}, {"cwd": "/srv"}),
        ):
            with self.subTest(words):
                self.assert_passes({"commands": [{"bundle": bundle, "command": words, "expect": expect} | more]})
        self.assertIn("got cannot be told: the program 'nothing': executable file not found",
                      self.failure({"commands": [{"bundle": bundle, "command": ["nothing"], "expect": {"label": "web"}}]}))

    # ---- profiles

    def test_what_profiles_allow(self):
        self.assert_passes(self.profile(may=["r /srv/public/**", "owner w /srv/upload/a", "x /usr/bin/id", "capability chown", "network inet stream"],
                                        mayNot=["w /srv/public/**", "x /srv/**", "capability sys_admin", "network inet raw", "mount", "r /srv/private/*"]), 11)

    def test_what_they_do_not(self):
        for what, failure in (
            ({"may": ["r /srv/**"]},
             "may r /srv/\\*\\*: expected all of it allowed, got denied 'r /srv/private/a': a rule denies it; by PROFILES/web:5:3: deny /srv/private/\\*\\* r"),
            ({"may": ["r /etc/passwd"]}, "may r /etc/passwd: expected all of it allowed, got denied 'r /etc/passwd': no rule of 'web' allows it"),
            ({"mayNot": ["rw /srv/upload/**"]},
             "may not rw /srv/upload/\\*\\*: expected nothing of it allowed, got allowed 'r /srv/upload/a'; by PROFILES/web:4:3: /srv/\\*\\* r"),
            ({"mayNot": ["w /srv/**"]},
             "may not w /srv/\\*\\*: expected nothing of it allowed, got allowed 'owner w /srv/upload/a'; by PROFILES/web:6:3: owner /srv/upload/\\* w"),
            # Who appends writes.
            ({"mayNot": ["w /var/log/**"]},
             "may not w /var/log/\\*\\*: expected nothing of it allowed, got allowed 'a /var/log/web'; by PROFILES/web:7:3: /var/log/web a"),
            ({"mayNot": ["capability chown"]},
             "may not capability chown: expected nothing of it allowed, got allowed 'capability chown'; by PROFILES/web:10:3: capability chown"),
            ({"mayNot": ["network"]},
             "may not network: expected nothing of it allowed, got allowed 'network inet stream'; by PROFILES/web:11:3: network inet stream"),
        ):
            with self.subTest(what):
                self.assertRegex(self.failure(self.profile(**what)), f"^it {failure}$")

    def test_where_processes_get_counts_unless_the_label_alone_is_meant(self):
        self.assertEqual(
            self.failure(self.profile(mayNot=["w /etc/**"])),
            "it may not w /etc/**: expected nothing of it allowed, got allowed 'w /etc/helper.conf': under 'web//helper', where processes get by "
            "exec from 'web' (Cx -> helper); by PROFILES/web:14:5: /etc/helper.conf w")
        self.assert_passes(self.profile(mayNot=["w /etc/**"], alone=True))
        self.assertEqual(
            self.failure(self.profile("leaving", mayNot=["mount"])),
            "it may not mount: expected nothing of it allowed, got everything allowed: under 'unconfined', where processes get by "
            "exec from 'leaving' (ux)")
        self.assert_passes(self.profile("leaving", mayNot=["mount"], alone=True))

    def test_within(self):
        # With a child, for which the parser itself allows what it takes to change the profile.
        (PROFILES / "others").write_text(LEARNING + "profile narrow { /srv/** r, /usr/lib/helper ix, /usr/bin/* ix, owner /srv/upload/* w, "
                                         "/var/log/web a, /none Cx -> kid, capability chown, network inet stream, profile kid { } }\n")
        self.assertEqual(self.run_tests(self.profile("web//shell", within="web")).stdout, "1 passed, 0 failed.\n")
        self.assertEqual(self.failure(self.profile("web", within="web//shell")),
                         "it within web//shell: expected nothing allowed beyond, got allowed 'r /srv/a'; by PROFILES/web:4:3: /srv/** r")
        self.assertEqual(
            self.failure(self.profile("web", within="narrow")),
            "it within narrow: expected nothing allowed beyond, got allowed 'w /etc/helper.conf': after exec /usr/lib/helper under 'web//helper', "
            "and not under 'narrow'; by PROFILES/web:14:5: /etc/helper.conf w")

    def test_what_is_not_proved_fails(self):
        for what, why in (
            (self.profile(mayNot=["dbus"]), "it may not dbus: expected nothing of it allowed, got not proved: the policy of 'web' does not mediate dbus"),
            (self.profile(may=["dbus"]), "it may dbus: expected all of it allowed, got not proved: the policy of 'web' does not mediate dbus"),
            (self.profile("learning", mayNot=["mount"]), "it may not mount: expected nothing of it allowed, got not proved: 'learning' complains instead of denying"),
            (self.profile("learning", may=["mount"]), "it may mount: expected all of it allowed, got not proved: 'learning' complains instead of denying"),
            (self.profile("web", within="learning"), "it within learning: expected nothing allowed beyond, got not proved: profile 'learning' complains"),
            (self.profile("nobody", may=["mount"]), "it may mount: expected all of it allowed, got cannot be told: what profile 'nobody' allows cannot be told"),
            (self.profile("nobody", mayNot=["mount"]), "it may not mount: expected nothing of it allowed, got cannot be told: what profile 'nobody'"),
            (self.profile("web", within="nobody"), "it within nobody: expected nothing allowed beyond, got cannot be told: what profile 'nobody'"),
        ):
            with self.subTest(why):
                self.assertIn(why, self.failure(what))

    def test_where_processes_get_must_be_known(self):
        (PROFILES / "web").write_text("profile web { /bin/x Px -> elsewhere, /bin/y Cx -> kid, /bin/z Cx -> none, profile kid { } }\n")
        self.assertEqual(self.failure(self.profile(mayNot=["mount"])), "it may not mount: expected nothing of it allowed, got not proved: under 'web', "
                         "an exec leads to 'elsewhere', which no file defines")
        self.assert_passes(self.profile(mayNot=["mount"], alone=True))
        (PROFILES / "elsewhere").write_text("profile elsewhere { mount, }\n")
        self.assertRegex(self.failure(self.profile(mayNot=["mount"])), "allowed 'mount .*under 'elsewhere'")
        (PROFILES / "elsewhere").write_text("profile elsewhere { }\n")
        self.assert_passes(self.profile(mayNot=["mount"]))

    def test_changes_of_profile_count(self):
        for rule, got in (
            ("change_profile -> nobody", "not proved: under 'web', 'change_profile -> nobody' leads to what no file defines"),
            ("change_profile -> web//*", "not proved: under 'web', 'change_profile -> web//*' leads to what no file defines"),
            ("change_profile -> leaving", "everything allowed: under 'unconfined', where processes get by exec from 'leaving' (ux)"),
            ("change_profile", "not proved: 'learning' complains instead of denying, under 'learning', where processes get by change_profile from 'web'"),
        ):
            with self.subTest(rule):
                (PROFILES / "web").write_text(f"profile web {{ {rule}, }}\n")
                self.assertEqual(self.failure(self.profile(mayNot=["mount"])), f"it may not mount: expected nothing of it allowed, got {got}")
                self.assert_passes(self.profile(mayNot=["mount"], alone=True))
        (PROFILES / "web").write_text("profile web { change_profile -> {other,web//kid}, profile kid { } }\nprofile other { }\n")
        self.assert_passes(self.profile(mayNot=["mount"]))

    def test_profiles_attach_wherever_they_stand_in_the_directory(self):
        (PROFILES / "web").write_text("profile web { /bin/x px, }\n")
        self.assertEqual(self.run_tests(self.profile(mayNot=["capability chown"])).stdout, "1 passed, 0 failed.\n")
        (PROFILES / "later").mkdir()
        (PROFILES / "later" / "x").write_text("profile x /bin/x { capability chown, }\n")
        self.assertIn("allowed 'capability chown': under 'x', where processes get by exec from 'web' (px)",
                      self.failure(self.profile(mayNot=["capability chown"])))
        self.assert_passes(self.command(["/bin/x"], {"label": "x"}))

    def test_the_labels_own_name(self):
        (PROFILES / "web").write_text("profile web { ptrace (read) peer=web, }\nprofile other { ptrace (read) peer=web, }\n")
        self.assert_passes({"profiles": [{"label": "web", "may": ["ptrace (read) peer=@{profile_name}"]},
                                         {"label": "other", "mayNot": ["ptrace (read) peer=@{profile_name}"]}]}, 2)


if __name__ == "__main__":
    unittest.main()
