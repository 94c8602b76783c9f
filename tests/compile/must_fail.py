#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that SOURCE compiles, and that it fails with the text of each `// WRONG n: text` under -DWRONG=n.

usage: must_fail.py COMPILER INCLUDE_DIR SOURCE
"""
import pathlib
import re
import subprocess
import sys


def main():
    compiler, include, source = sys.argv[1:]
    command = [compiler, "-std=c++20", "-fsyntax-only", f"-I{include}", source]
    cases = re.findall(r"// WRONG (\d+): (.+)", pathlib.Path(source).read_text())
    if not cases:
        sys.exit(f"{source}: no line says `// WRONG n: text`")
    bad = subprocess.run([*command, "-DWRONG=0"]).returncode != 0
    for number, text in cases:
        run = subprocess.run([*command, f"-DWRONG={number}"], capture_output=True, text=True)
        if run.returncode == 0:
            print(f"{source}: WRONG {number} compiles")
            bad = True
        elif text.strip() not in run.stderr:
            print(f"{source}: WRONG {number} does not say: {text}\n{run.stderr}")
            bad = True
    sys.exit(bad)


if __name__ == "__main__":
    main()
