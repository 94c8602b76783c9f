#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""House rules that no compiler checks. Prints `file:line: what is wrong` and exits 1 when any is.

A rule is a function marked @rule that yields (file, line, message); its docstring is the rule.

usage: rules.py [--list] [ROOT]
"""
import pathlib
import re
import sys

LICENSE = "SPDX-License-Identifier: Apache-2.0"
MAX_LINES = 700
SKIP = {".git", "build", "__pycache__", "third_party"}
SOURCES = {".h", ".cc", ".S"}
COUNTED = SOURCES | {".py", ".js", ".ts", ".sh"}
LICENSED = COUNTED | {".cmake"}
LICENSED_NAMES = {"CMakeLists.txt", "dev", "run"}
THREAD_LOCAL_HOME = "src/sched/current.cc"
# Functions that others call by name and that never switch goroutines, and why they need one.
MAY_BE_THREAD_LOCAL = {
    "src/heap/hook/malloc.cc": "counts a thread's bytes in the fast path of malloc()",
}

# The stem rule. Public headers that are no primitives of their own, and why.
NOT_PRIMITIVES = {
    "taut": "the umbrella",
    "export": "macros",
    "version": "a number",
}
# What each other public header's stem must have: a name for it, and globs of which one must match.
STEM_NEEDS = [
    ("a test", ["tests/unit/*/{stem}_test.cc", "tests/unit/*/{stem}_*_test.cc",
                "tests/semantics/{stem}_test.cc", "tests/semantics/{stem}_*_test.cc"]),
    ("an example or a doc page", ["examples/[0-9]*_{stem}.cc", "examples/[0-9]*_{stem}_*.cc",
                                  "docs/tutorial/{stem}.md", "docs/howto/{stem}.md",
                                  "docs/reference/{stem}.md"]),
    ("a reference page", ["docs/reference/{stem}.md"]),
]

RULES = []


def rule(function):
    RULES.append(function)
    return function


def files(root, *folders, suffixes=SOURCES):
    for folder in folders:
        for file in sorted((root / folder).rglob("*")):
            inside = file.relative_to(root).parts
            if file.suffix in suffixes and not SKIP & set(inside) and file.is_file():
                yield file


def lines(file):
    return file.read_text(errors="replace").splitlines()


def is_comment(line):
    return re.match(r"\s*(//|\*|/\*)", line) is not None


@rule
def memory_order(root):
    """An order weaker than seq_cst carries an MO-n tag; the top of the file says what each tag pairs with."""
    weak = re.compile(r"memory_order(_|::)(relaxed|consume|acquire|release|acq_rel)\b")
    for file in files(root, "src", "include"):
        text = lines(file)
        described = {m[1]: n for n, line in enumerate(text, 1)
                     if (m := re.match(r"//\s+(MO-\d+)\s+\S", line))}
        used = set()
        for n, line in enumerate(text, 1):
            if is_comment(line):
                continue
            tags = set(re.findall(r"MO-\d+", line))
            used |= tags
            for tag in sorted(tags - described.keys()):
                yield file, n, f"{tag} is not described at the top of this file"
            if not weak.search(line):
                continue
            # A long statement keeps its tag on its last line.
            last = n
            while (not re.search(r"[;{}]\s*(//.*)?$", text[last - 1]) and last < len(text)
                   and last < n + 5):
                last += 1
            if not any("MO-" in t for t in text[n - 1:last]):
                yield file, n, "a memory order weaker than seq_cst without an MO- tag"
        # The header of a pair may tell the whole story of a field that the source touches.
        twin = file.with_suffix(".cc" if file.suffix == ".h" else ".h")
        if twin.exists():
            used |= {tag for line in lines(twin) if not is_comment(line)
                     for tag in re.findall(r"MO-\d+", line)}
        for tag in sorted(described.keys() - used):
            yield file, described[tag], f"{tag} is described but never used"


@rule
def thread_local(root):
    """Only src/sched/current.cc has thread_local variables: goroutines change threads."""
    for file in files(root, "src", "include"):
        name = file.relative_to(root).as_posix()
        if name == THREAD_LOCAL_HOME or name in MAY_BE_THREAD_LOCAL:
            continue
        for n, line in enumerate(lines(file), 1):
            if not is_comment(line) and re.search(r"\b(thread_local|__thread)\b",
                                                  re.sub(r'//.*|"[^"]*"', "", line)):
                yield file, n, f"thread_local outside {THREAD_LOCAL_HOME}"


@rule
def length(root):
    """No source file is longer than 700 lines."""
    for file in files(root, ".", suffixes=COUNTED):
        if (count := len(lines(file))) > MAX_LINES:
            yield file, count, f"{count} lines; {MAX_LINES} is the limit"


@rule
def license_line(root):
    """The first line of every source file names the licence (the second, below a #!)."""
    for file in sorted(root.rglob("*")):
        if SKIP & set(file.relative_to(root).parts) or not file.is_file():
            continue
        if file.suffix not in LICENSED and file.name not in LICENSED_NAMES:
            continue
        head = lines(file)[:2]
        first = head[1:] if head and head[0].startswith("#!") else head[:1]
        if not first or LICENSE not in first[0]:
            yield file, 1, f"the first line must say {LICENSE}"


@rule
def umbrella(root):
    """taut.h includes every public header except detail/ and interop/, and nothing else of ours."""
    public = {f"taut/{p.name}" for p in (root / "include/taut").glob("*.h") if p.name != "taut.h"}
    file = root / "include/taut/taut.h"
    if not file.exists():
        if public:
            yield file, 1, "the umbrella header is missing"
        return
    named = re.findall(r'#\s*include\s*["<](taut/[^">]+)[">]', file.read_text())
    for name in sorted(public - set(named)):
        yield file, 1, f"does not include {name}"
    for name in sorted(set(named) - public):
        yield file, 1, f"includes {name}, which is no public header"


@rule
def semantics(root):
    """Each rule of docs/semantics.md (**CHAN-07**) has a test named CHAN_07_..., and each such test a rule."""
    page = root / "docs/semantics.md"
    rules = {}
    if page.exists():
        for n, line in enumerate(lines(page), 1):
            for name in re.findall(r"\*\*([A-Z][A-Z_]*-\d{2,})\*\*", line):
                if name in rules:
                    yield page, n, f"{name} is defined twice (first in line {rules[name]})"
                rules.setdefault(name, n)
    areas = {name.rsplit("-", 1)[0] for name in rules}
    tested = set()
    for file in files(root, "tests"):
        if not file.name.endswith("_test.cc"):
            continue
        in_semantics = file.parent.name == "semantics"
        for n, line in enumerate(lines(file), 1):
            if is_comment(line):
                continue
            for area, number in re.findall(r"\b([A-Z][A-Z_]*)_(\d{2,})_[a-z]", line):
                name = f"{area}-{number}"
                tested.add(name)
                if name not in rules and (in_semantics or area in areas):
                    yield file, n, f"{name} is not a rule of docs/semantics.md"
    for name in sorted(rules.keys() - tested):
        yield page, rules[name], f"{name} has no test named {name.replace('-', '_')}_..."


@rule
def stems(root):
    """One word names a thing everywhere: each public primitive has its test, example and pages."""
    for header in sorted((root / "include/taut").glob("*.h")):
        if header.stem in NOT_PRIMITIVES:
            continue
        for what, globs in STEM_NEEDS:
            wanted = [g.format(stem=header.stem) for g in globs]
            if not any(next(root.glob(g), None) for g in wanted):
                yield header, 1, f"{header.stem} has no {what.split(' ', 1)[1]} ({wanted[0]})"


@rule
def pages_compile(root):
    """Each C++ block in README.md and docs/ stands word for word in an example or a test."""
    compiled = [f.read_text(errors="replace") for f in files(root, "examples", "tests")]
    for page in [root / "README.md", *sorted((root / "docs").rglob("*.md"))]:
        if not page.exists():
            continue
        text = page.read_text()
        for block in re.finditer(r"^```(?:cpp|c\+\+)\n(.*?)^```", text, re.M | re.S):
            if not any(block[1] in source for source in compiled):
                at = text.count("\n", 0, block.start()) + 1
                yield page, at, "this code is in no example or test, so nothing compiles it"


@rule
def links(root):
    """Links between our pages lead somewhere."""
    for page in [*sorted(root.glob("*.md")), *files(root, "docs", "src", "bench", suffixes={".md"})]:
        for n, line in enumerate(lines(page), 1):
            for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", line):
                if "://" not in target and not (page.parent / target).exists():
                    yield page, n, f"a link to {target}, which does not exist"


@rule
def machine_paths(root):
    """Nothing names a folder of one machine."""
    path = re.compile(r"(?<![\w.$}/])/(?:work|root|home)/\w")
    for file in files(root, ".", suffixes=LICENSED | {".md", ".json", ".txt", ""}):
        for n, line in enumerate(lines(file), 1):
            if path.search(line):
                yield file, n, "a path of one machine"


def check(root):
    for each in RULES:
        yield from each(root)


def main():
    arguments = sys.argv[1:]
    if arguments[:1] == ["--list"]:
        for each in RULES:
            print(f"{each.__name__:14} {each.__doc__}")
        return
    root = pathlib.Path(arguments[0] if arguments else ".").resolve()
    bad = 0
    for file, number, what in check(root):
        print(f"{file.relative_to(root)}:{number}: {what}")
        bad += 1
    sys.exit(bad != 0)


if __name__ == "__main__":
    main()
