# SPDX-License-Identifier: Apache-2.0
"""As learned.py: a web application, a program of which runs under a child, with what the application itself may not do."""
from applications import Papers
from engines import Docker
from learned import check


def main():
    check(Docker(), Papers)
