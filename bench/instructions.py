#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts the instructions and cache lines of one operation on each hot path, under valgrind.

Counts do not depend on what else the machine does, so they decide regressions. Each operation runs a small and a large number of
times; the difference of the two runs, divided, is one operation. A line counts when at least every second operation touches it;
--check leaves lines out.

usage: instructions.py [--check] [--save] [--build DIR]
"""
import argparse
import collections
import json
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
BASELINE = HERE / "instructions.json"
README = HERE / "README.md"
FEW, MANY = 200, 2200
TRIES = 2
TOLERANCE = 0.03  # and two instructions, for the small ones
LINE = 6          # bits of a cache line's size

# What is counted: its name in the table, the program's operation, and the operation that prepares it, which is subtracted.
OPERATIONS = [
    ("yield", "yield", None, "yield to another goroutine, which runs"),
    ("send", "send", None, "send into a buffer with room"),
    ("recv", "send_recv", "send", "receive from a buffer that holds something"),
    ("hand over", "hand_over", None, "unbuffered send and receive, one switch for each"),
    ("lock, unlock", "lock", None, "a free mutex"),
    ("select, 2 ready", "select_ready", "select_fill", "select over two channels that hold something"),
    ("select, otherwise", "select_otherwise", None, "select over an empty channel, and otherwise"),
    ("select, hand over", "select_hand_over", None, "two sends that wait, each taken by a select over two channels"),
    ("select, wait", "select_wait", None, "a value from one of two channels without a buffer; every other select waits"),
    ("gather", "gather", None, "make a channel, start ten goroutines that send into it once each, receive ten times"),
    ("mpmc", "mpmc", None, "a value through a buffer of 128 that four senders and four receivers share"),
    ("timer", "timer", None, "arm a timer and stop it"),
    ("go, join", "spawn", None, "start a goroutine that does nothing, and wait for it"),
]


def fail(message):
    print(f"bench/instructions.py: {message}", file=sys.stderr)
    sys.exit(2)


def lackey(program, operation, count, option):
    """Runs an operation under valgrind; yields the lines that its tool prints."""
    command = ["valgrind", "--tool=lackey", option, "--log-fd=1", str(program), operation, str(count)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as run:
        yield from run.stdout
    if run.returncode != 0:
        fail(f"'{' '.join(command)}' ended with status {run.returncode}")


def instructions(program, operation, count):
    for line in lackey(program, operation, count, "--basic-counts=yes"):
        if found := re.search(rb"guest instrs: +([\d,]+)", line):
            return int(found[1].replace(b",", b""))
    return fail("valgrind's lackey printed no 'guest instrs'")


def instructions_each(program, operation):
    """The least of a few tries: what else happens in the process (a timer, a spin) only adds."""
    return min((instructions(program, operation, MANY) - instructions(program, operation, FEW)) / (MANY - FEW)
               for _ in range(TRIES))


def accesses(program, operation, count):
    """How often each line is accessed: code, data, data written."""
    code, data, written = collections.Counter(), collections.Counter(), collections.Counter()
    for line in lackey(program, operation, count, "--trace-mem=yes"):
        kind = line[:3]
        if kind == b"I  ":
            code[int(line[3:line.index(b",")], 16) >> LINE] += 1
        elif kind in (b" L ", b" S ", b" M "):
            at = int(line[3:line.index(b",")], 16) >> LINE
            data[at] += 1
            if kind != b" L ":
                written[at] += 1
    return code, data, written


def lines_each(many, less):
    """How many lines at least half of the operations touch, beyond what `less` touches."""
    return [sum(1 for line, n in of.items() if n - without[line] >= MANY / 2) for of, without in zip(many, less)]


def measure(program, with_lines):
    used = list(dict.fromkeys(o for row in OPERATIONS for o in row[1:3] if o))
    each, touched = {}, {}
    for operation in used:
        print(f"counting {operation}", file=sys.stderr, flush=True)
        each[operation] = instructions_each(program, operation)
        if with_lines:
            touched[operation] = accesses(program, operation, MANY)
    if with_lines:
        touched[None] = accesses(program, "nothing", MANY)
    counted = {}
    for name, operation, prepares, _ in OPERATIONS:
        counted[name] = {"instructions": round(each[operation] - each.get(prepares, 0), 1)}
        if with_lines:
            lines = lines_each(touched[operation], touched[prepares])
            counted[name] |= dict(zip(("code_lines", "data_lines", "written_lines"), lines))
    return counted


def markdown(counted):
    lines = ["| operation | what | instructions | data lines | of these written | code lines |",
             "| --- | --- | ---: | ---: | ---: | ---: |"]
    for name, _, _, what in OPERATIONS:
        c = counted[name]
        lines.append(f"| {name} | {what} | {c['instructions']:.0f} | {c['data_lines']:.0f} | "
                     f"{c['written_lines']:.0f} | {c['code_lines']:.0f} |")
    return "\n".join(lines)


def check(counted):
    """Prints how each operation compares with the baseline; True when none has become dearer."""
    if not BASELINE.exists():
        fail(f"{BASELINE} is missing; --save writes it")
    baseline = json.loads(BASELINE.read_text(encoding="utf-8"))
    good = True
    for name, now in counted.items():
        if name not in baseline:
            fail(f"{BASELINE} has no '{name}'; --save writes it anew")
        was, is_ = baseline[name]["instructions"], now["instructions"]
        dearer = is_ > was * (1 + TOLERANCE) + 2
        cheaper = is_ < was * (1 - TOLERANCE) - 2
        good = good and not dearer
        word = "DEARER" if dearer else "cheaper: --save keeps it so" if cheaper else "ok"
        print(f"{name:18} {was:8.1f} -> {is_:8.1f} instructions  {word}")
    return good


def save(counted):
    BASELINE.write_text(json.dumps(counted, indent=1) + "\n", encoding="utf-8")
    text = README.read_text(encoding="utf-8")
    marks = r"(<!-- instructions.py: begin -->\n).*?(<!-- instructions.py: end -->)"
    changed, found = re.subn(marks, lambda m: m[1] + markdown(counted) + "\n" + m[2], text, flags=re.S)
    if not found:
        fail(f"{README} has no place for the table")
    README.write_text(changed, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0], allow_abbrev=False)
    parser.error = lambda message: fail(f"{message} (--help lists the options)")
    parser.add_argument("--check", action="store_true", help="compare with instructions.json; exit 1 when one is dearer")
    parser.add_argument("--save", action="store_true", help="write instructions.json and the table in README.md")
    parser.add_argument("--build", metavar="DIR", type=pathlib.Path, default=HERE.parent / "build/release",
                        help="the CMake build with taut_operations (build/release)")
    chosen = parser.parse_args()
    if chosen.check and chosen.save:
        fail("--check and --save exclude each other")
    if not shutil.which("valgrind"):
        fail("valgrind is not on PATH; install Debian's valgrind")
    program = chosen.build.resolve() / "bench/taut_operations"
    if not program.exists():
        fail(f"{program} is missing; cmake --build --preset release builds it")
    counted = measure(program, not chosen.check)
    if chosen.check:
        return 0 if check(counted) else 1
    if chosen.save:
        save(counted)
    print(markdown(counted))
    return 0


if __name__ == "__main__":
    sys.exit(main())
