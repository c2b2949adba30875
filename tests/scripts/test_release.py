# SPDX-License-Identifier: Apache-2.0
"""scripts/release in a repository of the test's own, where packages are made by a stand-in: what it refuses, edits, tags, adds up and
signs, and how it goes on after a failure."""

import hashlib
import re
import shutil
import subprocess
import sys
import unittest

import release_tree

if not shutil.which("git"):
    print("skip: git is not installed")
    sys.exit(77)

PLACES = {
    "CMakeLists.txt": "project(aa-shim VERSION 70.2.0 LANGUAGES C CXX)",
    "debian/changelog": "aa-shim (70.2.0) unstable; urgency=medium",
    "deploy/helm/aa-shim/Chart.yaml": "version: 70.2.0\nappVersion: 70.2.0\n",
    "deploy/kubernetes/base/daemonset.yaml": "image: aa-shim-installer:70.2.0",
    "docs/kubernetes.md": "docker build --tag registry.example/aa-shim-installer:70.2.0",
}
NO_KEY = "no key (git's user.signingkey is not set)"


class ReleaseTest(unittest.TestCase):
    def setUp(self):
        self.tree = release_tree.Tree(release_tree.NEEDED)
        self.addCleanup(self.tree.close)
        self.set_version("70.1.0")
        self.tree.write("scripts/package", release_tree.PACKAGE, 0o755)
        self.tree.write("CHANGELOG.md", release_tree.CHANGELOG)
        self.tree.commit()
        self.output = self.tree.root / "build/release/70.2.0"

    def set_version(self, version):
        """Whatever this project's version is by now, that of the tests is 70.1.0."""
        now = re.search(r"project\(aa-shim VERSION ([\d.]+)", self.tree.read("CMakeLists.txt"))[1]
        for name in PLACES:
            self.tree.write(name, self.tree.read(name).replace(now, version))

    def state(self):
        return self.tree.git("rev-parse", "HEAD"), self.tree.git("tag"), self.tree.git("status", "--porcelain")

    def assert_refused(self, told, *words):
        before = self.state()
        done = self.tree.release(*words)
        self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
        self.assertEqual(done.stderr.splitlines()[0], f"release: {told}")
        self.assertEqual(self.state(), before)
        return done.stderr

    def assert_released(self, *words):
        done = self.tree.release(*words)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(self.tree.git("status", "--porcelain"), "")
        self.assertEqual(self.tree.git("rev-parse", "v70.2.0^{commit}"), self.tree.git("rev-parse", "HEAD"))
        self.assertEqual(self.tree.git("cat-file", "-t", "v70.2.0"), "tag")
        return done.stdout


class Refusals(ReleaseTest):
    def test_a_version_that_is_none(self):
        for word in ("1", "1.2", "v1.2.3", "1.2.3-rc1", "1.2.03", "1.2.3.4", ""):
            with self.subTest(word):
                done = self.tree.release(word)
                self.assertEqual(done.returncode, 2)
                self.assertIn(f"'{word}' is not a version: three numbers with points between, as 1.2.3", done.stderr)

    def test_a_version_that_is_not_newer(self):
        self.assert_refused("70.1.0 is not newer than 70.1.0, which was released", "70.1.0")
        self.assert_refused("70.0.9 is not newer than 70.1.0, which was released", "70.0.9")
        self.tree.git("tag", "v70.10.0")
        self.assert_refused("70.9.0 is not newer than 70.10.0, which was released", "70.9.0")

    def test_a_version_older_than_the_trees(self):
        self.set_version("70.3.0")
        self.tree.commit()
        self.assert_refused("70.2.0 is older than 70.3.0, the version in CMakeLists.txt", "70.2.0")

    def test_a_tree_that_is_not_clean(self):
        self.tree.write("notes", "")
        for words in (("70.2.0",), ("70.2.0", "--dry-run")):
            self.assertIn("?? notes", self.assert_refused("the tree is not clean: commit, stash or remove", *words))

    def test_a_changelog_with_nothing_to_release(self):
        told = "CHANGELOG.md has nothing below Unreleased: a release without a change is none; write what users will notice"
        for text, why in ((re.sub(r"(?m)^- (A thing|A door).*\n", "", release_tree.CHANGELOG), told),
                          (release_tree.CHANGELOG.replace("[Unreleased]", "Next"), 'CHANGELOG.md has no part "## [Unreleased]"')):
            self.tree.write("CHANGELOG.md", text)
            self.tree.commit()
            self.assert_refused(why, "70.2.0")

    def test_versions_that_do_not_agree(self):
        self.tree.write("README.md", "docker pull aa-shim-installer:70.1.0 # not aa-shim 70.1.01\n")
        self.tree.commit()
        told = self.assert_refused("the versions in the tree do not agree:", "70.2.0")
        self.assertEqual(told.count("\n"), 2, told)
        self.assertIn("README.md:1: names the version, but scripts/release would not change it", told)
        self.tree.write("README.md", "")
        self.tree.write("docs/kubernetes.md", self.tree.read("docs/kubernetes.md").replace("installer:70.1.0", "installer:70.0.9", 1))
        self.tree.commit()
        self.assertIn("docs/kubernetes.md: says 70.0.9, but CMakeLists.txt 70.1.0", self.assert_refused("the versions in the tree do not agree:", "70.2.0"))

    def test_a_tag_on_another_commit(self):
        self.tree.git("tag", "v70.2.0")
        self.tree.write("more", "")
        self.tree.commit()
        self.assert_refused("v70.2.0 is there, but not this commit: git checkout v70.2.0 to make its packages again, or take a newer version", "70.2.0")

    def test_a_tag_on_what_is_no_release(self):
        self.tree.git("tag", "v70.2.0")
        self.assert_refused("this commit is called a release of 70.2.0, but CMakeLists.txt or CHANGELOG.md says something else", "70.2.0")

    def test_a_key_that_cannot_sign(self):
        self.tree.git("config", "user.signingkey", "somebody")
        self.tree.git("config", "gpg.program", "no-such-gpg")
        self.assert_refused("git's user.signingkey is set, but there is no no-such-gpg to sign with: install it, or unset the key", "70.2.0")
        self.tree.git("config", "gpg.format", "x509")
        self.assert_refused("git's gpg.format is x509: only openpgp and ssh are known here", "70.2.0")


