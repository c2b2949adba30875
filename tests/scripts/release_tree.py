# SPDX-License-Identifier: Apache-2.0
"""Repositories of a test's own, in which scripts/release can do what it likes."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# What scripts/release reads and writes, if it builds nothing.
NEEDED = ["scripts/release", "scripts/check-version", "CMakeLists.txt", "debian/changelog", "debian/control", "deploy/helm/aa-shim/Chart.yaml",
          "deploy/kubernetes/base/daemonset.yaml", "docs/kubernetes.md", "CHANGELOG.md", ".gitignore"]
# Instead of the real one: files as it makes them, whose contents depend on the commit's time alone; it fails if it is told to.
PACKAGE = """#!/bin/bash
set -e
[ ! -e "$AA_TEST_BREAK" ] || { echo "no compiler" >&2; exit 3; }
kinds=()
while [ $# -gt 0 ]; do case $1 in --output) output=$2; shift ;; *) kinds+=("$1") ;; esac; shift; done
mkdir -p "$output"
version=$(sed -n '1s/.*(\\(.*\\)).*/\\1/p' debian/changelog)
for name in aa-shim_${version}_amd64.deb aa-shim-$version-linux-amd64.tar.xz; do echo "$name ${kinds[*]} $SOURCE_DATE_EPOCH" > "$output/$name"; done
"""
CHANGELOG = """# Changelog

## [Unreleased]

### Added

- A thing.

### Security

- A door is closed.

## [70.1.0] - 2026-11-25

### Added

- Everything.
"""


def all_files():
    """Names of the project's files, as they lie here; without what git ignores."""
    done = subprocess.run(["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"],
                          capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return [name for name in done.stdout.split("\0") if name and (ROOT / name).exists()]
    return [str(path.relative_to(ROOT)) for path in ROOT.rglob("*")
            if path.is_file() and not {"build", ".cache", ".git", "__pycache__"} & set(path.relative_to(ROOT).parts)]


class Tree:
    """A repository with the NAMES of this one's files, and a home without settings."""

    def __init__(self, names):
        self.temporary = tempfile.TemporaryDirectory(prefix="aa-release.")
        self.home = Path(self.temporary.name, "home")
        self.root = Path(self.temporary.name, "tree")
        self.broken = Path(self.temporary.name, "broken")
        self.home.mkdir(mode=0o700)
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "SSH_"))} | {
            "HOME": str(self.home), "GNUPGHOME": str(self.home / "gnupg"), "AA_TEST_BREAK": str(self.broken), "GIT_CONFIG_NOSYSTEM": "1",
            "CCACHE_DIR": os.environ.get("CCACHE_DIR", str(Path.home() / ".cache/ccache"))}
        self.environment.pop("XDG_CONFIG_HOME", None)
        for name in names:
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, self.root / name, follow_symlinks=False)
        self.git("init", "--quiet", "--initial-branch=main")
        for key, value in (("user.name", "Nobody"), ("user.email", "nobody@example.invalid")):
            self.git("config", key, value)

    def close(self):
        if (self.home / "gnupg").exists():
            subprocess.run(["gpgconf", "--kill", "all"], env=self.environment, check=False)
        self.temporary.cleanup()

    def run(self, *command, **options):
        return subprocess.run([str(word) for word in command], cwd=self.root, env=self.environment, capture_output=True, text=True,
                              check=False, **options)

    def checked(self, *command, **options):
        done = self.run(*command, **options)
        if done.returncode != 0:
            raise AssertionError(f"{command}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def git(self, *words):
        return self.checked("git", *words).rstrip("\n")

    def commit(self, subject="Change something"):
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", subject)

    def write(self, name, text, mode=0o644):
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(text)
        (self.root / name).chmod(mode)

    def read(self, name):
        return (self.root / name).read_text()

    def release(self, *words):
        return self.run("scripts/release", *words)
