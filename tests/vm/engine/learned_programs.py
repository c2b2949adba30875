# SPDX-License-Identifier: Apache-2.0
"""As learned.py, with crun: a program that is alone in its image, and a database whose clients are executed."""
import os

from applications import Httpd, Postgresql
from engines import Docker
from learned import check
from matrix import use_runtime


def main():
    use_runtime("crun")
    check(Docker(), Httpd, Postgresql)
    os.unlink("/etc/aa-shim/runtime")
