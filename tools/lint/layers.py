#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The dependency rule: a file includes its own layer and the layers before it in src/layers.txt.

Public headers never include src/, include/taut/detail/ includes only detail/ and export.h, and users
(examples, bench/peers, tools) see public headers only.

usage: layers.py ROOT
"""
import pathlib
import re
import sys

CODE = {".h", ".cc", ".S"}
INCLUDE = re.compile(r'\s*#\s*include\s*[<"]([^">]+)[">]')
# Folders of code that stands outside the library and may not look inside it.
USERS = ["examples", "bench/peers", "tools"]
# But a function is called the same by the command as by the library: its names are text, no state.
MAY_LOOK = {"tools/cli/frame_names.cc": {"diag/symbolize.h"}}
# What include/taut/detail/ may include from the rest of include/taut/.
DETAIL_MAY = {"taut/export.h"}


def includes(file):
    for number, line in enumerate(file.read_text(errors="replace").splitlines(), 1):
        if found := INCLUDE.match(line):
            yield number, found[1]


def code(folder):
    return sorted(p for p in folder.rglob("*") if p.suffix in CODE)


def check(root):
    layers = (root / "src/layers.txt").read_text().split()
    rank = {layer: n for n, layer in enumerate(layers)}
    for file in code(root / "src"):
        parts = file.relative_to(root / "src").parts
        if len(parts) < 2 or parts[0] not in rank:
            yield file, 1, "a source file belongs to a folder named in src/layers.txt"
            continue
        for number, name in includes(file):
            other = name.split("/")[0]
            if "/" in name and (root / "src" / other).is_dir():
                if other not in rank or rank[other] > rank[parts[0]]:
                    yield file, number, f"{parts[0]}/ may not include {other}/"
    for file in code(root / "include"):
        in_detail = "detail" in file.relative_to(root / "include").parts
        for number, name in includes(file):
            if name.split("/")[0] in rank or name.startswith("src/"):
                yield file, number, f"a public header may not include src/ ({name})"
            elif name.startswith("taut/interop/") and "interop" not in file.parts:
                yield file, number, "only interop/ may include interop/"
            elif (in_detail and name.startswith("taut/") and name not in DETAIL_MAY
                  and not name.startswith("taut/detail/")):
                yield file, number, f"detail/ may include only detail/ and export.h ({name})"
    for folder in USERS:
        for file in code(root / folder):
            for number, name in includes(file):
                if (name.split("/")[0] in rank and (root / "src" / name).exists()
                        and name not in MAY_LOOK.get(file.relative_to(root).as_posix(), ())):
                    yield file, number, f"{folder}/ uses public headers only ({name})"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    bad = 0
    for file, number, what in check(root):
        print(f"{file.relative_to(root)}:{number}: {what}")
        bad += 1
    sys.exit(bad != 0)


if __name__ == "__main__":
    main()
