# SPDX-License-Identifier: Apache-2.0
# Continues table.py: frames of parked and running goroutines.

def register_names():
    """Names of the stack pointer and the program counter."""
    name = gdb.newest_frame().architecture().name()
    return ("sp", "pc") if name.startswith("aarch64") else ("rsp", "rip")


def stack_pointer(frame=None):
    frame = frame or gdb.newest_frame()
    return int(frame.read_register(register_names()[0])) & (1 << 64) - 1


class Shown:
    """The parked goroutine whose frames are shown as callers of the current thread's."""

    def __init__(self, g):
        newest = gdb.newest_frame()
        self.sp_name, self.pc_name = register_names()
        mask = (1 << 64) - 1
        self.real = (int(newest.read_register(self.sp_name)) & mask,
                     int(newest.read_register(self.pc_name)) & mask)
        table = g.table
        size = table.size("context")
        saved = read(g.sp, size)
        if table.get(saved, "context.pc") == 0:
            raise gdb.GdbError(f"The stack of goroutine {g.id} is empty in this core. gcore stops at "
                               "the guard pages between stacks (Linux 6.13 and newer): write it with "
                               "`gcore-goroutines`, or let the kernel write it.")
        self.sp, self.low, self.high = g.sp, g.low, g.high
        self.registers = {self.sp_name: g.sp + size, self.pc_name: table.get(saved, "context.pc")}
        for name in table.fields:
            register = name.partition("context.")[2]
            if register and register != "pc" and not register.startswith("d"):
                self.registers[register] = table.get(saved, name)

    def is_real(self, frame):
        """The thread's own innermost frame, with what is inlined there."""
        return not self.low <= stack_pointer(frame) <= self.high or frame.level() == 0


shown = None  # the one Shown, while a command runs


class FrameId:
    def __init__(self, sp, pc):
        self.sp, self.pc = sp, pc


class ParkedUnwinder(gdb.unwinder.Unwinder):
    def __init__(self):
        super().__init__("taut goroutine")

    def __call__(self, pending):
        if shown is None:
            return None
        mask = (1 << 64) - 1
        sp = pending.read_register(shown.sp_name)
        pc = pending.read_register(shown.pc_name)
        if (int(sp) & mask, int(pc) & mask) != shown.real:
            return None
        # Stacks are compared by address: this frame must seem to be below its caller.
        info = pending.create_unwind_info(
            FrameId(gdb.Value(shown.sp - 8).cast(sp.type), pc))
        for name, value in shown.registers.items():
            kind = pending.read_register(name).type
            info.add_saved_register(name, gdb.Value(value).cast(kind))
        return info


class HideReal:
    """Frame filter: of a parked goroutine, hides the thread's frames that its own hang on."""

    name = "taut goroutine"
    priority = 1000

    @property
    def enabled(self):
        return shown is not None

    @enabled.setter
    def enabled(self, value):
        pass

    def filter(self, frames):
        for decorator in frames:
            if shown is None or not shown.is_real(decorator.inferior_frame()):
                yield decorator


def is_runtime(frame):
    """Frames of taut and of the standard library, which the reader did not write."""
    library = gdb.solib_name(frame.pc()) or ""
    if library.rpartition("/")[2].startswith(("libtaut.so", "libc.so", "libstdc++.so",
                                              "libpthread.so", "ld-linux")):
        return True
    name = frame.name()
    if name is None:
        return False
    if name.startswith(("taut::", "taut_", "std::", "__gnu_cxx::")):
        return True
    # A lambda's name does not say whose it is; its mangled name and its file do.
    function, sal = frame.function(), frame.find_sal()
    if function is not None and re.match(r"_Z+N?K?4taut", function.linkage_name or ""):
        return True
    return sal.symtab is not None and "/include/taut/" in sal.symtab.fullname()


def frames_of(g):
    """Its frames, innermost first; inside in_frames() only."""
    frame = gdb.newest_frame()
    while frame is not None:
        if shown is None or not shown.is_real(frame):
            yield frame
        try:
            frame = frame.older()
        except gdb.error:
            return


class in_frames:
    """Selects the innermost frame of the program's own code in a goroutine."""

    def __init__(self, g):
        self.g = g

    def __enter__(self):
        global shown
        g = self.g
        self.kept = kept_selection()
        self.kept.__enter__()
        try:
            if g.worker_tid is not None:
                thread = thread_of(g.worker_tid)
                if thread is None:
                    raise gdb.GdbError(f"goroutine {g.id} runs on thread {g.worker_tid}, which is "
                                       "not there: the core lacks it.")
                thread.switch()
            elif g.parked():
                if gdb.selected_thread() is None:
                    threads = gdb.selected_inferior().threads()
                    if not threads:
                        raise gdb.GdbError("There is no thread to show frames with.")
                    threads[0].switch()
                try:
                    wanted = Shown(g)
                except gdb.MemoryError:
                    raise gdb.GdbError(f"The stack of goroutine {g.id} cannot be read: the core "
                                       "lacks it.")
                gdb.invalidate_cached_frames()
                shown = wanted
            else:
                raise gdb.GdbError(f"The registers of goroutine {g.id} are nowhere: it was caught "
                                   "between two states. Let the process run for a moment.")
            innermost = None
            for n, frame in enumerate(frames_of(g)):
                innermost = innermost or frame
                if not is_runtime(frame) or n > 200:
                    innermost = frame
                    break
            if innermost is not None:
                innermost.select()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        global shown
        if shown is not None:
            shown = None
            gdb.invalidate_cached_frames()
        self.kept.__exit__()
