# SPDX-License-Identifier: Apache-2.0
"""Programs on a terminal, as a person uses them."""
import os
import pty


def terminal(*command, keys=""):
    """Runs COMMAND on a terminal of its own, types KEYS; exit status and what was on the screen."""
    pid, master = pty.fork()
    if pid == 0:
        os.execvp(command[0], command)
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
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), screen.decode(errors="replace")
