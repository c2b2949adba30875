# SPDX-License-Identifier: Apache-2.0
"""Random AppArmor profiles, the files that they talk about, and questions about both, all from one seed.

A rule's pattern is made from a path by generalising parts of it, so that it matches that path and some of its neighbours:
patterns made of nothing would hardly ever match.
"""
import dataclasses
import random

from guest import ELF

DIRECTORIES = ["/b", "/b/bin", "/b/sbin", "/b/usr/bin", "/b/usr/local/bin", "/b/opt/app-1.2/bin", "/b/home/user/bin", "/b/with space",
               "/b/müller", "/b/srv/a-directory-whose-name-is-longer-than-thirty-two-bytes/bin"]
NAMES = ["a", "ab", "abc", "abd", "foo", "foobar", "foo.sh", "bar", "cat", "cat2", "python3", "python3.11", "sh", "bash", "run-parts", "x[1]",
         "back\\slash", "star*", "curly{a,b}", "what?", "two words", "UPPER", "lib.so.6", "%percent", "@{name}", "caret^", "plus+", "null-"]
PERMISSIONS = ["r", "w", "a", "rw", "ra", "k", "l", "m", "rm", "rk", "rwk", "rwkl", "mrwl"]
# Mode, and whether a target may follow.
EXEC_MODES = {"ix": False, "px": True, "Px": True, "cx": True, "Cx": True, "ux": False, "Ux": False, "pix": True, "Pix": True, "cix": True,
              "Cix": True, "pux": True, "PUx": True, "cux": True, "CUx": True}
# Rules of other classes: they fill the other automaton of a profile, and its other fields.
OTHER_RULES = ["capability chown,", "capability,", "deny capability sys_admin,", "network inet tcp,",
               "signal (send) set=(term) peer=@{profile_name},",
               "ptrace (read) peer=unconfined,", "mount fstype=tmpfs -> /b/mnt/,", "umount,", "set rlimit nofile <= 100,", "pivot_root,",
               "unix (send) type=stream,", "change_profile,"]
FLAGS = ["complain"] * 4 + ["unconfined"] * 2 + ["kill", "audit", "attach_disconnected", "attach_disconnected,mediate_deleted", "complain,audit",
                                                 "default_allow"]


@dataclasses.dataclass
class File:
    path: str
    uid: int
    script: bool


@dataclasses.dataclass
class Node:
    """A profile, child or hat. `rules` are (text, path that it was made from or None)."""
    name: str   # in full
    head: str
    rules: list
    attached: str = None  # a path that the attachment matches
    children: list = dataclasses.field(default_factory=list)

    def text(self, indent=""):
        inner = "".join(f"{indent}  {rule}\n" for rule, _ in self.rules) + "".join(child.text(indent + "  ") for child in self.children)
        return f"{indent}{self.head} {{\n{inner}{indent}}}\n"

    def all(self):
        yield self
        for child in self.children:
            yield from child.all()


def quoted(pattern):
    return f'"{pattern}"' if " " in pattern else pattern


def literal(text):
    """TEXT as a pattern that matches just it."""
    return "".join("\\" + char if char in "[]{}*?^\\\"@,%" and char not in "%" else char for char in text)


