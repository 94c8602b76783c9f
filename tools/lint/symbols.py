#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The symbol gate: libtaut.so exports names of taut::v0, their type information, and taut_ C names.

usage: symbols.py LIBTAUT.SO
"""
import re
import subprocess
import sys

ALLOWED = re.compile(r"""
    taut_\w+$                                                   # the C table
  | (?:(?:typeinfo|typeinfo\ name|vtable|VTT|guard\ variable|(?:non-)?virtual\ thunk)
       \ (?:for|to)\ )? taut::v0::(?!rt::)                      # the C++ API, not the inside
""", re.VERBOSE)


def exported(library):
    """Yields (mangled, demangled) of every defined dynamic symbol."""
    nm = ["nm", "--dynamic", "--defined-only", "--format=posix"]
    plain = subprocess.run([*nm, library], check=True, capture_output=True, text=True).stdout
    names = [line.split()[0].split("@")[0] for line in plain.splitlines()]
    clear = subprocess.run(["c++filt"], input="\n".join(names), check=True, capture_output=True,
                           text=True).stdout
    return zip(names, clear.splitlines())


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        symbols = list(exported(sys.argv[1]))
    except subprocess.CalledProcessError as error:
        sys.exit(f"{sys.argv[1]}: nm failed: {error.stderr.strip()}")
    bad = [clear for _, clear in symbols if not ALLOWED.match(clear)]
    for clear in bad:
        print(f"exported, but outside taut::v0 and the taut_ table: {clear}")
    if not any(clear.startswith("taut::v0::") for _, clear in symbols):
        print(f"{sys.argv[1]}: exports nothing of taut::v0; is this libtaut?")
        bad.append("")
    print(f"{len(symbols)} symbols exported, {len(bad)} wrong")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
