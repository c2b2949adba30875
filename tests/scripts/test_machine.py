# SPDX-License-Identifier: Apache-2.0
"""tests/vm/host/machine, which boots what is called a kernel here and only says where it may run: each has a processor of its own, while there are any."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

MACHINE = Path(__file__).resolve().parents[1] / "vm/host/machine"
KERNEL = "#!/bin/sh\necho $$ $(sed -n 's/^Cpus_allowed_list:.//p' /proc/self/status)\nexec sleep 100\n"


class Machine(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.scratch = Path(scratch.name)
        for name, text in (("linux", KERNEL), ("modules.cpio", ""), ("initrd", "")):
            (self.scratch / name).write_text(text)
        (self.scratch / "linux").chmod(0o755)

    def boot(self, allowed):
        """A machine that may run on the processors ALLOWED: on which of them it does, and how it is switched off."""
        machine = subprocess.Popen([MACHINE, "uml", self.scratch, "60", "64", self.scratch / "initrd", ""], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                   env=os.environ | {"TMPDIR": str(self.scratch)}, preexec_fn=lambda: os.sched_setaffinity(0, allowed))
        kernel, processors = machine.stdout.readline().split()

        def switch_off():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(kernel), signal.SIGKILL)
            machine.wait()
            machine.stdout.close()
        self.addCleanup(switch_off)
        return processors, switch_off

    def test_has_a_processor_of_its_own_as_long_as_it_lives(self):
        allowed = sorted(os.sched_getaffinity(0))[:2]
        on_first, switch_first_off = self.boot(allowed)
        on_second, _ = self.boot(allowed)
        self.assertEqual([on_first, on_second], [str(number) for number in allowed])
        anywhere, _ = self.boot(allowed)
        self.assertIn(anywhere, ("{}-{}".format(*allowed), "{},{}".format(*allowed)))
        switch_first_off()
        again, _ = self.boot(allowed)
        self.assertEqual(again, on_first)


if __name__ == "__main__":
    if len(os.sched_getaffinity(0)) < 2:
        print("skip: one processor")
        sys.exit(77)
    unittest.main()
