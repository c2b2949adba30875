# SPDX-License-Identifier: Apache-2.0
"""Called by a rootless engine: in a user namespace that does not know the host's root, whose files are the operator's all the same."""

import ctypes
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import unittest

import bundle as bundles
import harness

USER, SUBORDINATE = 1000, 100000
CLONE_NEWUSER = 0x10000000
OVERFLOW = 65534
libc = ctypes.CDLL(None, use_errno=True)


# rootlesskit's pkg/copyup/tmpfssymlink, in shell.
COPY_UP = """
for directory in /run /etc; do
    mkdir -p /tmp/aa-below && mount --rbind $directory /tmp/aa-below || exit 98
    mount -t tmpfs -o MODE none $directory && mkdir $directory/.ro421 && mount --rbind /tmp/aa-below $directory/.ro421 || exit 97
    for file in $directory/.ro421/*; do
        name=${file##*/}
        ln -s LINK $directory/$name
    done
done
exec "$@"
"""


def enter_namespace(maps, command):
    """In the child of a test: becomes USER, makes a user namespace, lets the parent write its maps, and runs COMMAND there as its root."""
    told, answer = maps
    os.setgroups([])
    os.setresgid(USER, USER, USER)
    os.setresuid(USER, USER, USER)
    libc.prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE: the files in /proc belong to USER again, so that the parent may write them
    if libc.unshare(CLONE_NEWUSER) != 0:
        os._exit(77)
    os.write(told, b"x")
    os.read(answer, 1)
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    os.execv(command[0], command)


class RootlessTest(harness.ShimTest):
    def setUp(self):
        super().setUp()
        self.load_catalog()
        # The runtime records beside itself: its folder is the user's.
        os.chown(self.runtime.parent, USER, USER)
        self.runtime_dir = harness.WORK / "user"
        self.runtime_dir.mkdir(mode=0o700)
        os.chown(self.runtime_dir, USER, USER)

    def rootless(self, *arguments, uid_map=f"0 {USER} 1\n1 {SUBORDINATE} 65536\n", program=None):
        """Runs aa-shim with ARGUMENTS in a user namespace with UID_MAP; the exit code, standard error, and what reached the runtime."""
        record = self.runtime.parent / "record"
        shutil.rmtree(record, ignore_errors=True)
        told, answer, errors = os.pipe(), os.pipe(), os.pipe()
        command = [str(program or harness.SHIM), *map(str, arguments)]
        pid = os.fork()
        if pid == 0:
            try:
                os.dup2(errors[1], 2)
                os.environ["XDG_RUNTIME_DIR"] = str(self.runtime_dir)
                enter_namespace((told[1], answer[0]), command)
            finally:
                os._exit(99)
        os.close(told[1])
        os.close(errors[1])
        try:
            if os.read(told[0], 1) != b"x":
                os.waitpid(pid, 0)
                self.skipTest("no user namespaces here")
            for name in ("uid_map", "gid_map"):
                with open(f"/proc/{pid}/{name}", "w", encoding="ascii") as file:
                    file.write(uid_map)
            os.write(answer[1], b"x")
            message = b""
            while part := os.read(errors[0], 65536):
                message += part
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        finally:
            for fd in (told[0], answer[0], answer[1], errors[0]):
                os.close(fd)
        return harness.Run(code, b"", message, pid, harness.read_record(record))

    def own_bundle(self, document=None, name="bundle"):
        directory = self.make_bundle(document, name)
        for path in (directory, directory / "config.json"):
            os.chown(path, USER, USER)
        return directory

    def config(self, directory):
        return json.loads((directory / "config.json").read_bytes())