def _stack(*labels):
    return sorted(set(labels))


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.files = self._make_files()
        self.links = {f"/b/link{i}": self.random.choice(self.files).path for i in range(8)}
        self.links["/b/link-to-link"] = "/b/link0"
        self.contested = [file.path for file in self.random.sample(self.files, 12)]  # that many profiles attach to
        self.tops = []

    # The files that are executed.

    def _make_files(self):
        files = {}
        for directory in DIRECTORIES:
            for name in self.random.sample(NAMES, 11):
                path = f"{directory}/{name}"
                files[path] = File(path, self.random.choice([0, 0, 0, 1000]), self.random.random() < 0.12)
        return list(files.values())

    def add_files(self, archive):
        for file in self.files:
            archive.add(file.path, b"#!/interpreter\n" if file.script else ELF, file.uid)
        archive.add("/interpreter", ELF)
        for link, target in self.links.items():
            archive.symlink(link, target)

    def resolve(self, path):
        while path in self.links:
            path = self.links[path]
        return path

    # Patterns.

    def _some_path(self):
        path = self.random.choice(self.files).path
        if self.random.random() < 0.15:
            path += self.random.choice(["2", "/x", ".d/y", "~", " copy", "/"])
        return path

    def _pattern_of_name(self, name):
        at, r = self.random.randrange(len(name)), self.random
        kind = r.randrange(8)
        if kind == 0:
            return "*"
        if kind == 1:
            return literal(name[:at]) + "*"
        if kind == 2:
            return "*" + literal(name[at:])
        if kind == 3:
            return literal(name[:at]) + "?" + literal(name[at + 1:])
        if kind == 4 and name[at].isalnum() and name[at].isascii():
            sets = [f"[{name[at]}zQ]", "[^/q]" if name[at] != "q" else "[^/k]", "[a-z]" if name[at].islower() else "[A-Z0-9]"]
            return literal(name[:at]) + r.choice(sets) + literal(name[at + 1:])
        if kind == 5:
            return "{" + ",".join(r.sample([literal(name), "other", literal(r.choice(NAMES)), "sub*"], 4)) + "}"
        if kind == 6:
            return literal(name[:at]) + "{," + literal(name[at:]) + "}"
        return literal(name)

    def pattern(self, path):
        """A pattern that matches PATH, quoted where need be."""
        r = self.random
        kind = r.random()
        parts = path[1:].split("/")
        if kind < 0.35 or parts[-1] == "":
            return quoted(literal(path))
        at = r.randrange(len(parts))
        if kind < 0.5:
            return quoted("/" + "/".join([literal(part) for part in parts[:at]] + ["**"]))
        if kind < 0.6:
            if at == len(parts) - 1:
                return quoted(literal(path) + "{,**}")
            return quoted("/" + "/".join([literal(part) for part in parts[:at]] + ["**", literal(parts[-1])]))
        if kind < 0.67:
            return quoted("/{" + "/".join(literal(part) for part in parts[:-1]) + ",other/place}/" + self._pattern_of_name(parts[-1]))
        if kind < 0.72:
            return quoted("/**" + literal(parts[-1][-1]))
        changed = [literal(part) for part in parts]
        for index in {at, len(parts) - 1}:
            changed[index] = self._pattern_of_name(parts[index])
        return quoted("/" + "/".join(changed))

    def _attachment(self, chance):
        """A pattern to attach by, and a path that it matches; or None twice. What literal part a pattern begins with decides
        between profiles, and how much literal text it has elsewhere interferes."""
        r = self.random
        if r.random() >= chance:
            return None, None
        if r.random() < 0.4:
            path = self._some_path()
            return self.pattern(path), path
        path = r.choice(self.contested)
        start, end = sorted(r.sample(range(1, len(path)), 2))
        middle = "**" if "/" in path[start:end] else r.choice(["*", "**"])
        kinds = [literal(path[:start]) + "**", literal(path[:start]) + middle + literal(path[end:]), "/**" + literal(path[end:]),
                 literal(path[:start]) + "{," + literal(path[start:]) + "}", "/{" + literal(path[1:]) + ",x" + literal(path[start:]) + "}"]
        return quoted(r.choice(kinds)), path

    # Rules.

    def _target(self, mode, node):
        r = self.random
        if mode[0] in "cC":
            children = [child.name.rpartition("//")[2] for child in node.children]
            return r.choice(children + ["no-such-child"]) if r.random() < 0.4 else None
        if r.random() < 0.45:
            return None
        a, b = r.choice(self.tops), r.choice(self.tops)
        missing = r.choice(["no-such-profile", "&no-such-profile", f"{a}//&no-such-profile"])
        return r.choice([a, a, a, "&" + a, "&" + a, f"{a}//&{b}", f"&{a}//&{b}", a + "//kid", missing])

    def _exec_rule(self, node):
        r = self.random
        path = self._some_path()
        general = r.random() < 0.4
        # Patterns that overlap must agree about the mode; an exact path may differ.
        if general and node.pattern_mode and r.random() < 0.9:
            mode, target = node.pattern_mode
        else:
            mode = r.choice(list(EXEC_MODES))
            target = self._target(mode, node) if EXEC_MODES[mode] and len(node.targets) < 5 else None
        if general:
            node.pattern_mode = mode, target
        elif path in node.exact:
            return self._file_rule()
        node.targets |= {target}
        node.exact |= {path}
        before = r.choice(["", "", "", "owner ", "audit ", "audit owner "])
        permissions = r.choice(["", "", "r", "mr"]) + mode
        pattern = self.pattern(path) if general else quoted(literal(path))
        return f"{before}{pattern} {permissions}{' -> ' + target if target else ''},", path

    def _file_rule(self):
        r = self.random
        path = self._some_path()
        if r.random() < 0.3:
            return f"{r.choice(['deny ', 'audit deny ', 'deny owner '])}{self.pattern(path)} {r.choice(PERMISSIONS + ['x', 'rx', 'mrwx'])},", path
        return f"{r.choice(['', '', 'owner ', 'audit ', 'allow '])}{self.pattern(path)} {r.choice(PERMISSIONS)},", path

    def _rules(self, node):
        r = self.random
        node.targets, node.exact, node.pattern_mode = set(), set(), None
        rules = [self._file_rule() for _ in range(r.randrange(7))] + [self._exec_rule(node) for _ in range(r.randrange(9))]
        rules += [(r.choice(OTHER_RULES), None) for _ in range(r.randrange(3))]
        if r.random() < 0.15:
            rules.append((f"change_profile {self.pattern(self._some_path())} -> {r.choice(self.tops)},", None))
        r.shuffle(rules)
        node.rules = rules

    # Profiles.

    def _flags(self, chance):
        return f" flags=({self.random.choice(FLAGS)})" if self.random.random() < chance else ""

    def _children(self, node, depth=0):
        r = self.random
        for name in r.sample(["kid", "kid2", "other", "a", "b"], r.randrange(4) if depth == 0 else 1):
            full = f"{node.name}//{name}"
            pattern, attached = self._attachment(0.6)
            attachment = f" {pattern}" if pattern else ""
            child = Node(full, f"profile {name}{attachment}{self._flags(0.2)}", [], attached)
            node.children.append(child)
            if depth == 0 and r.random() < 0.1:
                self._children(child, 1)
            self._rules(child)
        if depth == 0 and r.random() < 0.25:
            hat = Node(f"{node.name}//hat", f"{r.choice(['^hat', 'hat hat'])}{self._flags(0.2)}", [])
            self._rules(hat)
            node.children.append(hat)

    def _top(self, name):
        r = self.random
        pattern, attached = self._attachment(0.6)
        attachment = f" {pattern}" if pattern else ""
        if name.startswith("/"):
            head, attached = (quoted(literal(name)), name) if not attached else (f"profile {quoted(literal(name))}{attachment}", attached)
        else:
            head = f"profile {name}{attachment}"
        node = Node(name, head + self._flags(0.3), [], attached)
        self._children(node)
        self._rules(node)
        return node

    def profiles(self, count, refused):
        """COUNT top-level profiles. `refused` says which of many texts a parser does not take: those lose rules until it does,
        as of overlapping patterns with different exec modes it takes none."""
        r = self.random
        plain = [file.path for file in self.files if not set(file.path) & set("[]{}*?^\\\"@,% ")]
        self.tops = [f"P{i}" for i in range(count - count // 10)] + r.sample(plain, count // 10)
        made = [self._top(name) for name in self.tops]
        wrong = made
        while wrong := [node for node, bad in zip(wrong, refused([node.text() for node in wrong])) if bad]:
            for node in wrong:
                if not any(one.rules for one in node.all()):
                    raise ValueError(f"the parser refuses what has no rules:\n{node.text()}")
                self._thin_out(node)
        return made

    def _thin_out(self, top):
        for node in top.all():
            node.rules = [rule for rule in node.rules if self.random.random() < 0.7]

    # Questions.

    def _near(self, path):
        r = self.random
        at = r.randrange(1, len(path) + 1)
        kind = r.randrange(5)
        if kind == 0:
            return path
        if kind == 1:
            return path[:at]
        if kind == 2:
            return path[:at] + r.choice("abz/*.2 ") + path[at:]
        if kind == 3:
            return path + r.choice(["/", "/deeper/x", "x", ".sh"])
        return path[:at] + r.choice(NAMES)

    def permission_questions(self, labels, nodes, count):
        """LABELS are what the kernel has; NODES the profiles by name."""
        r = self.random
        found = {}
        stacks = [_stack(*r.sample(labels, r.choice([2, 2, 3]))) for _ in range(60)]  # the kernel needs a process for each
        while len(found) < count:
            parts = [r.choice(labels)] if r.random() < 0.8 else r.choice(stacks)
            sources = [path for part in parts if part in nodes for _, path in nodes[part].rules if path]
            path = r.choice(sources) if sources and r.random() < 0.7 else self._some_path()
            if r.random() < 0.4:
                path = self._near(path)
            for uid in (0, 1000):
                found[f"p\t{'//&'.join(parts)}\t{path}\t{uid}"] = None
        return sorted(found, key=lambda line: line.rpartition("\t")[2])

    def exec_questions(self, labels, nodes, count):
        r = self.random
        by_path = {file.path: file for file in self.files}
        questions = []
        for _ in range(count):
            if r.random() < 0.2:
                path = r.choice(self.contested)
                questions.append(f"x\tunconfined\t{path}\t{r.choice([0, 1000])}\t{by_path[path].uid}\t{path}")
                continue
            parts = _stack(r.choice(labels), *r.sample([*labels, "unconfined"], r.choice([0] * 8 + [1, 2])))
            rules = [rule for part in parts if part in nodes for rule in nodes[part].rules]
            sources = [path for text, path in rules if path in by_path and "x" in text.split(" -> ")[0].rpartition(" ")[2]]
            sources += [node.attached for node in r.sample(list(nodes.values()), 3) if node.attached in by_path]
            others = self.contested if r.random() < 0.5 else list(by_path)
            path = r.choice(sources) if sources and r.random() < 0.8 else r.choice(others)
            if r.random() < 0.05:
                path = r.choice(list(self.links))
            file = by_path[self.resolve(path)]
            questions.append(f"x\t{'//&'.join(parts)}\t{file.path}\t{r.choice([0, 1000])}\t{file.uid}\t{path}")
        return questions
