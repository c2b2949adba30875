#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""run.py --shim FILE --ctl FILE --fake FILE MODULE…: runs test modules of this directory in a private mount namespace.

Exit code 77 (skipped) where the tests cannot run; the reason is a line that begins with "skip:".
"""

import argparse
import os
import subprocess
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
INSIDE = "AA_TEST_INSIDE"
SKIPPED = 77


def skip(reason):
    print(f"skip: {reason}")
    sys.exit(SKIPPED)


def enter_namespace():
    """Starts this program again in a mount namespace of its own."""
    if os.geteuid() != 0:
        skip("process tests need root (mount namespaces, files that belong to root)")
    unshare = ["unshare", "--mount", "--propagation", "private"]
    if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode != 0:
        skip("process tests need unshare(2), which is not allowed here")
    os.execvpe(unshare[0], [*unshare, sys.executable, "-B", *sys.argv], os.environ | {INSIDE: "1"})


def mount(*arguments):
    subprocess.run(["mount", *map(str, arguments)], check=True)


def prepare_host():
    """/etc becomes a copy, /run, /mnt and /var/lib/aa-shim are empty, AppArmor is out of sight; other processes see none of it."""
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/mnt")
    subprocess.run(["cp", "-a", "/etc", "/mnt/etc"], check=True)
    mount("--bind", "/mnt/etc", "/etc")
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    # What is kept of loads. The empty folder stays on a machine that had none.
    os.makedirs("/var/lib/aa-shim", exist_ok=True)
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/var/lib/aa-shim")
    for hidden in ("/sys/kernel/security", "/sys/module/apparmor"):
        if Path(hidden).is_dir():
            mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", hidden)
    # crun starts nothing where a cgroup v2 hierarchy lies beside those of v1.
    hybrid = "/sys/fs/cgroup/unified"
    if os.path.ismount(hybrid):
        subprocess.run(["umount", hybrid], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("shim", "ctl", "fake"):
        parser.add_argument(f"--{name}", required=True, type=Path)
    parser.add_argument("modules", nargs="+")
    options = parser.parse_args()
    if INSIDE not in os.environ:
        enter_namespace()
    del os.environ[INSIDE]
    prepare_host()
    for name in ("shim", "ctl", "fake"):
        os.environ[f"AA_TEST_{name.upper()}"] = str(getattr(options, name).resolve())

    sys.path.insert(0, str(HERE))
    tests = unittest.defaultTestLoader.loadTestsFromNames(options.modules)
    result = unittest.TextTestRunner(verbosity=2 if sys.stdout.isatty() else 1).run(tests)
    for _, reason in result.skipped:
        print(f"skip: {reason}")
    if not result.wasSuccessful():
        sys.exit(1)
    if result.testsRun == len(result.skipped):
        sys.exit(SKIPPED)


if __name__ == "__main__":
    main()
