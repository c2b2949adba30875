# SPDX-License-Identifier: Apache-2.0
"""Containers in numbers while the catalog changes under them: each is created, executed in and deleted, many at a time, and `aa-shimctl load` puts
one of two catalogs in force all the while. Each container, and what is executed in it, has one catalog's decision as a whole, never a mixture, and
nothing is left behind."""
import json
import os
import shutil
import subprocess
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

from harness import capabilities, must, run, tap, until

BASE = "/run/load"
ROOT = f"{BASE}/state"
AT_A_TIME = 20
LOADS = 4  # at least, while they run
# Of each: its profile, its ceiling, and whether no-new-privileges is set.
CONFINEMENTS = {
    "load-a": ("aa-load-a", ["CHOWN", "SETUID"], True),
    "load-b": ("aa-load-b", ["CHOWN", "KILL", "SETGID"], False),
}
PROFILE = """abi <abi/3.0>,
profile {} flags=(attach_disconnected,mediate_deleted) {{
  file,
  capability,
  signal,
}}
"""


def prepare():
    """Two catalogs that differ in what all containers get, their profiles, and a root file system."""
    for name, (profile, _, _) in CONFINEMENTS.items():
        with open(f"/etc/aa-shim/apparmor.d/{profile}", "w", encoding="utf-8") as file:
            file.write(PROFILE.format(profile))
        os.makedirs(f"{BASE}/{name}")
        confinements = {
            other: {"apparmor": label, "capabilities": ceiling, "noNewPrivileges": nnp, "exec": {"otherwise": "base"}}
            for other, (label, ceiling, nnp) in CONFINEMENTS.items()
        }
        with open(f"{BASE}/{name}/10-load.json", "w", encoding="utf-8") as file:
            json.dump({"confinements": confinements, "otherwise": name}, file)
    os.makedirs(f"{BASE}/rootfs")
    os.makedirs(ROOT)
    container = must("docker", "create", "aa-example/busybox")
    must("sh", "-c", f"docker export {container} | tar -x -C {BASE}/rootfs")
    must("docker", "rm", container)
    must("runc", "spec", "--bundle", BASE)
    with open(f"{BASE}/config.json", encoding="utf-8") as file:
        config = json.load(file)
    config["root"] = {"path": f"{BASE}/rootfs", "readonly": True}
    every = [f"CAP_{name}" for name in ("CHOWN", "SETUID", "KILL", "SETGID", "NET_RAW")]
    config["process"].update(terminal=False, args=["sleep", "1000"], noNewPrivileges=False,
                             capabilities=dict.fromkeys(("bounding", "effective", "permitted"), every))
    return config


class Swapping:
    """Puts the two catalogs in force in turn, as fast as that goes."""

    def __enter__(self):
        self.loads, self.failed, self.ends = 0, [], threading.Event()
        self.thread = threading.Thread(target=self.go_on)
        self.thread.start()
        return self

    def go_on(self):
        while not self.ends.is_set():
            for name in CONFINEMENTS:
                status, output = run("aa-shimctl", "load", "--catalog", f"{BASE}/{name}")
                self.loads += 1
                if status != 0:
                    self.failed.append(output)

    def __exit__(self, *_):
        self.ends.set()
        self.thread.join()


def shim(*arguments):
    """aa-shim with ARGUMENTS; its status and what it said. What it starts holds none of our descriptors."""
    with open(f"{BASE}/said-{threading.get_ident()}", "w+", encoding="utf-8") as said:
        done = subprocess.run(["aa-shim", "--root", ROOT, *arguments], stdin=subprocess.DEVNULL, stdout=said, stderr=said, timeout=300, check=False)
        said.seek(0)
        return done.returncode, said.read().strip()


def seen(pid):
    """(label, ceiling, no-new-privileges) of PID, as the kernel has them, and its descriptors."""
    with open(f"/proc/{pid}/attr/apparmor/current", encoding="utf-8") as file:
        label = file.read().strip()
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        nnp = "NoNewPrivs:\t1" in file.read()
    return (label, sorted(capabilities(pid)["Bnd"]), nnp), sorted(os.listdir(f"/proc/{pid}/fd"))


def is_program(pid):
    """Whether PID has become its program."""
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8") as file:
            return file.read().strip() == "sleep"
    except FileNotFoundError:
        return False


