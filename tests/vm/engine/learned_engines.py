# SPDX-License-Identifier: Apache-2.0
"""As learned.py, in containerd as a kubelet drives it and in Podman, with crun."""
import os

from applications import NginxOfAll
from engines import Cri, Podman
from harness import tap
from learned import check
from matrix import use_runtime


def main():
    for kind in (Cri, Podman):
        tap.prefix = f"{kind.name}, crun {use_runtime('crun')}: "
        engine = kind()
        try:
            check(engine, NginxOfAll)
        finally:
            engine.close()
    tap.prefix = ""
    os.unlink("/etc/aa-shim/runtime")
