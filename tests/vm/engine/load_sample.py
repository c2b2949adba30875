# SPDX-License-Identifier: Apache-2.0
"""load.py with few containers, for every run."""
import load


def main():
    load.main(20)
