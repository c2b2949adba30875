#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A host with many profiles, for measuring what reads them all.

  profiles.py DIRECTORY COUNT [--seed N]

Writes COUNT files of profiles to DIRECTORY, and below it the abstractions and tunables that they include: variations on the profiles in share/ and
on those of Debian's packages (tests/vm/host/policy-tools profiles), each under a name of its own and with some rules of its own. What the
parser of this machine does not take is not varied. The same seed gives the same files.
"""
import argparse
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
RELEASE = "3.0"  # of the packages: those that the oldest parser takes, all others do
HEADER = re.compile(r'^(?:profile\s+)?(?P<name>"[^"]*"|[^\s#{]+)(?P<path>\s+/\S+)?(?P<rest>[^{\n]*)\{\s*$', re.MULTILINE)
EXTRA = [  # of a profile's own rules, # being a number
    "/srv/app#/{,**} r,", "owner /var/lib/app#/*.{db,log} rwk,", "/usr/lib/app#/bin/* ix,", "/opt/*/app#/**.so mr,", "deny /srv/app#/private/** rwl,",
    "/run/app#.{pid,sock} rw,", "signal (send,receive) peer=app#,", "network inet dgram,", "/etc/app#.d/{,*.conf} r,", "capability kill,",
    "unix (connect) type=stream peer=(label=app#),", "owner @{HOME}/.app#/** rw,", "/usr/bin/tool# Cx -> tool,", "ptrace (read) peer=app#,"]
CHILD = "  profile tool {\n    /usr/bin/tool# mr,\n    /srv/app#/** r,\n  }\n"


def packages():
    cache = pathlib.Path(os.environ.get("AA_SHIM_CACHE") or pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache", "aa-shim"))
    return cache / "profiles" / RELEASE


def is_taken(path, includes):
    done = subprocess.run(["apparmor_parser", "--skip-kernel-load", "--skip-cache", "--quiet", "--ofile=/dev/null", "--base", includes, path],
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return done.returncode == 0


def sources(includes):
    """The texts of what is varied: files with one profile at the top, or several."""
    tree = packages()
    folders = [ROOT / "share/apparmor.d", tree / "etc/apparmor.d", tree / "usr/share/apparmor/extra-profiles"]
    files = [file for folder in folders for file in sorted(folder.iterdir()) if file.is_file()]
    found = []
    for file in files:
        text = file.read_text(errors="replace")
        if HEADER.search(text) and is_taken(file, includes):
            found.append(text)
    return found


def variation(text, number, r):
    """TEXT under other names, with rules of its own."""
    def header(match):
        name = re.sub(r"[^A-Za-z0-9]+", "-", match["name"]).strip("-")
        path = match["path"] or (" " + match["name"] if match["name"].startswith("/") else "")
        return f"profile {name}-{number}{path}{match['rest']}{{\n  {rules}\n{child}"

    chosen = r.sample(EXTRA, r.randrange(2, 7))
    child = CHILD.replace("#", str(number)) if any("Cx" in rule for rule in chosen) else ""
    rules = "\n  ".join(rule.replace("#", str(number)) for rule in chosen)
    if "@{HOME}" in rules and "tunables/global" not in text:
        rules = rules.replace("@{HOME}", "/home/*")
    return HEADER.sub(header, text)


def write(directory, count, seed):
    directory.mkdir(parents=True)
    for folder in (packages() / "etc/apparmor.d").iterdir():
        if folder.is_dir():
            shutil.copytree(folder, directory / folder.name, symlinks=True)
    r, texts = random.Random(seed), []
    for text in sources(directory):
        # A variation of what names itself in its rules may be no profile.
        (directory / "tried").write_text(variation(text, 0, r))
        if is_taken(directory / "tried", directory):
            texts.append(text)
    (directory / "tried").unlink()
    for number in range(count):
        (directory / f"profile-{number:05}").write_text(variation(texts[number % len(texts)], number, r))


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("directory", type=pathlib.Path)
    words.add_argument("count", type=int)
    words.add_argument("--seed", type=int, default=1)
    options = words.parse_args()
    write(options.directory, options.count, options.seed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
