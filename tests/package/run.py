#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""run.py OUTPUT NEXT MODULE…: runs test modules of this directory on the packages in OUTPUT (scripts/package) and NEXT (next)."""

import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main():
    sys.path.insert(0, str(HERE))
    import packages  # pylint: disable=import-outside-toplevel

    packages.OUTPUT, packages.NEXT = (Path(argument).resolve() for argument in sys.argv[1:3])
    suite = unittest.defaultTestLoader.loadTestsFromNames(sys.argv[3:])
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    for _, reason in result.skipped:
        print(f"skip: {reason}")
    sys.exit(not result.wasSuccessful() or result.testsRun == 0)


if __name__ == "__main__":
    main()