class Releases(ReleaseTest):
    def test_the_edit(self):
        self.tree.environment["SOURCE_DATE_EPOCH"] = "1800000000"
        self.assert_released("70.2.0")
        for name, text in PLACES.items():
            self.assertIn(text, self.tree.read(name), name)
            self.assertNotRegex(self.tree.read(name).split("\n\n")[0], r"(?<![\d.])70\.1\.0\b", name)
        parts = self.tree.read("CHANGELOG.md").split("\n## ")
        self.assertEqual(parts[1:3], ["[Unreleased]\n", "[70.2.0] - 2027-01-15\n\n### Added\n\n- A thing.\n\n### Security\n\n- A door is closed.\n"])
        self.assertEqual(self.tree.read("debian/changelog").split("\n\n")[:4], [
            "aa-shim (70.2.0) unstable; urgency=medium", "  * Release 70.2.0: see CHANGELOG.md.",
            " -- The aa-shim developers <maintainers@aa-shim.example>  Fri, 15 Jan 2027 08:00:00 +0000", "aa-shim (70.1.0) unstable; urgency=medium"])
        self.assertEqual(self.tree.checked("scripts/check-version"), "")
        self.assertEqual(self.tree.git("show", "--format=%s", "--name-only").splitlines()[2:], sorted([*PLACES, "CHANGELOG.md"]))
        self.assertEqual(self.tree.git("for-each-ref", "--format=%(contents)", "refs/tags"),
                         "aa-shim 70.2.0\n\n### Added\n\n- A thing.\n\n### Security\n\n- A door is closed.")

    def test_the_first_release_of_the_version_in_the_tree(self):
        self.tree.write("CHANGELOG.md", release_tree.CHANGELOG.partition("## [70.1.0]")[0])
        self.tree.commit()
        self.assertEqual(self.tree.release("70.1.0").returncode, 0)
        self.assertEqual(self.tree.git("tag"), "v70.1.0")
        self.assertEqual(self.tree.read("debian/changelog").count("aa-shim (70.1.0)"), 1)

    def test_packages_and_their_sums(self):
        told = self.assert_released("70.2.0", "deb", "tarball")
        lines = (self.output / "SHA256SUMS").read_text().splitlines()
        self.assertEqual([line.split("  ")[1] for line in lines], ["aa-shim-70.2.0-linux-amd64.tar.xz", "aa-shim_70.2.0_amd64.deb"])
        for line in lines:
            digest, name = line.split("  ")
            self.assertEqual(digest, hashlib.sha256((self.output / name).read_bytes()).hexdigest())
        time = self.tree.git("log", "-1", "--format=%ct")
        self.assertEqual((self.output / "aa-shim_70.2.0_amd64.deb").read_text(), f"aa-shim_70.2.0_amd64.deb deb tarball {time}\n")
        self.assertIn(f"release: neither the tag nor SHA256SUMS is signed: {NO_KEY}\n", told)
        self.assertIn("git push --atomic origin main v70.2.0", told)

    def test_a_dry_run_changes_nothing(self):
        before = self.state()
        done = self.tree.release("--dry-run", "70.2.0")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for line in ("-project(aa-shim VERSION 70.1.0 LANGUAGES C CXX)", "+project(aa-shim VERSION 70.2.0 LANGUAGES C CXX)",
                     "release: would commit this as 'Release 70.2.0'", f"release: would make the tag v70.2.0, not signed: {NO_KEY}",
                     f"release: would build: scripts/package all --output {self.output}", f"release: would write SHA256SUMS, not signed: {NO_KEY}",
                     "release: nothing was changed"):
            self.assertIn(line, done.stdout.splitlines())
        self.assertEqual(self.state(), before)
        self.assertFalse(self.output.exists())

    def test_notes(self):
        self.assertEqual(self.tree.release("70.1.0", "--notes").stdout, "\n### Added\n\n- Everything.\n".lstrip("\n"))
        self.assert_refused("CHANGELOG.md has no part on 70.2.0", "70.2.0", "--notes")


