# SPDX-License-Identifier: Apache-2.0
"""docs/flask.md, done as it stands: its files are written, its commands run, and they print what the page says. Then an intruder tries in the
container of its end what the application itself never did."""
import os
import re
import subprocess

import learned
from applications import Application
from engines import Docker, DockerContainer
from harness import label, must, tap
from page import pattern, steps

TRIED = {"open /etc/passwd", "open /app/app.py", "exec /usr/bin/bash"}
SHARED = "/usr/share/aa-shim"  # as the package has it
END = "\x1e\n"  # of what one step prints


class Flask(Application):
    name = "hello"
    ceiling = []


def outputs(commands):
    """What each of COMMANDS prints, in one shell, which ends with the first that fails."""
    script = "".join(f"{command}\nprintf '\\036\\n'\n" for command in commands)
    done = subprocess.run(["bash", "-ec", f"exec 2>&1\n{script}"], stdout=subprocess.PIPE, text=True, timeout=900, check=False)
    with open("tutorial.log", "w", encoding="utf-8") as file:
        file.write(done.stdout)
    tap.equal("the page's commands succeed", done.returncode, 0)
    return done.stdout.split(END)


def main():
    learned.print_all_denials()
    if not os.path.exists(SHARED):
        os.symlink("/mnt/share/share", SHARED)
    with open("engine/flask.md", encoding="utf-8") as file:
        found = steps(file.read())
    for kind, path, text in found:
        if kind == "file":
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
    runs = [(commands, expected) for kind, commands, expected in found if kind == "run"]
    shown = outputs([commands for commands, _ in runs])
    for (commands, expected), output in zip(runs, shown):
        tap.ok(commands.splitlines()[0], re.fullmatch(pattern(expected), output), f"{output}\n--- expected\n{expected}")
    with DockerContainer(must("docker", "ps", "--quiet", "--filter", "ancestor=hello")) as container:
        stage = learned.Stage(Docker(), Flask)
        tap.equal("at its end: the kernel's label", label(container.pid()), (frozenset([stage.profile]), "enforce"))
        tap.equal("what was tried is denied, nothing else, and nothing lost", learned.denials_of(stage.profile), (TRIED, 0))
        learned.check_attacks(stage, container)
    learned.forget(stage.name)
    must("aa-shimctl", "load")
