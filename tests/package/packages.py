# SPDX-License-Identifier: Apache-2.0
"""The packages under test, and what the tests of them share."""

import functools
import hashlib
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OUTPUT = NEXT = Path()  # set by run.py


def run(*command, **options):
    """Runs COMMAND; its output. Anything but success is an error that shows what it said."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        raise AssertionError(f"{command}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def architecture():
    return run("dpkg", "--print-architecture").strip()


def version():
    """The version of the sources, as the changelog has it."""
    return run("dpkg-parsechangelog", "-S", "Version", cwd=ROOT).strip()


def deb(directory=None):
    """The package in DIRECTORY (default: the one under test)."""
    (path,) = (directory or OUTPUT).glob(f"aa-shim_*_{architecture()}.deb")
    return path


def stem():
    return f"aa-shim-{version()}-linux-{architecture()}"


@functools.cache
def tree():
    """The files of the package, unpacked."""
    directory = tempfile.TemporaryDirectory(prefix="aa-package.")
    run("dpkg-deb", "--extract", deb(), directory.name)
    return directory, Path(directory.name)


def files():
    return tree()[1]


def digest(path, algorithm="sha256"):
    return hashlib.new(algorithm, Path(path).read_bytes()).hexdigest()
