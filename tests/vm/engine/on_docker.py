# SPDX-License-Identifier: Apache-2.0
"""The matrix: Docker."""
import host
import matrix
from engines import Ask, Docker
from harness import Container, docker, init_pid, inspect, label, tap


def check_run(engine):
    """What a person at `docker run` sees; the other scenarios start containers in the background."""
    status, output = docker("run", "--rm", "--network", "none", host.BUSYBOX, "sh", "-c", f"{matrix.LABEL}; exit 3")
    tap.equal("run in the foreground", (status, output), (3, "aa-shim-baseline (enforce)"))
    status, screen = engine.run_terminal(Ask(), f"{matrix.LABEL}; exit 5\n")
    tap.ok("run on a terminal", status == 5 and "aa-shim-baseline (enforce)" in screen, f"status {status}: {screen}")


def check_image(_):
    """An image as a volume: Docker 28 and newer."""
    if host.api_version_parts() < [1, 48]:
        return
    with Container("--network", "none", "--mount", f"type=image,src={host.BUSYBOX},dst=/i", *host.SLEEP) as container:
        tap.equal("an image as a volume: label", label(init_pid(container.id)), matrix.enforced("aa-shim-baseline"))
        tap.equal("an image as a volume is there", container.exec("ls", "/i/bin/busybox"), (0, "/i/bin/busybox"))
        root = inspect(container.id)["GraphDriver"]["Data"]["MergedDir"]
        host.refused("another container's root", "-v", f"{root}:/i", texts=(f"'{root}'", '"hostPaths" of confinement \'baseline\''))


def main():
    matrix.main(Docker, [check_run, check_image])
