# SPDX-License-Identifier: Apache-2.0
"""Compiling AppArmor profiles with the parser of some release for the features of some kernel; and the profiles that Debian's
packages have. What is compiled of those is cached, as it takes minutes and never changes.
"""
import concurrent.futures
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile


class Parser:
    def __init__(self, cache, version):
        self.version, self.cache = version, cache
        library = cache / "parsers" / version / "lib"
        self.program = library / "apparmor_parser"
        self.command = [library / "ld-linux-x86-64.so.2", "--argv0", "apparmor_parser", "--library-path", library, self.program]

    def compile(self, text, features, base=None):
        """(policy, "") or (None, what the parser says); `text` is the profile, or the path of a file below `base`."""
        command = [*self.command, "--config-file", "/dev/null", "--quiet", "--skip-kernel-load", "--skip-cache", "--stdout"]
        command += ["--features-file", features]
        command += ["--base", base, text] if base else []
        done = subprocess.run(command, input=None if base else text.encode("utf-8", "surrogateescape"), stdin=subprocess.DEVNULL if base else None,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if done.returncode or not done.stdout:
            return None, done.stderr.decode(errors="replace").strip()
        return done.stdout, ""

    def compile_all(self, texts, features):
        """[(policy, error)] for the texts, two at a time."""
        with tempfile.NamedTemporaryFile("w", suffix=".features") as file, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            file.write(features)
            file.flush()
            return list(pool.map(lambda text: self.compile(text, file.name), texts))


def _digest(*parts):
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part if isinstance(part, bytes) else str(part).encode())
        digest.update(b"\0")
    return digest.hexdigest()[:20]


class Shipped:
    """The profiles that the packages of the parser's own release have, and those that engines make (in the folder ENGINES)."""

    def __init__(self, parser, engines):
        self.parser = parser
        tree = parser.cache / "profiles" / parser.version
        self.base = tree / "etc/apparmor.d"
        folders = [self.base, tree / "usr/share/apparmor/extra-profiles", engines]
        self.files = [file for folder in folders for file in sorted(folder.iterdir()) if file.is_file() and not re.search(r"README|\.md$", file.name)]
        included = sorted(file for file in self.base.rglob("*") if file.is_file())
        self.digest = _digest(*(file.read_bytes() for file in included + self.files), parser.program.read_bytes())

    def compiled(self, features):
        """[(file name, policy or None, what the parser says)]"""
        stores = self.parser.cache / "compiled"
        store = stores / f"{self.parser.version}-{self.digest}" / _digest(features)
        if not store.exists():
            for other in set(stores.glob(f"{self.parser.version}-*")) - {store.parent}:
                shutil.rmtree(other)
            self._compile(store, features)
        files = [path for path in sorted(store.iterdir()) if path.is_file()]
        return [(path.name, path.read_bytes() or None, (store / "errors" / path.name).read_text()) for path in files]

    def _compile(self, store, features):
        store.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=store.parent) as work, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            part = pathlib.Path(work, "policies")
            (part / "errors").mkdir(parents=True)
            table = pathlib.Path(work, "features")
            table.write_text(features)
            results = pool.map(lambda file: self.parser.compile(file, table, self.base), self.files)
            for number, (file, (policy, problem)) in enumerate(zip(self.files, results)):
                name = f"{number:03}-{file.name}"
                (part / name).write_bytes(policy or b"")
                (part / "errors" / name).write_text(problem)
            part.rename(store)
