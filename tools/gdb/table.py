# SPDX-License-Identifier: Apache-2.0
"""Goroutines in GDB, live and in core files. GDB 12 or newer.

  info goroutines [-json] [-sort id|wait|state] [WORD...]   all, or those whose line has the WORDs
  goroutine N                                               what is known of one
  goroutine N|all COMMAND                                   runs a GDB command in its frames
  goroutine N|all bt                                        for example
  goroutine N|all locals                                    the locals of the program's own frames
  gcore-goroutines [FILE]                                   a core file that has their stacks

Everything is read through libtaut's debug table (the symbol taut_debug_table_v1), so libtaut's own
debug information is not needed. Nothing is written to the process: a parked goroutine's registers
are shown by an unwinder that makes them the caller of the thread's innermost frame, which a frame
filter hides.

The installed taut_gdb.py is table.py, frames.py, commands.py and values.py in this order, one text: GDB
runs it from the program's debug information, where there are no modules.
"""
import json
import os
import re
import struct
import time

import gdb
import gdb.unwinder

MAGIC = b"taut debug table"
VERSION = 1
SYMBOL = "taut_debug_table_v1"
# Bounds of what is believed of a damaged process.
MOST_TABLE = 1 << 20
MOST_STRUCTURE = 1 << 16
MOST_SLABS = 1 << 16
MOST_WORKERS = 1 << 16
MOST_PER_SLAB = 1 << 24
MOST_CASES = 1 << 16
MOST_SEARCHED = 64 << 20  # bytes of one mapping, when there is no symbol
CHUNK = 1024  # descriptors read at once
STRUCTURES = ("goroutine", "slab", "worker", "channel", "case", "lock", "site", "labels", "context")
CLAIM_NONE, CLAIM_ARMED = 0, 1  # of the library's claim_state
NEEDED = {"goroutine.id", "goroutine.sp", "goroutine.state", "goroutine.reason", "goroutine.claim",
          "goroutine.queue", "channel.receivers", "channel.senders", "labels.text",
          "slab.descriptors", "slab.used", "slab.count", "worker.shown", "worker.tid", "context.pc"}


def word(data, offset=0, size=8):
    return int.from_bytes(data[offset:offset + size], "little")


def signed(value):
    return value - (1 << 64) if value >> 63 else value


def read(address, size):
    """Bytes of the process, or gdb.MemoryError."""
    return bytes(gdb.selected_inferior().read_memory(address, size))


def read_text(address, most=512):
    """A C string; empty where memory cannot be read."""
    text = b""
    while address and len(text) < most:
        size = min(64 - (address + len(text)) % 64, most - len(text))
        try:
            piece = read(address + len(text), size)
        except gdb.MemoryError:
            return text.decode(errors="replace") or "?"
        text += piece
        if 0 in piece:
            text = text[:text.index(0)]
            break
    return text.decode(errors="replace")


# ---- the table ------------------------------------------------------------------------------------

class Table:
    """The debug table of the selected inferior."""

    def __init__(self, address):
        self.address = address
        self.sites = {}
        try:
            head = read(address, 128)
        except gdb.MemoryError:
            raise gdb.GdbError(f"The memory of taut's debug table at {address:#x} cannot be read: the "
                               "core is truncated. Load the whole core, or one written with "
                               "anonymous memory (see coredump_filter in `man 5 core`).")
        if head[:16] != MAGIC:
            raise gdb.GdbError(f"There is no taut debug table at {address:#x}, where its symbol says: "
                               "the program file is not the one that ran. Load the right one with "
                               "`file`.")
        self.version, size = word(head, 16, 4), word(head, 20, 4)
        if self.version != VERSION:
            raise gdb.GdbError(f"The debug table of this process has version {self.version}; this "
                               f"script reads version {VERSION}. Source the taut_gdb.py that was "
                               "installed with that libtaut.")
        if word(head, 24) == 0:
            raise gdb.GdbError("taut is in this program, but its runtime has not started yet: there "
                               "are no goroutines.")
        (self.slabs, self.slab_count, self.workers, self.worker_count, self.coarse_time, stopped_at,
         self.stopped_goroutine) = (word(head, 40 + 8 * i) for i in range(7))
        self.stopped_at = signed(stopped_at)
        self.stopped_by, fields_at, count, field_size = (word(head, 96 + 4 * i, 4) for i in range(4))
        if not 128 <= size <= MOST_TABLE or count * field_size > size or field_size < 48:
            raise gdb.GdbError("taut's debug table is damaged: nothing can be read through it.")
        whole = read(address, size)
        self.fields = {}
        for i in range(count):
            at = fields_at + i * field_size
            name = whole[at:at + 40].split(b"\0")[0].decode(errors="replace")
            self.fields[name] = (word(whole, at + 40, 4), word(whole, at + 44, 4))
        self._check_fields()
        self.states, self.reasons, self.worker_states = (self._texts(whole, 112 + 12 * i)
                                                         for i in range(3))

    def _check_fields(self):
        for kind in STRUCTURES:
            if not 0 < self.fields.get(kind, (0, 0))[1] <= MOST_STRUCTURE:
                raise gdb.GdbError(f"taut's debug table is damaged: it has no {kind}.")
        for name, (offset, size) in self.fields.items():
            kind, _, member = name.partition(".")
            whole = self.fields.get(kind, (0, 0))[1]
            is_text = name in ("goroutine.name", "labels.text")
            if offset + size > whole or (member and size > 8 and not is_text):
                raise gdb.GdbError(f"taut's debug table is damaged: {name} lies outside.")
        if not NEEDED <= self.fields.keys():
            raise gdb.GdbError("taut's debug table is damaged: fields are missing.")

    def _texts(self, whole, at):
        offset, count, width = (word(whole, at + 4 * i, 4) for i in range(3))
        if offset + count * width > len(whole):
            return []
        return [whole[offset + i * width:offset + (i + 1) * width].split(b"\0")[0].decode(
            errors="replace") for i in range(count)]

    def size(self, name):
        return self.fields[name][1]

    def get(self, data, name, default=0):
        """A field's value, from the bytes of its structure."""
        if name not in self.fields:
            return default
        offset, size = self.fields[name]
        return word(data, offset, size)

    def record(self, address, kind):
        return read(address, self.size(kind))

    def site(self, address):
        """Address of the file's name, and line; 0 when there is none."""
        if address not in self.sites:
            try:
                data = self.record(address, "site") if address else b""
            except gdb.MemoryError:
                data = b""
            self.sites[address] = (self.get(data, "site.file"), self.get(data, "site.line"))
        return self.sites[address]