class Failures(ReleaseTest):
    def failed(self, name, remedy):
        done = self.tree.release("70.2.0")
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertRegex(done.stderr, rf"(?m)^release: {name} failed: ")
        self.assertIn(f"\n{remedy}\nNothing was pushed. Then run scripts/release 70.2.0 again: it goes on here.\n", done.stderr)
        self.assertEqual(self.tree.git("status", "--porcelain"), "")

    def test_no_commit(self):
        before = self.state()
        self.tree.write(".git/hooks/pre-commit", "#!/bin/sh\nexit 1\n", 0o755)
        self.failed("edit", "The files are as they were.")
        self.assertEqual(self.state(), before)
        (self.tree.root / ".git/hooks/pre-commit").unlink()
        self.assert_released("70.2.0")

    def test_no_tag(self):
        (self.tree.root / ".git/refs/tags").rmdir()
        (self.tree.root / ".git/refs/tags").write_text("in the way")
        self.failed("tag", "The commit stays. (To take it back: git reset --hard HEAD~1)")
        (self.tree.root / ".git/refs/tags").unlink()
        head = self.state()[0]
        self.assert_released("70.2.0")
        self.assertEqual(self.state()[0], head)

    def test_no_packages(self):
        self.tree.broken.touch()
        self.failed("packages", "The commit and the tag stay. (To take them back: git tag -d v70.2.0 && git reset --hard HEAD~1)")
        self.tree.broken.unlink()
        before = self.state()
        self.assert_released("70.2.0")
        first = (self.output / "SHA256SUMS").read_bytes()
        self.tree.git("checkout", "--quiet", "v70.2.0")
        told = self.assert_released("70.2.0")
        self.assertEqual((self.output / "SHA256SUMS").read_bytes(), first)
        self.assertEqual(self.state(), before)
        self.assertIn("git push --atomic origin v70.2.0", told)

    def test_somebody_elses_files_are_no_packages(self):
        self.output.mkdir(parents=True)
        (self.output / "thesis.txt").touch()
        self.failed("packages", "The commit and the tag stay. (To take them back: git tag -d v70.2.0 && git reset --hard HEAD~1)")
        self.assertTrue((self.output / "thesis.txt").exists())


class Signatures(ReleaseTest):
    def test_gpg(self):
        if not shutil.which("gpg"):
            self.skipTest("gpg is not installed")
        (self.tree.home / "gnupg").mkdir(mode=0o700)
        self.tree.checked("gpg", "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "", "--quick-generate-key",
                          "nobody@example.invalid", "ed25519", "sign")
        self.tree.git("config", "user.signingkey", "nobody@example.invalid")
        self.assertNotIn("signed: no key", self.assert_released("70.2.0"))
        self.tree.checked("git", "tag", "--verify", "v70.2.0")
        self.tree.checked("gpg", "--verify", self.output / "SHA256SUMS.asc", self.output / "SHA256SUMS")
        self.assert_released("70.2.0")  # again, over the signature of before
        with open(self.output / "SHA256SUMS", "a", encoding="utf-8") as file:
            file.write("0  another\n")
        self.assertNotEqual(self.tree.run("gpg", "--verify", self.output / "SHA256SUMS.asc", self.output / "SHA256SUMS").returncode, 0)

    def test_ssh(self):
        if not shutil.which("ssh-keygen"):
            self.skipTest("ssh-keygen is not installed")
        key = self.tree.home / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        allowed = self.tree.home / "allowed"
        allowed.write_text(f"nobody@example.invalid {key.with_suffix('.pub').read_text()}")
        for name, value in (("gpg.format", "ssh"), ("user.signingkey", "~/key.pub"), ("gpg.ssh.allowedSignersFile", allowed)):
            self.tree.git("config", name, value)
        self.assert_released("70.2.0")
        self.tree.checked("git", "tag", "--verify", "v70.2.0")
        verify = ("ssh-keygen", "-Y", "verify", "-f", allowed, "-I", "nobody@example.invalid", "-n", "file", "-s", self.output / "SHA256SUMS.sig")
        sums = (self.output / "SHA256SUMS").read_text()
        self.tree.checked(*verify, input=sums)
        self.assertNotEqual(self.tree.run(*verify, input=f"{sums}0  another\n").returncode, 0)


if __name__ == "__main__":
    result = unittest.main(exit=False).result
    for _, reason in result.skipped:
        print(f"skip: {reason}")
    sys.exit(not result.wasSuccessful())
