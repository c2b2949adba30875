# SPDX-License-Identifier: Apache-2.0
"""A virtual machine with one of Debian's kernels, whose only program is the prober: what it is given, and what it answers.

The initramfs has the prober, the files that are executed, and a folder of policies and questions for each batch.
"""
import os
import pathlib
import re
import struct
import subprocess
import tempfile

# A program that maps no file: nothing of it needs a permission, whichever profile it starts under. It is never run.
ELF = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2, 62, 1, 0x400000, 64, 0, 0, 64, 56, 1, 0, 0, 0) + \
    struct.pack("<IIQQQQQQ", 1, 6, 0, 0x400000, 0x400000, 0, 0x1000, 0x1000)

ROOT = pathlib.Path(__file__).resolve().parents[3]
DIRECTORY, FILE, SYMLINK = 0o040000, 0o100000, 0o120000


def lines(texts):
    return "".join(text + "\n" for text in texts).encode("utf-8", "surrogateescape")


class Archive:
    """A cpio archive (newc), in memory. Folders come with what is in them."""

    def __init__(self):
        self.parts, self.directories, self.inode = [], {""}, 0

    def _entry(self, name, mode, data, uid):
        self.inode += 1
        raw = name.encode("utf-8", "surrogateescape") + b"\0"
        fields = (self.inode, mode, uid, uid, 1, 0, len(data), 0, 0, 0, 0, len(raw), 0)
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + raw
        self.parts += [head, b"\0" * (-len(head) % 4), data, b"\0" * (-len(data) % 4)]

    def _parents(self, name):
        parent = name.rpartition("/")[0]
        if parent not in self.directories:
            self._parents(parent)
            self.directories.add(parent)
            self._entry(parent, DIRECTORY | 0o755, b"", 0)

    def add(self, path, data, uid=0, mode=FILE | 0o755):
        name = path.lstrip("/")
        self._parents(name)
        self._entry(name, mode, data, uid)

    def symlink(self, path, target):
        self.add(path, target.encode(), 0, SYMLINK | 0o777)

    def bytes(self):
        self._entry("TRAILER!!!", 0, b"", 0)
        return b"".join(self.parts)


class Batch:
    """Policies in the order in which they are loaded, as (name, bytes), and questions as lines; afterwards the answers."""

    def __init__(self, name, policies, questions, paths=()):
        self.name, self.policies, self.questions, self.paths = name, policies, questions, paths
        self.refused = {}   # name of the policy: errno
        self.profiles = []  # names in the kernel's order
        self.answers = []   # fields of each
        self.stayed = []    # profiles that could not be removed

    def pack(self, archive, number):
        folder = f"/batch/{number}"
        for name, data in self.policies:
            archive.add(f"{folder}/{name}", data)
        archive.add(f"{folder}/order", lines(name for name, _ in self.policies))
        archive.add(f"{folder}/questions", lines(self.questions))
        archive.add(f"{folder}/paths", lines(self.paths))


class GuestError(Exception):
    pass


class Guest:
    """The kernel VERSION of the Debian release SUITE, started the WAY that hosts run here."""

    def __init__(self, version, suite, prober, way):
        self.version, self.prober, self.way = version, pathlib.Path(prober), way
        built = subprocess.run([ROOT / "scripts/test-host", "build", "kernel"], stdout=subprocess.PIPE, text=True, check=False,
                               env=os.environ | {"AA_TEST_SUITE": suite, "AA_TEST_WAY": way})
        if built.returncode:
            raise GuestError(f"no kernel of {suite}")
        self.kernel = pathlib.Path(built.stdout.strip())
        self.release = self.features = None
        self.console = ""

    def _boot(self, archive, seconds):
        with tempfile.TemporaryDirectory(prefix="aa-differential.") as work:
            initrd, disk = pathlib.Path(work, "initrd"), pathlib.Path(work, "disk")
            initrd.write_bytes(archive.bytes())
            with open(disk, "wb") as file:
                file.truncate(256 << 20)
            command = [ROOT / "tests/vm/host/machine", self.way, self.kernel, str(seconds), "1024", initrd, "audit=0 rdinit=/init", f"rw:{disk}"]
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
            self.console = done.stdout.decode(errors="replace")
            with open(disk, "rb") as file:
                return file.read().rstrip(b"\0").decode("utf-8", "surrogateescape")

    def _archive(self):
        archive = Archive()
        archive.add("/init", self.prober.read_bytes())
        archive.add("/dev/console", b"", 0, 0o020600)
        return archive

    def run(self, files, batches, seconds=900):
        """Fills in the answers of the batches. `files` puts what is executed into an Archive."""
        archive = self._archive()
        files(archive)
        for number, batch in enumerate(batches):
            batch.pack(archive, number)
        written = self._boot(archive, seconds).split("\n")
        if "end of answers" not in written[-2:]:
            raise GuestError(f"the guest with the kernel {self.kernel} came to no end; its console:\n{self.console[-4000:]}")
        self._read(iter(written), batches)

    def times(self):
        """What the prober says of its time, in seconds since the machine was switched on."""
        return re.findall(r"^prober: (.*)", self.console, re.MULTILINE)

    def _read(self, written, batches):
        self.release = next(written).split("\t")[1]
        if not f"{self.release}.".startswith(self.version.removesuffix("x").removesuffix(".") + "."):  # a suite moves on
            raise GuestError(f"expected the kernel {self.version}, Debian has {self.release}")
        if next(written) != "features":
            raise GuestError("no features in what the guest wrote")
        self.features = "\n".join(_until(written, "end of features")) + "\n"
        for batch in batches:
            next(written)
            for line in _until(written, "profiles"):
                _, name, problem = line.split("\t")
                if problem != "0":
                    batch.refused[name] = int(problem)
            batch.profiles = [re.sub(r" \([^()]*\)$", "", line) for line in _until(written, "answers")]
            rest = [line.split("\t") for line in _until(written, "end of batch")]
            batch.answers = [fields for fields in rest if fields[0] != "stays"]
            batch.stayed = [fields[1] for fields in rest if fields[0] == "stays"]
            if len(batch.answers) != len(batch.questions):
                raise GuestError(f"batch {batch.name}: {len(batch.answers)} answers to {len(batch.questions)} questions")


def _until(written, end):
    found = []
    for line in written:
        if line == end:
            return found
        found.append(line)
    raise GuestError(f"no '{end}' in what the guest wrote")
