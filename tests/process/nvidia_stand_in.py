#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Does what nvidia-container-runtime does, where there is no GPU and no package of NVIDIA's: for `create`, it puts its hook first among
the prestart hooks of config.json; then it becomes, with the same arguments and its path as argv[0], the first runtime of its
configuration's list that is there (nvidia-container-toolkit: internal/modifier/stable.go, internal/oci/runtime_low_level.go,
runtime_path.go, runtime_syscall_exec.go).
"""

import json
import os
import shutil
import sys
import tomllib
from pathlib import Path

CONFIG = Path("/etc/nvidia-container-runtime/config.toml")
USUAL = ["docker-runc", "runc", "crun"]
HOOK = {"path": "/usr/bin/nvidia-container-runtime-hook", "args": ["nvidia-container-runtime-hook", "prestart"]}


def bundle_of(words):
    for index, word in enumerate(words):
        if word in ("--bundle", "-b", "-bundle"):
            return Path(words[index + 1])
        if word.startswith("--bundle="):
            return Path(word.partition("=")[2])
    return Path.cwd()


def main():
    words = sys.argv[1:]
    if "create" in words:
        file = bundle_of(words) / "config.json"
        document = json.loads(file.read_bytes())
        document.setdefault("hooks", {}).setdefault("prestart", []).insert(0, HOOK)
        file.write_text(json.dumps(document))
    settings = tomllib.loads(CONFIG.read_text()) if CONFIG.exists() else {}
    runtimes = settings.get("nvidia-container-runtime", {}).get("runtimes", USUAL)
    path = next(found for found in map(shutil.which, runtimes) if found)
    os.execv(path, [path, *words])


main()
