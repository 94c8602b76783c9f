#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The umbrella header has a budget: including it costs the compiler less than SECONDS of CPU time.

CPU time, because other programs run beside this one; and the best of up to ten runs, because they
also slow it down: a run below the limit is proof enough.

The limit is meant for a machine on which <system_error> alone costs 0.31 s; on a slower one it grows in proportion, so that
the check judges the header and not the machine.

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
    def cost(header, rounds, enough):
        best = float("inf")
        for _ in range(rounds):
            if best < enough:
                break
            before = cpu_seconds()
            subprocess.run(command, input=f"#include <{header}>\n".encode(), check=True)
            best = min(best, cpu_seconds() - before)
        return best

    limit *= max(1.0, cost("system_error", 3, 0.0) / 0.31)
    best = cost("taut/taut.h", 10, limit)
    print(f"#include <taut/taut.h>: {best:.2f} s, limit {limit:.2f} s")
    sys.exit(best >= limit)


if __name__ == "__main__":
    main()
