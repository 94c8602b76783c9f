# SPDX-License-Identifier: Apache-2.0
# Continues frames.py: what goroutines look like, and the commands.

def short(file):
    return file.rsplit("/", 1)[-1]


SYSTEM, SYSTEM_NEVER_INLINED = (0, 1), (0, 2)  # site.h
OWNER_SHIFT, THREAD_BIT = 4, 58  # lock_record.h


def place(table, site):
    file, line = table.site(site)
    return f"{short(read_text(file))}:{line}" if file else "?"


def calls(return_address, inside):
    """Whether the call before the address went to the function that `inside` lies in."""
    function = gdb.block_for_pc(inside - 1)
    while function is not None and (function.function is None or
                                    function.superblock.function is not None):
        function = function.superblock
    try:
        code = read(return_address - 5, 5)
    except gdb.MemoryError:
        return False
    target = return_address + int.from_bytes(code[1:], "little", signed=True)
    return function is not None and code[0] == 0xe8 and target == function.start


def lock_place(table, data):
    """Where the owner locked. A guard of the standard library leaves return addresses instead."""
    where = table.get(data, "lock.where")
    taken = table.site(where)
    inner = table.get(data, "lock.caller")
    outer = [table.get(data, "lock.second_caller"), table.get(data, "lock.third_caller")]
    if taken == SYSTEM:
        outer = [address for address in outer if calls(address, inner)]
    elif taken != SYSTEM_NEVER_INLINED:
        return place(table, where) if taken[0] else None
    for address in [inner] + outer:
        if not address:
            continue
        sal = gdb.find_pc_line(address - 1)
        if sal.symtab is not None and "/include/c++/" not in sal.symtab.fullname():
            return f"{short(sal.symtab.fullname())}:{sal.line}"
        # Inlined into the function that the reader wrote.
        block = gdb.block_for_pc(address - 1)
        while block is not None:
            name = block.function.print_name if block.function is not None else None
            if name is not None and not name.startswith("std::"):
                return name
            block = block.superblock
    return None


def birthplace(g):
    text = place(g.table, g.created)
    if text.startswith("runtime.cc:") and g.parent == 0:
        return "taut::run"
    return text


def duration(ns, exact):
    if ns < 0:
        return "0s"
    seconds = ns / 1e9
    if seconds < 1:
        text = f"{ns // 1_000_000}ms"
    elif seconds < 60:
        text = f"{seconds:.1f}s"
    elif seconds < 3600:
        text = f"{int(seconds) // 60}m{int(seconds) % 60:02}s"
    else:
        text = f"{int(seconds) // 3600}h{int(seconds) // 60 % 60:02}m"
    return text if exact else ">" + text


def where(g):
    """Of one that waits, the place that it noted; else its innermost frame of the program's."""
    if g.waits() and g.table.site(g.waits_at)[0]:
        return place(g.table, g.waits_at)
    try:
        with in_frames(g):
            frame = gdb.selected_frame()
            sal = frame.find_sal()
            if sal.symtab is not None:
                return f"{short(sal.symtab.filename)}:{sal.line}"
            return frame.name() or f"{frame.pc():#x}"
    except gdb.error:  # GdbError as well
        return "?"


def sentence(process, g):
    """goroutine 7 [chan receive, 3m10s] "name\""""
    since = f", {duration(process.now - g.since, process.exact)}" if g.waits() else ""
    name = f' "{g.name}"' if g.name else ""
    return f"goroutine {g.id} [{g.status()}{since}]{name}"


def owner_text(owner):
    if owner == 0:
        return "nobody"
    return "a thread that is no goroutine" if owner >> THREAD_BIT else f"goroutine {owner}"


def channel_text(table, address):
    if address == 0:
        return "a nil channel"
    try:
        data = table.record(address, "channel")
    except gdb.MemoryError:
        return f"the channel at {address:#x}, which cannot be read"
    handles = table.get(data, "channel.handles")
    closed = ", closed" if table.get(data, "channel.closed") else ""
    return (f"the channel at {address:#x}, made at {place(table, table.get(data, 'channel.made'))}: {table.get(data, 'channel.count')} "
            f"of {table.get(data, 'channel.capacity')} buffered, {handles & 0xffffffff} sending and "
            f"{handles >> 32} receiving handles{closed}")


def object_texts(g):
    table = g.table
    if not g.waits():
        return
    if g.reason in ("chan receive", "chan send"):
        # A wait for a context's end looks the same to Go's tools; its object is no channel.
        if table.reasons.index(g.reason) == table.reasons.index("chan receive") or g.object:
            yield channel_text(table, g.object)
    elif g.reason == "select" and g.cases <= MOST_CASES:
        try:
            data = read(g.case_list, g.cases * table.size("case"))
        except gdb.MemoryError:
            return
        for i in range(g.cases):
            case = data[i * table.size("case"):(i + 1) * table.size("case")]
            sends = "send to" if table.get(case, "case.sends") else "receive from"
            yield f"case {i}: {sends} {channel_text(table, table.get(case, 'case.channel'))}"
    elif g.reason.startswith(("sync.Mutex", "sync.RWMutex")) and g.object:
        try:
            data = table.record(g.object, "lock")
        except gdb.MemoryError:
            yield f"the lock at {g.object:#x}, which cannot be read"
            return
        owner = table.get(data, "lock.state") >> OWNER_SHIFT
        taken = lock_place(table, data)
        yield f"the lock at {g.object:#x}, held by {owner_text(owner)}" + (
            f", taken at {taken}" if owner and taken else "")
    elif g.object:
        yield f"the object at {g.object:#x}"


