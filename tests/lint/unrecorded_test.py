#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The sources that record must compile without recording too: nobody builds that but who measures what recording costs.

usage: unrecorded_test.py --cxx COMPILER
"""
import argparse
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
FLAGS = ["-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", f"-I{ROOT}/include", f"-I{ROOT}/src"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--cxx", required=True)
    cxx = parser.parse_args().cxx
    sources = [f for f in sorted((ROOT / "src").rglob("*.cc")) if re.search(r"\brecords\b", f.read_text())]
    # A name that the option no longer has would let everything pass.
    if (len(sources) < 10 or "defined(TAUT_UNRECORDED)" not in (ROOT / "src/base/recording.h").read_text()
            or "add_compile_definitions(TAUT_UNRECORDED=1)" not in (ROOT / "CMakeLists.txt").read_text()):
        print("what this test looks for has been renamed")
        return 1
    failed = 0
    for source in sources:
        run = subprocess.run([cxx, *FLAGS, "-DTAUT_UNRECORDED=1", str(source)], capture_output=True, text=True, check=False)
        if run.returncode != 0:
            print(run.stderr)
            failed += 1
    print(f"{len(sources)} sources, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
