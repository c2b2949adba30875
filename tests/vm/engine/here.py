# SPDX-License-Identifier: Apache-2.0
"""`scripts/quickstart` on a machine that has AppArmor and Docker: a second dockerd, the table, and nothing left behind.

It takes the catalog in force away, so it comes last.
"""
import glob
import os
import shutil

from harness import docker, must, run, tap

SHARE = "/mnt/share"
IMAGES = "/tmp/images"
BUILD = "/tmp/build"


def prepare():
    """The images as archives, and the programs where a build leaves them."""
    os.makedirs(IMAGES)
    for name in ("busybox", "nginx", "redis"):
        container = must("docker", "create", f"aa-example/{name}")
        must("docker", "export", "--output", f"{IMAGES}/{name}.tar", container)
        must("docker", "rm", container)
        shutil.copy(f"{SHARE}/examples/images/{name}/changes", f"{IMAGES}/{name}.changes")
    for room in ("shim", "ctl"):
        os.makedirs(f"{BUILD}/{room}")
    shutil.copy("/usr/bin/aa-shim", f"{BUILD}/shim/")
    shutil.copy("/usr/bin/aa-shimctl", f"{BUILD}/ctl/")


def traces():
    with open("/proc/self/mounts", encoding="utf-8") as file:
        mounts = sorted(line.split()[1] for line in file)
    with open("/sys/kernel/security/apparmor/profiles", encoding="utf-8") as file:
        profiles = sorted(file)
    return mounts, profiles, glob.glob("/var/lib/aa-shim*") + glob.glob("/run/aa-shim*"), run("pgrep", "-xc", "dockerd|containerd")[1]


def main():
    prepare()
    status, output = run(f"{SHARE}/examples/second-docker", BUILD)
    tap.ok("where aa-shim is in use it does nothing", status == 1 and "aa-shim is in use here" in output, f"status {status}: {output}")
    shutil.rmtree("/run/aa-shim")
    os.rename("/etc/aa-shim", "/root/aa-shim")
    run("apparmor_parser", "--remove", *glob.glob(f"{SHARE}/share/apparmor.d/*"))
    before = traces()
    status, output = run(f"{SHARE}/examples/second-docker", BUILD, timeout=300, env=os.environ | {"AA_SHIM_IMAGES": IMAGES})
    tap.equal("second-docker: status", status, 0)
    tap.has("second-docker: the table", output, "busybox", "aa-shim-baseline, 13", "aa-shim-web//shell, 7", "aa-shim-database//client, 6")
    tap.equal("second-docker: nothing is left behind", traces(), before)
    tap.equal("the first Docker goes on", docker("ps")[0], 0)
    print("# " + output.replace("\n", "\n# "))
