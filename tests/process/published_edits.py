# SPDX-License-Identifier: Apache-2.0
"""What a person does to the profiles of tests/golden/published once `aa-shimctl check --fix` has mended what it can: edits, each of which is what
a finding advises."""
from dataclasses import dataclass

ANCHOR = "capability net_bind_service,"  # in both; rules that are added stand before it
FLAGS = "flags=(attach_disconnected,mediate_deleted)"


@dataclass(frozen=True)
class Edit:
    """Puts NEW in the place of OLD, as FINDING advises by ADVICE: both are parts of one line of what `check` says."""
    finding: str
    advice: tuple
    old: str
    new: str
    everywhere: bool = True  # false: only hosts with profiles for runtimes find it

    def is_advised(self, said):
        return any(self.finding in line and all(part in line for part in self.advice) for line in said.splitlines())

    def is_done(self, said):
        return self.finding not in said


def added(code, *rules, everywhere=True):
    return Edit(f" {code}: ", tuple(f"`{rule}`" for rule in rules), ANCHOR, "\n".join((*rules, ANCHOR)), everywhere)


SIGNALS = "signal (receive) peer={unconfined,runc,crun},"  # abstractions/base has the first of them


def common(name, path, header):
    """What is said of both: the name, the flags and the abi of a profile that is called after PATH."""
    return [
        Edit(f" AA201: the profile is called '{path}'", (f"call it `profile {name} {{`",), header, f"profile {name} {{"),
        Edit(" AA301: ", (f"write {FLAGS}",), f"profile {name} {{", f"profile {name} {FLAGS} {{"),
        Edit(" AA305: ", ("begin the file with `abi <abi/3.0>,`",), "include <tunables/global>", "include <tunables/global>\nabi <abi/3.0>,"),
        added("AA415", "/dev/tty rw,", "/dev/pts/* rw,"),
    ]


EDITS = {
    "my-apparmor-profile": [
        *common("my-apparmor-profile", "/usr/bin/python3", "/usr/bin/python3 {"),
        added("AA401", SIGNALS),
        added("AA402", "ptrace (read,readby) peer=@{profile_name},"),
        added("AA404", "/{,usr/}lib{,64}/** mr,"),
        Edit(" AA407: `deny /etc/** r`", ("leave the rule out and allow what is wanted",), "deny /etc/** r,", "/etc/{hosts,python3*/**} r,"),
        added("AA405", "/etc/ld.so.cache r,"),
        added("AA408", "/dev/null rw,"),
        added("AA409", "/proc/[0-9]*/{maps,status,stat,auxv,cmdline} r,", "/proc/sys/vm/overcommit_memory r,"),
        added("AA418", "network inet dgram,"),
        Edit(" AA406: `deny /bin/** rmx`", ("leave the rule out, for what no rule allows is denied anyway",), "deny /bin/** rmx,\n", "\n"),
        Edit(" AA406: `deny /usr/bin/** rmx`", ("leave the rule out", "allow the programs that are wanted"),
             "deny /usr/bin/** rmx,", "/usr/bin/python3* mrix,"),
    ],
    "docker.local.my-webapp": [
        Edit(" AA108: 'network tcp 80'", ("write `network inet tcp,`",), "network tcp 80,", "network inet tcp,"),
        Edit(" AA108: 'network tcp 443'", ("and `network inet6 tcp,`",), "network tcp 443,", "network inet6 tcp,"),
        Edit(" AA142: ", ("take it out",), " flags=(enforce)", ""),
        *common("docker.local.my-webapp", "/usr/local/bin/my-webapp", "profile /usr/local/bin/my-webapp {"),
        added("AA401", SIGNALS, everywhere=False),
    ],
}


def mend(path, check):
    """Makes the edits of the profile in the file PATH, of which CHECK() says what is found in it. Yields each, and whether it was advised and did
    what it is for."""
    said = check()
    for edit in EDITS[path.name]:
        if edit.is_done(said) and not edit.everywhere:
            continue
        text = path.read_text(encoding="utf-8")
        fits = text.count(edit.old) == 1
        advised = edit.is_advised(said)
        path.write_text(text.replace(edit.old, edit.new), encoding="utf-8")
        said = check()
        yield edit, fits and advised and edit.is_done(said), said