def as_record(process, g):
    record = {"id": g.id, "status": g.status(), "where": where(g), "created_at": birthplace(g)}
    if g.parent:
        record["parent"] = g.parent
    if g.waits():
        record["wait_ns"] = max(process.now - g.since, 0)
        record["wait_ns_exact"] = process.exact
        record["object"] = f"{g.object:#x}"
    if g.name:
        record["name"] = g.name
    if g.labels():
        record["labels"] = g.labels()
    if g.worker_tid is not None:
        record["thread"] = g.worker_tid
    return record


# ---- commands -------------------------------------------------------------------------------------

class InfoGoroutines(gdb.Command):
    """Goroutines of this process or core: number, status, how long, where, created where and by whom.

info goroutines [-json] [-sort id|wait|state] [WORD...]
Only those whose line contains every WORD are shown. A time with > is a lower bound: a core file
does not say when it was written."""

    def __init__(self):
        super().__init__("info goroutines", gdb.COMMAND_STATUS)

    def invoke(self, argument, _):
        words, order, as_json = gdb.string_to_argv(argument), "id", False
        if "-json" in words:
            words.remove("-json")
            as_json = True
        if "-sort" in words:
            at = words.index("-sort")
            order = words[at + 1] if at + 1 < len(words) else ""
            del words[at:at + 2]
        orders = {"id": lambda g: g.id, "state": lambda g: (g.status(), g.id),
                  "wait": lambda g: (g.since if g.waits() else process.now, g.id)}
        if order not in orders:
            raise gdb.GdbError("-sort takes id, wait or state.")
        for text in words:
            if text.startswith("-"):
                raise gdb.GdbError(f"There is no option {text}; there are -json and -sort.")
        process = Process()
        rows = []
        for g in sorted(process.goroutines, key=orders[order]):
            since = duration(process.now - g.since, process.exact) if g.waits() else ""
            by = f" by {g.parent}" if g.parent else ""
            row = (str(g.id), g.status(), since, where(g), birthplace(g) + by, g.name)
            if all(text in " ".join(row) for text in words):
                rows.append((g, row))
        if as_json:
            gdb.write(json.dumps([as_record(process, g) for g, _ in rows], indent=1) + "\n")
            return
        rows.insert(0, (None, ("Id", "Status", "For", "Where", "Created at", "Name")))
        widths = [max(len(row[i]) for _, row in rows) for i in range(6)]
        for g, row in rows:
            mark = "*" if g is not None and g.id == process.table.stopped_goroutine else " "
            line = "  ".join(text.ljust(width) for text, width in zip(row, widths))
            gdb.write(f"{mark} {line}".rstrip() + "\n")
        if process.table.stopped_by:
            gdb.write(f"* got signal {process.table.stopped_by}\n" if process.table.stopped_goroutine
                      else f"a thread that is no goroutine got signal {process.table.stopped_by}\n")
        if process.unreadable:
            gdb.write(f"{process.unreadable} pieces of the list of goroutines cannot be read: there "
                      "may be more.\n")


def print_locals(g):
    for frame in frames_of(g):
        if is_runtime(frame):
            continue
        frame.select()
        gdb.execute("frame")
        gdb.execute("info locals")


class GoroutineCommand(gdb.Command):
    """What is known of a goroutine, or a GDB command run in its frames.

goroutine N              what it waits for, since when, its labels
goroutine N bt           its stack; any other GDB command works as well
goroutine N locals       the locals of the frames that are the program's own
goroutine all COMMAND    the command in each
The frame selected for the command is the innermost one of the program's own code."""

    def __init__(self):
        super().__init__("goroutine", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        which, _, command = argument.strip().partition(" ")
        if which == "all" and command:
            process = Process()
            for g in sorted(process.goroutines, key=lambda g: g.id):
                gdb.write(sentence(process, g) + "\n")
                try:
                    self.run(g, command, from_tty)
                except gdb.error as error:
                    gdb.write(f"{error}\n")
                gdb.write("\n")
            return
        if not which.isdigit():
            raise gdb.GdbError("goroutine takes a number, or `all` and a command, as in: goroutine 7 "
                               "bt")
        process = Process()
        g = process.find(int(which))
        if command:
            self.run(g, command, from_tty)
        else:
            self.describe(process, g)

    @staticmethod
    def run(g, command, from_tty):
        with in_frames(g):
            if command.strip() == "locals":
                print_locals(g)
            else:
                gdb.execute(command, from_tty)

    @staticmethod
    def describe(process, g):
        gdb.write(sentence(process, g) + f"\n  at          {where(g)}\n")
        for text in object_texts(g):
            gdb.write(f"  waits for   {text}\n")
        by = f" by goroutine {g.parent}" if g.parent else ""
        gdb.write(f"  created at  {birthplace(g)}{by}\n")
        if g.worker_tid is not None:
            gdb.write(f"  runs on     thread {g.worker_tid}\n")
        if g.pinned:
            gdb.write("  pinned      it never changes its thread\n")
        for key, value in g.labels().items():
            gdb.write(f"  label       {key}: {value}\n")
        gdb.write(f"  stack       {g.low:#x}-{g.high:#x}\n")
