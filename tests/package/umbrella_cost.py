#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The umbrella header has a budget: including it costs the compiler less than SECONDS of CPU time.

CPU time, because other programs run beside this one; and the best of up to ten runs, because they
also slow it down: a run below the limit is proof enough.

usage: umbrella_cost.py COMPILER INCLUDE_DIR SECONDS
"""
import resource
import subprocess
import sys


def cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main():
    compiler, include, limit = sys.argv[1], sys.argv[2], float(sys.argv[3])
    command = [compiler, "-std=c++20", "-fsyntax-only", f"-I{include}", "-x", "c++", "-"]
    best = float("inf")
    for _ in range(10):
        if best < limit:
            break
        before = cpu_seconds()
        subprocess.run(command, input=b"#include <taut/taut.h>\n", check=True)
        best = min(best, cpu_seconds() - before)
    print(f"#include <taut/taut.h>: {best:.2f} s, limit {limit:.2f} s")
    sys.exit(best >= limit)


if __name__ == "__main__":
    main()
