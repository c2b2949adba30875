# SPDX-License-Identifier: Apache-2.0
"""Containers as the runtime's state tells of them, with processes that stand for theirs, and what `aa-shimctl status` says of them."""

import json
import subprocess
import time
from pathlib import Path

import bundle as bundles
import harness

OK, WRONG, _, SYSTEM = range(4)
CEILING = ("chown", "kill", "net_bind_service", "setgid", "setuid")


def bounded(kept, no_new_privileges=True):
    """The words that start a program with no capabilities but those KEPT."""
    bounding = ",".join(("-all", *(f"+{name}" for name in kept)))
    return ["setpriv", *(["--no-new-privs"] if no_new_privileges else []), "--bounding-set", bounding]


class StandingTest(harness.ShimTest):
    def setUp(self):
        super().setUp()
        self.load_catalog()
        (harness.WORK / "state").mkdir(mode=0o755)

    def start(self, kept=CEILING, filtered=True, **options):
        """A process to stand for a container's first one, in a PID namespace of its own."""
        command = ["unshare", "--pid", "--fork", "--kill-child", *bounded(kept, **options), "sleep", "1000"]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, preexec_fn=harness.filter_system_calls if filtered else None
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return self.await_program(process.pid, "sleep")

    def await_program(self, parent, name):
        """The child of PARENT that runs the program NAME."""
        for _ in range(500):
            for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
                if Path(f"/proc/{pid}/comm").read_text() == f"{name}\n":
                    return int(pid)
            time.sleep(0.02)
        return self.fail(f"{name} did not start")

    def container(self, name, pid, shim=True, more=None, root=None):
        """A running container of runc's with a bundle that went through aa-shim, or did not."""
        directory = self.make_bundle(bundles.config(annotations=more or {}), name=f"bundle-{name}")
        if shim:
            self.assertEqual(self.create(directory, container=name).code, 0)
        annotations = json.loads((directory / "config.json").read_bytes())["annotations"]
        return self.make_runc_state(pid, directory, name, root, annotations.items())

    def status(self, *arguments, code=OK, root=harness.WORK / "state"):
        result = subprocess.run(
            [harness.CTL, "status", "--json", "--root", root, *arguments], capture_output=True, text=True, timeout=harness.TIMEOUT, check=False
        )
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return json.loads(result.stdout)

    def standings(self, **options):
        return {report["id"]: report["standing"] for report in self.status(**options)["containers"]}
