#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs an example and compares its standard output with the comment that ends its source.

  // Output:                 the lines below, in this order
  // Unordered output:       the same lines in any order

usage: run_example.py PROGRAM SOURCE
"""
import difflib
import pathlib
import re
import subprocess
import sys

SECONDS = 50


def expected(source):
    """Returns (lines, ordered) from the trailing comment, or None when there is none."""
    lines = pathlib.Path(source).read_text().rstrip().splitlines()
    starts = [n for n, line in enumerate(lines) if re.match(r"// (Output|Unordered output):", line)]
    if not starts or any(not line.startswith("//") for line in lines[starts[-1]:]):
        return None
    first = starts[-1]
    wanted = [re.sub(r"^// ?", "", line).rstrip() for line in lines[first + 1:]]
    rest = lines[first].split(":", 1)[1].strip()
    return ([rest] if rest else []) + wanted, lines[first].startswith("// Output")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    program, source = sys.argv[1:]
    found = expected(source)
    if found is None:
        sys.exit(f"{source}: the file must end with an `// Output:` or `// Unordered output:` comment")
    wanted, ordered = found
    try:
        run = subprocess.run([program], stdout=subprocess.PIPE, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        sys.exit(f"{program}: still running after {SECONDS} s")
    printed = [line.rstrip() for line in run.stdout.splitlines()]
    if not ordered:
        wanted, printed = sorted(wanted), sorted(printed)
    for line in difflib.unified_diff(wanted, printed, "expected", "printed", lineterm=""):
        print(line)
    if run.returncode:
        print(f"{program}: exit status {run.returncode}")
    sys.exit(wanted != printed or run.returncode != 0)


if __name__ == "__main__":
    main()