class Start(RootlessTest):
    def test_the_operators_catalog_counts(self):
        directory = self.own_bundle()
        run = self.rootless("create", "--bundle", directory, "c1")
        self.assertEqual((run.code, run.message), (0, ""))
        self.assert_forwarded(run, "create", "--bundle", directory, "c1")
        document = self.config(directory)
        self.assert_confined(document["process"])
        self.assertEqual(document["annotations"]["aa-shim/applied"], "test")
        key = self.runtime_dir / "aa-shim-key"
        self.assertEqual((stat.S_IMODE(key.stat().st_mode), key.stat().st_uid), (0o600, USER))
        self.assertEqual((directory / "config.json").stat().st_uid, USER)

    def test_without_a_place_for_the_users_key(self):
        self.runtime_dir.chmod(0o500)
        self.runtime_dir = harness.WORK / "missing"
        directory = self.own_bundle()
        self.assert_refused(self.rootless("create", "--bundle", directory, "c1"), f"'{self.runtime_dir}'")
        self.assertNotIn("annotations", self.config(directory))

    def test_a_copied_up_run_and_etc(self):
        """As rootlesskit --copy-up=/run --copy-up=/etc shows them: links to what lies beneath."""
        for link, mode in ((".ro421/$name", "mode=1777"), ("$directory/.ro421/$name", "mode=1777"), (".ro421/$name", "mode=755")):
            with self.subTest(link, mode=mode):
                script = harness.WORK / "copied-up"
                script.write_text(COPY_UP.replace("LINK", link).replace("MODE", mode))
                script.chmod(0o755)
                directory = self.own_bundle(name=f"bundle-{len(link + mode)}")
                run = self.rootless("--mount", "sh", script, harness.SHIM, "create", "--bundle", directory, "c1", program=shutil.which("unshare"))
                self.assertEqual((run.code, run.message), (0, ""))
                self.assert_confined(self.config(directory)["process"])

    def test_a_copied_up_run_of_others(self):
        """What others of the namespace could have put there, or anybody."""
        way = (harness.SHIM, "create", "--bundle", self.own_bundle(), "c1")
        for name, mode, change, said in (
            ("anybody's", "mode=777", "", "'/run' can be written by others"),
            ("a link of another's", "mode=1777", "chown -h 7:7 /run/aa-shim", "'/run/aa-shim' is a symbolic link, which is not followed"),
            ("a folder of another's", "mode=1777", "rm /run/aa-shim && mkdir /run/aa-shim && chown 7:7 /run/aa-shim", "'/run/aa-shim' belongs to uid 7"),
        ):
            with self.subTest(name):
                script = harness.WORK / "copied-up"
                text = COPY_UP.replace("LINK", ".ro421/$name").replace("MODE", mode)
                script.write_text(text.replace('exec "$@"', f'{change or "true"} && exec "$@"'))
                run = self.rootless("--mount", "sh", script, *way, program=shutil.which("unshare"))
                self.assert_refused(run, said)

    def test_a_link_to_another_place(self):
        elsewhere = harness.WORK / "elsewhere"
        shutil.copytree(harness.RUN, elsewhere)
        script = harness.WORK / "linked"
        script.write_text(f'mount -t tmpfs -o mode=755 none /run && ln -s {elsewhere} /run/aa-shim && exec "$@"\n')
        run = self.rootless("--mount", "sh", script, harness.SHIM, "create", "--bundle", self.own_bundle(), "c1", program=shutil.which("unshare"))
        self.assert_refused(run, "'/run/aa-shim' is a symbolic link, which is not followed: '/run/aa-shim/catalog' must lie where only root can put it")

    def test_a_runtime_of_roots(self):
        os.chown(self.runtime.parent, 0, 0)
        directory = self.own_bundle()
        self.rootless("create", "--bundle", directory, "c1")
        # It was started and could not record: the folder is root's. What it would have found is written.
        self.assert_confined(self.config(directory)["process"])

    def test_a_rule_that_rejects(self):
        directory = self.own_bundle(bundles.config(annotations={"example.test/forbidden": "x"}))
        self.assert_refused(self.rootless("create", "--bundle", directory, "c1"), "not on this host")

    def test_nothing_is_counted_and_nothing_fails(self):
        counters = harness.RUN / "counters"
        before = counters.read_bytes()
        self.assertEqual(self.rootless("create", "--bundle", self.own_bundle(), "c1").code, 0)
        self.assertEqual(counters.read_bytes(), before)

    def test_what_others_can_write_is_no_catalog(self):
        for path in (harness.COMPILED, harness.RUN):
            mode = path.stat().st_mode
            for bit in (stat.S_IWGRP, stat.S_IWOTH):
                path.chmod(stat.S_IMODE(mode) | bit)
                with self.subTest(path=path, bit=bit):
                    run = self.rootless("create", "--bundle", self.own_bundle(name=f"b{path.name}{bit}"), "c1")
                    self.assert_refused(run, "can be written by others")
            path.chmod(stat.S_IMODE(mode))

    def test_a_runtime_in_a_folder_that_others_can_write(self):
        self.runtime.parent.chmod(0o777)
        self.assert_refused(self.rootless("create", "--bundle", self.own_bundle(), "c1"), "can be written by others")

    def test_bundles_and_state_are_the_users_own(self):
        """An owner that the namespace does not know may be anybody: such a bundle, such a state directory are refused."""
        for owner in (0, 4242, SUBORDINATE + OVERFLOW - 1):  # root, another user, and a subordinate uid that the namespace calls 65534
            directory = self.own_bundle(name=f"b{owner}")
            directory.chmod(0o755)
            (directory / "config.json").chmod(0o644)
            os.chown(directory / "config.json", owner, owner)
            with self.subTest(bundle=owner):
                self.assert_refused(self.rootless("create", "--bundle", directory, "c1"), f"belongs to uid {OVERFLOW}")
        process, directory = self.start_container_process(), self.own_bundle(name="state-bundle")
        root = self.make_runc_state(process, directory)
        for owner in (4242, SUBORDINATE + OVERFLOW - 1):
            os.chown(root / "c1" / "state.json", owner, owner)
            (root / "c1" / "state.json").chmod(0o644)
            os.chown(root / "c1", USER, USER)
            os.chown(root, USER, USER)
            with self.subTest(state=owner):
                run = self.rootless("--root", root, "exec", "c1", "true")
                self.assert_refused(run, f"belongs to uid {OVERFLOW}", code=255)

    def test_a_namespace_that_knows_the_hosts_root_is_judged_as_the_host_is(self):
        """There root has a number, 1 here, and it is not the one of who calls: nothing of root's counts."""
        run = self.rootless("create", "--bundle", self.own_bundle(), "c1", uid_map="0 1000 1\n1 0 1\n")
        self.assert_refused(run, "'/' belongs to uid 1:")

    def test_on_the_host_the_overflow_uid_is_a_user_like_any_other(self):
        os.chown(self.runtime.parent, 0, 0)
        os.chown(harness.COMPILED, OVERFLOW, OVERFLOW)
        self.assert_refused(self.create(self.make_bundle()), f"belongs to uid {OVERFLOW}")


class Exec(RootlessTest):
    def test_in_a_container_of_the_users(self):
        directory = self.own_bundle()
        self.assertEqual(self.rootless("create", "--bundle", directory, "c1").code, 0)
        # runc's state directory of a user who is root of a namespace, in XDG_RUNTIME_DIR.
        process = subprocess.Popen(["sleep", "1000"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, user=USER, group=USER)
        self.addCleanup(process.wait)
        self.addCleanup(process.send_signal, signal.SIGKILL)
        root = self.make_runc_state(process.pid, directory, root=self.runtime_dir / "runc", annotations=self.config(directory)["annotations"].items())
        for path in (root, root / "c1", root / "c1" / "state.json"):
            os.chown(path, USER, USER)
        spec = harness.WORK / "process.json"
        spec.write_bytes(bundles.encode(bundles.process(names=bundles.ALL_CAPABILITIES)))
        spec.chmod(0o644)
        run = self.rootless("--root", root, "exec", "--process", spec, "c1")
        self.assertEqual((run.code, run.message), (0, ""))
        self.assert_confined(json.loads(run.record.process))


if __name__ == "__main__":
    sys.exit(unittest.main())
