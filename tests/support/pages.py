# SPDX-License-Identifier: Apache-2.0
"""What a page of docs/howto shows, and whether that is what its commands print."""
import re

from services import ROOT, until


def text_of(page):
    return (ROOT / "docs/howto" / page).read_text(encoding="utf-8")


def steps(page):
    """(prompt, command, shown output) of each command in the blocks of a page's text. The prompt is
    `$` or `(gdb)`."""
    for block in re.findall(r"^```\n((?:\$|\(gdb\)) .*?)^```", page, re.M | re.S):
        for part in re.split(r"^(?=\$ |\(gdb\) )", block, flags=re.M)[1:]:
            line, _, shown = part.partition("\n")
            prompt, _, command = line.partition(" ")
            yield prompt, command, shown


def local(text):
    """Without the folders that the sources are in, and without taut's own lines."""
    text = re.sub(r"(?:[^\s(]*/)?src/(\w+/\w+\.cc):\d+", r"src/\1", text)
    text = re.sub(r"[^\s(]*/(?=include/taut/\w+\.h)", "", text)
    return re.sub(r"(?:[^\s(]*/)?examples/leaky_search/|(?<![\w/])leaky_search/(?=\w+\.cc)", "", text)


def timeless(text):
    """Without addresses and durations."""
    text = re.sub(r"0x[0-9a-f]+", "0x?", text)
    return re.sub(r">?\b(?:\d+(?:\.\d+)?(?:ns|us|ms|s|m|h))+\b", "TIME", text)


class Numbers:
    """Goroutines have other numbers in each run. Theirs by what they are known to be, as seen in the
    table of `info goroutines`; those that no table shows are all alike."""

    def __init__(self, table):
        self.names, rows = {}, []
        for line in table.splitlines()[1:]:
            if row := re.match(r"[* ] (\d+)\s+(.*)", line):
                what = re.sub(r"\bby \d+", "by", timeless(row[2]))
                rows.append((" ".join(what.split()), int(row[1])))
        seen = {}
        for what, number in sorted(rows):
            seen[what] = seen.get(what, 0) + 1
            self.names[number] = f"<{what} #{seen[what]}>"

    def name(self, number):
        return self.names.get(int(number), "<ended>")

    def number(self, name):
        return next(number for number, known in self.names.items() if known == name)

    def unnumbered(self, text):
        text = re.sub(r"\b(goroutines?) (\d+(?:, \d+)*)",
                      lambda m: f"{m[1]} " + ", ".join(sorted(map(self.name, m[2].split(", ")))), text)
        text = re.sub(r"\bby (\d+)\b", lambda m: f"by {self.name(m[1])}", text)
        return re.sub(r"^[* ] (\d+)(?= )", lambda m: self.name(m[1]), text, flags=re.M)


def lines_of(text):
    return [line for line in (" ".join(line.split()) for line in text.splitlines()) if line]


def until_shown(case, run, command, shown, normal):
    """Runs a command until it prints what the page shows: a timer of the program's own may just run,
    and what has waited for less than a second is no leak yet."""
    printed = [""]

    def as_shown():
        printed[0] = run(command)
        return normal(printed[0]) == normal(shown)
    try:
        until(as_shown, "the page")
    except AssertionError:
        case.assertEqual(normal(printed[0]), normal(shown), f"$ {command}")
        raise


def missing(shown, printed):
    """The first of the shown lines that is not where it should be; nothing when all are. A line of
    three dots stands for any lines; what stands before, between and after them must be printed
    without a gap."""
    if "..." not in shown:
        at = next((i for i, pair in enumerate(zip(shown, printed)) if pair[0] != pair[1]),
                  min(len(shown), len(printed)))
        return (shown + printed[at:] + [""])[at] if shown != printed else None
    pieces = [piece.splitlines() for piece in re.split(r"^\.\.\.$", "\n".join(shown), flags=re.M)]
    at = 0
    for n, piece in enumerate(pieces):
        piece = [line for line in piece if line]
        places = [0] if n == 0 else range(at, len(printed) - len(piece) + 1)
        if n == len(pieces) - 1:
            places = [i for i in places if i + len(piece) == len(printed)] if piece else places
        found = next((i for i in places if printed[i:i + len(piece)] == piece), None)
        if found is None:
            # Which line it is, when it is one.
            return next((line for line in piece if line not in printed), piece[0])
        at = found + len(piece)
    return None
