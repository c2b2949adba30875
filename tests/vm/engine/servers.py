# SPDX-License-Identifier: Apache-2.0
"""Real servers do their work under their profiles."""
from harness import Container, docker, label, run, tap, until


def main():
    for image, command, answer in [
        ("aa-example/nginx", ["wget", "-qO-", "http://127.0.0.1/"], "served by nginx"),
        ("aa-example/flask", ["wget", "-qO-", "http://127.0.0.1:5000/"], "served by Flask"),
        ("aa-example/redis", ["redis-cli", "ping"], "PONG"),
    ]:
        with Container(image) as container:
            answered = until(lambda: answer in container.exec(*command)[1], 60)
            tap.ok(f"{image} serves", answered, docker("logs", container.id)[1])
            pids = run("docker", "top", container.id, "-eo", "pid")[1].split()[1:]
            tap.ok(f"{image}: all its processes have one label", len({label(pid) for pid in pids}) == 1, pids)