def addresses_of_symbol():
    try:
        return [int(gdb.parse_and_eval(f"(unsigned long)&{SYMBOL}"))]
    except gdb.error:
        return []


def addresses_by_search():
    """A stripped program has no symbol: its writable data is searched for the table's first bytes."""
    try:
        lines = gdb.execute("info proc mappings", to_string=True).splitlines()
    except gdb.error:
        return
    inferior = gdb.selected_inferior()
    for line in lines:
        parts = line.split()
        if len(parts) < 5 or not parts[0].startswith("0x") or not parts[-1].startswith("/"):
            continue
        begin, end = int(parts[0], 16), int(parts[1], 16)
        if end - begin > MOST_SEARCHED:
            continue
        while begin < end:
            try:
                found = inferior.search_memory(begin, end - begin, MAGIC)
            except gdb.error:  # what a core does not have
                break
            if found is None:
                break
            try:
                if word(read(found + 24, 8)) == found:
                    yield found
            except gdb.error:
                pass
            begin = found + len(MAGIC)


def find_table():
    if gdb.selected_inferior().pid == 0:
        raise gdb.GdbError("There is no process: start the program, attach to one, or load a core "
                           "with `core FILE`.")
    for candidates in (addresses_of_symbol, addresses_by_search):
        for address in candidates():
            return Table(address)
    raise gdb.GdbError(f"There is no taut in this process: neither the symbol {SYMBOL} nor the "
                       "table's bytes were found. For a core, name the program: gdb PROGRAM CORE.")


# ---- goroutines -----------------------------------------------------------------------------------

class Goroutine:
    def __init__(self, table, address, data):
        self.table, self.address = table, address

        def get(name):
            return table.get(data, "goroutine." + name)

        self.id, self.parent = get("id"), get("parent")
        self.is_thread, self.system = bool(get("is_thread")), bool(get("system"))
        self.state = self._text(table.states, get("state"))
        self.reason = self._text(table.reasons, get("reason"))
        self.object, self.since = get("wait_object"), signed(get("wait_since"))
        # One that waits for a channel is in a queue within it; a select has cases.
        queues = {"chan receive": "channel.receivers", "chan send": "channel.senders"}
        if self.reason in queues and table.reasons.index(self.reason) == get("reason"):
            self.object = get("queue") and get("queue") - table.fields[queues[self.reason]][0]
        self.waits_at, self.created = get("wait_site"), get("created")
        self.sp, self.low, self.high = get("sp"), get("stack_low"), get("stack_high")
        # As goroutine::seen_state() of the library has it.
        if not self.is_thread and self.state != "idle":
            linked = get("queue") != 0 if get("claim") == CLAIM_NONE else get("claim") == CLAIM_ARMED
            if self.sp != 0:
                self.state = "waiting" if linked else "runnable"
            elif self.state != "blocking":
                self.state = "running"
        self.cases, self.case_list = get("wait_cases"), get("wait_case_list")
        self.pinned, self.labels_at = bool(get("pinned")), get("labels")
        offset, size = table.fields.get("goroutine.name", (0, 0))
        self.name = data[offset:offset + size].split(b"\0")[0].decode(errors="replace")
        self.worker_tid = None  # of the worker that shows it as its own

    @staticmethod
    def _text(texts, index):
        return texts[index] if index < len(texts) else f"?{index}"

    def waits(self):
        return self.state == "waiting"

    def status(self):
        """As Go's dumps name it."""
        if self.waits():
            return self.reason or "waiting"
        return "syscall" if self.state == "blocking" else self.state

    def labels(self):
        if not self.labels_at:
            return {}
        try:
            data = self.table.record(self.labels_at, "labels")
        except gdb.MemoryError:
            return {}
        offset, size = self.table.fields["labels.text"]
        used = min(self.table.get(data, "labels.used"), size)
        parts = data[offset:offset + used].decode(errors="replace").split("\0")
        return dict(zip(parts[0::2], parts[1::2]))

    def parked(self):
        """Whether its registers are on its stack."""
        return (self.worker_tid is None and not self.is_thread and
                self.low <= self.sp <= self.high - self.table.size("context"))


