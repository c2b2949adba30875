# SPDX-License-Identifier: Apache-2.0
"""Runs the scenarios named on the command line (decisions, transitions, remapped, servers, operations, refusals, host, status, history, denials, learn, here, new), or all of these; or
installer, which needs the folder `image` besides, and node_learning after it; or journal, which needs the archive `systemd.tar`; or learn_in_place, learned, learned_children, learned_programs, learned_engines, living, published, tutorial, rootless, doors, verify, watch, load, or load_sample; or those of the matrix (on_docker, on_cri, on_podman)."""
import importlib
import sys
import traceback

from harness import tap

for name in sys.argv[1:] or ["decisions", "transitions", "remapped", "servers", "operations", "refusals", "host", "status", "history", "denials", "learn", "here", "new"]:
    print(f"# {name}", flush=True)
    try:
        importlib.import_module(name).main()
    except Exception:  # one part's failure must not hide what the next ones find
        tap.ok(f"{name} came to its end", False, traceback.format_exc())
tap.done()
