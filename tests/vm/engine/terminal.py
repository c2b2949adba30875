# SPDX-License-Identifier: Apache-2.0
"""Programs on a terminal, as a person uses them."""
import os
import subprocess


def terminal(*command, keys=""):
    """Runs COMMAND on a terminal of its own, types KEYS; exit status and what was on the screen."""
    master, slave = os.openpty()
    # Not by pty.fork(): with gRPC in the process a fork waits for its threads, on some releases for ever.
    with subprocess.Popen(["setsid", "--ctty", "--wait", *command], stdin=slave, stdout=slave, stderr=slave) as program:
        os.close(slave)
        screen, typed = b"", False
        while True:
            try:
                piece = os.read(master, 4096)
            except OSError:
                break
            if not piece:
                break
            screen += piece
            if keys and not typed and b"#" in screen:
                os.write(master, keys.encode())
                typed = True
        os.close(master)
    return program.returncode, screen.decode(errors="replace")