def pid_in(path):
    with open(path, encoding="utf-8") as file:
        return int(file.read())


def one_container(number, config):
    """Creates, starts, executes in and deletes a container: what it had, what its exec had, the descriptors of both, and what went wrong."""
    name = f"load-{number}"
    bundle = f"{BASE}/bundle-{number}"
    os.makedirs(bundle)
    with open(f"{bundle}/config.json", "w", encoding="utf-8") as file:
        json.dump(config | {"linux": config["linux"] | {"cgroupsPath": f"/{name}"}}, file)
    found, wrong = [], []
    steps = (
        ("create", "--bundle", bundle, "--pid-file", f"{bundle}/init", name),
        ("start", name),
        ("exec", "--detach", "--pid-file", f"{bundle}/exec", name, "sleep", "999"),
    )
    for step in steps:
        status, output = shim(*step)
        if status != 0:
            wrong.append(f"{' '.join(step)}: {status}: {output}")
    for file in ("init", "exec"):
        if not wrong and until(lambda path=f"{bundle}/{file}": is_program(pid_in(path)), 60):
            found.append(seen(pid_in(f"{bundle}/{file}")))
    status, output = shim("delete", "--force", name)
    if status != 0:
        wrong.append(f"delete: {status}: {output}")
    shutil.rmtree(bundle)
    return found, wrong


def labels(results):
    return {found[0][0][0] for found, _ in results if found}


def work(number, config, swapping, results):
    """One container after the other, until there are RESULTS of NUMBER, and both catalogs were loaded and had a share; for five minutes at most."""
    end = time.monotonic() + 300
    while len(results) < number or ((swapping.loads < LOADS or len(labels(list(results))) < 2) and time.monotonic() < end):
        results.append(one_container(uuid.uuid4().hex, config))


def decisions():
    return [(f"{profile} (enforce)", sorted(ceiling), nnp) for profile, ceiling, nnp in CONFINEMENTS.values()]


def left():
    """What could be left: processes, files, mounts."""
    processes = run("pgrep", "-x", "aa-shim|runc|sleep")[1]
    files = [os.path.join(at, name) for place in (ROOT, "/run/aa-shim") for at, folders, names in os.walk(place) for name in (*folders, *names)]
    with open("/proc/self/mounts", encoding="utf-8") as file:
        mounts = file.read()
    return processes, sorted(files), mounts


def main(number=200):
    """NUMBER of containers, or some more."""
    config = prepare()
    must("aa-shimctl", "load", "--catalog", f"{BASE}/load-a")
    before = left()
    begun, results = time.monotonic(), []
    with Swapping() as swapping, ThreadPoolExecutor(AT_A_TIME) as pool:
        for worker in [pool.submit(work, number, config, swapping, results) for _ in range(AT_A_TIME)]:
            worker.result()
    took = time.monotonic() - begun
    wrong = [line for _, lines in results for line in lines]
    number = len(results)
    tap.equal(f"load: {number} containers, {AT_A_TIME} at a time: nothing is refused", wrong[:5], [])
    tap.equal("load: the catalogs are loaded meanwhile", (swapping.failed[:3], swapping.loads >= LOADS), ([], True))
    first = [found[0][0] for found, _ in results if found]
    tap.equal("load: each container has one catalog's decision as a whole", [one for one in first if one not in decisions()], [])
    tap.equal("load: and both catalogs had their share", labels(results), {f"{profile} (enforce)" for profile, _, _ in CONFINEMENTS.values()})
    tap.equal("load: what is executed in it has its decision", [found for found, _ in results if len(found) != 2 or found[0][0] != found[1][0]], [])
    tap.equal("load: no descriptor is left in a program", [found for found, _ in results if any(fds != ["0", "1", "2"] for _, fds in found)], [])
    until(lambda: left() == before, 30)
    tap.equal("load: no process, file or mount is left", left(), before)
    print(f"# {number} containers and {swapping.loads} loads in {took:.0f} s")
    shutil.rmtree(BASE)
    for profile, _, _ in CONFINEMENTS.values():
        os.unlink(f"/etc/aa-shim/apparmor.d/{profile}")
    must("aa-shimctl", "load")
