# SPDX-License-Identifier: Apache-2.0
# Continues commands.py: core files and values; installs everything.

# ---- core files -----------------------------------------------------------------------------------

def loads_of(file):
    """(address, size, offset) of each PT_LOAD of a 64-bit ELF file."""
    head = file.read(64)
    if head[:5] != b"\x7fELF\x02":
        raise gdb.GdbError("What gcore wrote is no 64-bit ELF file.")
    at, sections = struct.unpack_from("<QQ", head, 32)
    entry, count = struct.unpack_from("<HH", head, 54)
    if count == 0xffff:  # more than fit: the first section tells
        file.seek(sections + 44)
        count = word(file.read(4), 0, 4)
    file.seek(at)
    table = file.read(entry * count)
    for i in range(count):
        kind, _, offset, address, _, size = struct.unpack_from("<IIQQQQ", table, i * entry)
        if kind == 1:
            yield address, size, offset


class GcoreGoroutines(gdb.Command):
    """Writes a core file as gcore does, with the stacks of goroutines.

gcore-goroutines [FILE]
Guard pages lie between the stacks, inside one mapping. gcore stops reading a mapping at the first
page that cannot be read; this command adds what it left out. The kernel's own cores have it all."""

    def __init__(self):
        super().__init__("gcore-goroutines", gdb.COMMAND_FILES, gdb.COMPLETE_FILENAME)

    def invoke(self, argument, _):
        process = Process()
        path = os.path.expanduser(argument.strip()) or f"core.{gdb.selected_inferior().pid}"
        gdb.execute(f"generate-core-file {path}", to_string=True)
        stacks = pages = 0
        with open(path, "r+b") as file:
            loads = sorted(loads_of(file))
            for g in process.goroutines:
                low = g.sp if g.parked() else g.low
                stacks += 1
                for page in range(low & ~4095, g.high, 4096):
                    pages += self.copy(file, loads, page)
        gdb.write(f"Saved corefile {path}, with {stacks} goroutines' stacks ({pages} pages).\n")

    @staticmethod
    def copy(file, loads, page):
        for address, size, offset in loads:
            if address <= page and page + 4096 <= address + size:
                try:
                    data = read(page, 4096)
                except gdb.MemoryError:
                    return 0
                if data.count(0) == len(data):
                    return 0
                file.seek(offset + page - address)
                file.write(data)
                return 1
        return 0


# ---- values ---------------------------------------------------------------------------------------

class ChannelPrinter:
    """A handle of a channel, as what it refers to."""

    def __init__(self, value):
        self.value = value

    def to_string(self):
        handle = int(self.value["handle_"]["image_"]["word_"])
        try:
            return channel_text(find_table(), handle)
        except gdb.error:
            return f"a channel at {handle:#x}"


def printer_of(value):
    kind = value.type.strip_typedefs()
    name = kind.name or ""
    if kind.code == gdb.TYPE_CODE_STRUCT and re.match(r"taut::(v\d+::)?(send_|recv_)?chan<", name):
        return ChannelPrinter(value)
    return None


def install():
    gdb.unwinder.register_unwinder(None, ParkedUnwinder(), replace=True)
    gdb.frame_filters[HideReal.name] = HideReal()
    gdb.pretty_printers[:] = [p for p in gdb.pretty_printers
                              if getattr(p, "__name__", "") != printer_of.__name__]
    gdb.pretty_printers.append(printer_of)
    InfoGoroutines()
    GoroutineCommand()
    GcoreGoroutines()


install()
