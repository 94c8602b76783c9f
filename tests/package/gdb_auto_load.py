#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""GDB finds the goroutine commands of an installed taut by itself: for the shared library in the
folder that GDB keeps for it, for the static one in the program.

usage: gdb_auto_load.py PREFIX CONSUMER
"""
import shutil
import subprocess
import sys


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    if shutil.which("gdb") is None:
        print("gdb is not installed: skipped")
        sys.exit(77)
    prefix, consumer = sys.argv[1:]
    command = ["gdb", "-q", "-batch", "-nx", "-iex", "set debuginfod enabled off",
               "-iex", f"set auto-load safe-path {prefix}:{consumer}",
               "-iex", f"set auto-load scripts-directory {prefix}/share/gdb/auto-load",
               "-ex", "break main", "-ex", "run", "-ex", "help goroutine", consumer]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if "goroutine N locals" not in done.stdout:
        sys.exit(f"GDB did not load its script:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    main()
