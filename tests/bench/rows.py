# SPDX-License-Identifier: Apache-2.0
"""What scripts/bench measures: a row is a program that is started again and again, and what is wanted of it."""

from dataclasses import dataclass

from host import CATALOG, LARGE, MIDDLE, SMALL, STATE, WORK, bundle, catalog_file, config


@dataclass(frozen=True)
class Row:
    label: str
    command: tuple  # the program's name in WORK, and its arguments
    copies: tuple = ()  # (from, to): before each run
    most_w: float | None = None  # what is aimed at: multiples of W
    most_peak: int | None = None  # kilobytes
    most_instructions: int | None = None
    # What it takes today, and a little more: user instructions up to the exec of the runtime. `bench --check` fails beyond it.
    bound: int | None = None
    counted: bool = True  # valgrind runs it: not so Go's programs


def create(label, size=SMALL, catalog="10", program="aa-shim", **wanted):
    copies = ((catalog_file(catalog), CATALOG), (config(size), bundle(size) / "config.json"))
    return Row(label, (program, "--root", str(STATE), "create", "--bundle", str(bundle(size)), "c2"), copies, **wanted)


def execute(label, catalog="10", **wanted):
    command = ("aa-shim", "--root", str(STATE), "exec", "-p", str(WORK / "process.json"), "c1")
    return Row(label, command, ((catalog_file(catalog), CATALOG),), **wanted)


def look(label, program="aa-shim", **wanted):
    return Row(label, (program, "--root", str(STATE), "state", "c1"), **wanted)


ROWS = (
    Row("E", ("bin/runc",), counted=False),
    look("W", "wrapper"),
    look("pass-through", most_w=1.05, most_peak=1000, most_instructions=60_000, bound=54_000),
    create("create", most_w=1.25, most_peak=1150, most_instructions=300_000, bound=552_000),
    create("create, 1,000 rules", catalog="1000"),
    create("create, 10,000 rules", catalog="10000"),
    create("create, 100,000 rules", catalog="100000", bound=552_000),
    create("create, 1 MB", MIDDLE),
    create("create, 10 MB", LARGE, bound=13_300_000),
    create("copier", program="copier"),
    create("copier, 1 MB", MIDDLE, program="copier"),
    create("copier, 10 MB", LARGE, program="copier"),
    create("decoder", program="decoder", counted=False),
    create("decoder, 10 MB", LARGE, program="decoder", counted=False),
    execute("exec", most_w=1.3, most_peak=1150, most_instructions=220_000, bound=253_000),
    execute("exec, 100,000 rules", "100000", bound=253_000),
    execute("exec, large policy", "large policy", bound=258_000),
)
