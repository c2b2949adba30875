# SPDX-License-Identifier: Apache-2.0
"""Completion of aa-shimctl, typed at a real shell: what deploy/completions makes of what the program offers."""

import os
import pty
import re
import select
import shutil
import subprocess
import time
import unittest
from pathlib import Path

import harness

COMPLETIONS = Path(__file__).resolve().parents[2] / "deploy/completions"
PROMPT = "ready> "


class Typist:
    """A shell at a terminal."""

    def __init__(self, directory, command, setup):
        pid, self.terminal = pty.fork()
        if pid == 0:
            os.chdir(directory)
            path = f"{Path(harness.CTL).parent}:{os.environ['PATH']}"
            os.execvpe(command[0], command, {"PATH": path, "TERM": "dumb", "PS1": PROMPT, "HOME": str(directory), "LC_ALL": "C.UTF-8"})
        self.pid = pid
        self.read_until(PROMPT)
        for line in setup:
            self.send(f"{line}\n")
            self.read_until(PROMPT)

    def send(self, text):
        os.write(self.terminal, text.encode())

    def read_until(self, wanted, seconds=30):
        """What the shell prints up to WANTED."""
        seen, end = "", time.monotonic() + seconds
        while wanted not in seen:
            if not select.select([self.terminal], [], [], max(0, end - time.monotonic()))[0]:
                raise AssertionError(f"{wanted!r} was not printed, but {seen!r}")
            seen += os.read(self.terminal, 65536).decode(errors="replace")
        return seen

    def complete(self, typed):
        """The words of the line after `aa-shimctl TYPED` and the tabulator: a function in front of it shows them."""
        self.send(f"aa-shimctl {typed}\t")
        time.sleep(0.7)  # nothing tells that a shell has completed
        self.send("\x01shown \n")
        return re.findall(r"<([^>]*)>", self.read_until("<end>"))[1:-1]

    def close(self):
        os.close(self.terminal)
        os.waitpid(self.pid, 0)


# Typed → the words that stand there then.
LINES = {
    "loa": ["load"],
    "--json vers": ["--json", "version"],
    "load --outp": ["load", "--output"],
    "new shop --from data": ["new", "shop", "--from", "database"],
    "load --catalog cata": ["load", "--catalog", "catalogs/"],
    "check --no-p": ["check", "--no-profiles"],
    "check catalog.": ["check", "catalog.json"],
    "explain --imag": ["explain", "--image"],
    "explain -- loa": ["explain", "--", "loa"],
    "load ver": ["load", "ver"],
    "nonsense --js": ["nonsense", "--json"],
}
SHOW = "shown() { printf '<%s>' \"$@\" end; echo; }"


class Shells(harness.ShimTest):
    """The same words in every shell."""

    def setUp(self):
        super().setUp()
        self.directory = harness.WORK / "completion"
        (self.directory / "catalogs").mkdir(parents=True)
        (self.directory / "catalog.json").touch()
        self.addCleanup(shutil.rmtree, self.directory)

    def type_at(self, command, setup):
        if shutil.which(command[0]) is None:
            self.skipTest(f"{command[0]} is not installed")
        typist = Typist(self.directory, command, setup)
        self.addCleanup(typist.close)
        for typed, words in LINES.items():
            with self.subTest(typed):
                self.assertEqual(typist.complete(typed), words)

    def test_bash(self):
        self.type_at(["bash", "--norc", "--noprofile", "-i"], [f". {COMPLETIONS}/aa-shimctl.bash", SHOW])

    def test_zsh(self):
        setup = [f"fpath=({COMPLETIONS} $fpath)", "autoload -U compinit && compinit -u -D", SHOW]
        self.type_at(["zsh", "-f", "-i", "-o", "no_prompt_sp", "-o", "no_auto_remove_slash", "-o", "emacs"], setup)

    def test_fish(self):
        if shutil.which("fish") is None:
            self.skipTest("fish is not installed")
        environment = {"PATH": f"{Path(harness.CTL).parent}:{os.environ['PATH']}", "HOME": str(self.directory), "LC_ALL": "C.UTF-8"}
        for typed, words in LINES.items():
            script = f"source {COMPLETIONS}/aa-shimctl.fish; complete --do-complete 'aa-shimctl {typed}'"
            answer = subprocess.run(["fish", "--no-config", "--command", script], cwd=self.directory, env=environment,
                                    capture_output=True, text=True, check=True).stdout
            offered = [line.split("\t")[0] for line in answer.splitlines()]
            with self.subTest(typed):
                # What fish offers is put in place of the word; where it offers nothing the word stays.
                self.assertEqual(offered, [words[-1]] if words[-1] != typed.split()[-1] else [])


class Offers(harness.ShimTest):
    """What the program itself says to the shells."""

    @staticmethod
    def ctl(*arguments):
        return subprocess.run([harness.CTL, *arguments], capture_output=True, text=True, check=True)

    def offered(self, *words):
        paths, *lines = self.ctl("complete", *words).stdout.splitlines()
        return paths, [line.split("\t")[0] for line in lines]

    def test_every_command_of_the_help(self):
        commands = re.findall(r"^  ([a-z]+) ", self.ctl("--help").stdout.split("Subcommands:")[1], re.MULTILINE)
        self.assertEqual(self.offered(""), ("none", commands))

    def test_every_option_of_the_help(self):
        for command in self.offered("")[1]:
            options = set(re.findall(r"(?:^  |,)(?:-\w,)?(--[a-z-]+)", self.ctl(command, "--help").stdout, re.MULTILINE))
            self.assertEqual(set(self.offered(command, "--")[1]), options | {"--json", "--version"}, command)

    def test_values(self):
        self.assertEqual(self.offered("load", "--catalog", ""), ("directories", []))
        self.assertEqual(self.offered("load", "--catalog", "=", "/e"), ("directories", []))
        self.assertEqual(self.offered("load", "--output", "x"), ("files", []))
        self.assertEqual(self.offered("check", "a", "b"), ("files", []))
        self.assertEqual(self.offered("explain", "--image", ""), ("none", []))

    def test_behind_two_dashes_nothing_is_an_option(self):
        self.assertEqual(self.offered("explain", "--exec", "c1", "--", "--js"), ("none", []))

    def test_nothing_before_it_is_fine(self):
        self.assertEqual(self.offered()[1], self.offered("")[1])
