# SPDX-License-Identifier: Apache-2.0
"""The matrix: Docker."""
import matrix
from engines import Ask, Docker
from harness import docker, tap


def check_run(engine):
    """What a person at `docker run` sees; the other scenarios start containers in the background."""
    status, output = docker("run", "--rm", "--network", "none", "aa-example/busybox", "sh", "-c", f"{matrix.LABEL}; exit 3")
    tap.equal("run in the foreground", (status, output), (3, "aa-shim-baseline (enforce)"))
    status, screen = engine.run_terminal(Ask(), f"{matrix.LABEL}; exit 5\n")
    tap.ok("run on a terminal", status == 5 and "aa-shim-baseline (enforce)" in screen, f"status {status}: {screen}")


def main():
    matrix.main(Docker, [check_run])
