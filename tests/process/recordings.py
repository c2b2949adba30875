# SPDX-License-Identifier: Apache-2.0
"""Recordings as aa-shimctl learn writes them: of what tests make up, and of the applications of tests/apparmor/learn/observed."""

import json
from pathlib import Path

OBSERVED = Path(__file__).resolve().parents[1] / "apparmor" / "learn" / "observed"
LOSSES = ("backlog", "overruns", "suppressed", "unattributed", "unrecorded")
# The texts of a fact, in their order.
TEXTS = ("operation", "class", "name", "denied", "requested", "target", "info", "error", "capability", "signal", "peer", "family", "type",
         "protocol", "address", "peerAddress", "fileSystem", "source", "flags", "limit", "value", "bus", "path", "interface", "member")
TYPES = ("AUDIT", "ALLOWED", "DENIED", "ERROR", "KILLED")
OWN = "@{profile_name}"


def file_fact(name, denied="r", *, owned=False, program="/bin/app", operation="open", **more):
    return {"fact": "ALLOWED", "program": program, "operation": operation, "name": name, "denied": denied, "owned": owned, **more}


def observed(application, taken=lambda row: True):
    """(fact, count) of each row of the table of APPLICATION."""
    rows = [line.split() for line in (OBSERVED / application).read_text().splitlines() if not line.startswith("#")]
    for row, (count, program, operation, what, owned, name) in enumerate(rows):
        if not taken(row):
            continue
        fact = {"fact": "ALLOWED", "program": program, "operation": operation}
        if operation == "capable":
            fact |= {"capability": name}
        elif operation in ("signal", "ptrace"):
            fact |= {"denied": what, "peer": OWN if name == "self" else name} | ({} if owned == "-" else {"signal": owned})
        elif name == "-":
            fact |= {"denied": operation, "family": what, "type": owned}
        else:
            fact |= {"name": name, "denied": what, "owned": owned == "own"}
        yield fact, int(count)


def _place(fact):
    return (fact.get("program", ""), *(fact.get(text, "") for text in TEXTS), TYPES.index(fact["fact"]), not fact.get("owned", True))


def _line(document):
    return json.dumps(document, separators=(",", ":")) + "\n"


def agent_log(node, confinement, recording, at="2026-11-30T10:00:00Z"):
    """RECORDING as the agent of NODE writes it to its log, among what else it says there, as `kubectl logs --prefix` prints it."""
    lines = recording.splitlines()
    log = f"[pod/aa-shim-{node}/node] ready: aa-shim\n"
    for number, line in enumerate(lines, 1):
        head = json.dumps({"aa-shim-learned": 1, "node": node, "confinement": confinement, "at": at, "line": number, "of": len(lines)}, separators=(",", ":"))
        log += f'[pod/aa-shim-{node}/node] {head[:-1]},"recording":{line}}}\n'
    return log


def text(facts, starts=(), execs=(), may_gain=0, **losses):
    """The recording of FACTS, pairs with counts; texts in it are bytes, each a character of ISO 8859-1. Of starts and execs MAY_GAIN may gain privileges."""
    counts = {}
    for fact, count in facts:
        ordered = {key: fact[key] for key in ("fact", "program", *TEXTS, "owned", "told") if key in fact}
        place = _place(ordered)
        counts[place] = (ordered, counts.get(place, (ordered, 0))[1] + count)
    lines = [_line({"start": program, "count": 1}) for program in sorted(starts)]
    lines += [_line({"exec": command, "count": 1}) for command in sorted(execs)]
    lines += [_line(fact | {"count": count}) for _, (fact, count) in sorted(counts.items())]
    version = {"aa-shim-recording": 2, "mayGain": may_gain} if may_gain else {"aa-shim-recording": 1}
    return _line({**version, **{loss: losses.get(loss, 0) for loss in LOSSES}, "lines": len(lines)}) + "".join(lines)