class Process:
    """The goroutines of the selected inferior, as they are now."""

    def __init__(self):
        self.table = find_table()
        self.unreadable = 0
        shown = self._workers()
        self.goroutines = []
        for address, data in self._descriptors():
            g = Goroutine(self.table, address, data)
            if g.id == 0 or g.is_thread or g.system:
                continue
            g.worker_tid = shown.get(address)
            if g.worker_tid is not None and g.waits() and g.sp and not self._is_on(g):
                g.worker_tid = None
            self.goroutines.append(g)
        if not self.goroutines and self.unreadable:
            # Not one is there, so this is not a matter of some pages.
            raise gdb.GdbError("The memory of the goroutines cannot be read: the core is truncated, "
                               "or was written without anonymous memory (see coredump_filter in "
                               "`man 5 core`).")
        self.now, self.exact = self._time()

    def _int_at(self, address, most):
        value = word(read(address, 4), 0, 4)
        if value > most:
            raise gdb.GdbError("taut's records are damaged: a count is out of all bounds.")
        return value

    def _pointers(self, array, count, most):
        try:
            n = self._int_at(count, most)
            data = read(array, 8 * n)
        except gdb.MemoryError:
            self.unreadable += 1
            return []
        return [word(data, 8 * i) for i in range(n)]

    def _workers(self):
        table, shown = self.table, {}
        for address in self._pointers(table.workers, table.worker_count, MOST_WORKERS):
            try:
                data = table.record(address, "worker")
            except gdb.MemoryError:
                continue
            g = table.get(data, "worker.shown")
            state = Goroutine._text(table.worker_states, table.get(data, "worker.state"))
            if g and state != "ended":
                shown[g] = table.get(data, "worker.tid")
        return shown

    def _descriptors(self):
        table = self.table
        size = table.size("goroutine")
        for slab in self._pointers(table.slabs, table.slab_count, MOST_SLABS):
            try:
                data = table.record(slab, "slab")
            except gdb.MemoryError:
                self.unreadable += 1
                continue
            at, used = table.get(data, "slab.descriptors"), table.get(data, "slab.used")
            if used > min(MOST_PER_SLAB, table.get(data, "slab.count")):
                self.unreadable += 1
                continue
            for first in range(0, used, CHUNK):
                n = min(CHUNK, used - first)
                try:
                    piece = read(at + first * size, n * size)
                except gdb.MemoryError:
                    self.unreadable += 1
                    continue
                for i in range(n):
                    yield at + (first + i) * size, piece[i * size:(i + 1) * size]

    @staticmethod
    def _is_on(g):
        """A worker notes late that it left a goroutine: its thread tells."""
        thread = thread_of(g.worker_tid)
        if thread is None:
            return False
        with kept_selection():
            thread.switch()
            return g.low <= stack_pointer() < g.high

    def _time(self):
        """The scheduler's time now, and whether it is exact."""
        if self.table.stopped_at:
            return self.table.stopped_at, True
        try:
            coarse = signed(word(read(self.table.coarse_time, 8)))
        except gdb.MemoryError:
            coarse = 0
        known = max([coarse] + [g.since for g in self.goroutines if g.waits()])
        connection = gdb.selected_inferior().connection
        if connection is not None and connection.type == "native":
            now = time.monotonic_ns()
            if now >= known:  # else time is virtual
                return now, True
        return known, False

    def find(self, number):
        for g in self.goroutines:
            if g.id == number:
                return g
        raise gdb.GdbError(f"There is no goroutine {number}: `info goroutines` lists them.")


def thread_of(tid):
    for thread in gdb.selected_inferior().threads():
        if thread.ptid[1] == tid:
            return thread
    return None


class kept_selection:
    """Comes back to the thread and frame that the user selected."""

    def __enter__(self):
        self.thread = gdb.selected_thread()
        try:
            self.level = gdb.selected_frame().level()
        except gdb.error:
            self.level = 0

    def __exit__(self, *_):
        if self.thread is None or not self.thread.is_valid():
            return
        self.thread.switch()
        try:
            frame = gdb.newest_frame()
            while frame.level() < self.level and frame.older() is not None:
                frame = frame.older()
            frame.select()
        except gdb.error:
            pass
