"""gdb commands for programs that use goro:

  info goroutines        all of them, a line each
  goroutine N COMMAND    a gdb command in the context of goroutine N, or of `all`

Load it with `source goro.py`. docs/gdb.md shows both at work.

The program says itself where everything lies, in the table `goro_gdb_layout` (src/diag/gdb_layout.hpp), so no type
information is needed. All is read from memory, nothing is written and nothing is called: a core file does as well.

How a goroutine without a thread is shown: gdb unwinds the stack of the present thread, and there is no other way to
have it unwind than from a thread's registers, which in a core file nobody can change. So they stay as they are, and
an unwinder says, as long as a goroutine is chosen, who "called" the thread's innermost frame: the goroutine, with the
registers that it has saved. Frame 0 is then the thread's, which backtraces leave out, and frame 1 is where the
goroutine has left its stack.
"""

import contextlib
import re
import struct

import gdb
import gdb.unwinder
from gdb.FrameDecorator import FrameDecorator

VERSION = 1  # of the table that this script can read

# The words of the table, in its order.
FIELDS = """version words frame descriptors machines
    status_names status_count status_locked status_marks reason_names reason_count
    machine_size machine_next machine_curg machine_left machine_tid
    goroutine_size goroutine_id goroutine_creator goroutine_status goroutine_reason goroutine_sp goroutine_stack
    goroutine_call goroutine_closure goroutine_where place_file place_function place_line
    goroutine_extras extras_name extras_name_length stack_bottom stack_top""".split()
MAP_FIELDS = """regions region_next region_used region_slabs region_descriptors
    slab_size slab_raw slab_descriptors""".split()
NOWHERE = 2**64 - 1

# What calls the callable of a goroutine has its type in its name, perhaps in something of goro's.
WRAPPERS = (
    ("goro::detail::call_of<", ">::call(void*)"),
    ("goro::detail::bound<", ">"),
    ("goro::wait_group::task<", ">"),
)
# A pointer to a function, which then is the first word of the closure.
BOUND_POINTER = re.compile(r"goro::detail::call_of<goro::detail::bound<[^<]*\(\*\)\(")


# ---- memory ---------------------------------------------------------------------------------------


def read(address, size):
    """The bytes there."""
    return bytes(gdb.selected_inferior().read_memory(address, size))


def read_words(address, count):
    return struct.unpack("<%dQ" % count, read(address, 8 * count))


def read_word(address):
    return read_words(address, 1)[0]


def read_text(address):
    """The C string there."""
    if address == 0:
        return ""
    return gdb.Value(address).cast(gdb.lookup_type("char").pointer()).string("utf-8", "replace")


def word_in(block, offset):
    return struct.unpack_from("<Q", block, offset)[0]


# ---- what the program says of itself --------------------------------------------------------------


class Record:
    """Words that follow each other, as attributes."""

    def __init__(self, address, names):
        self.__dict__.update(zip(names, read_words(address, len(names))))


class SavedFrame:
    """What a switch leaves on a stack: `registers` maps names to offsets."""

    def __init__(self, address):
        names = struct.Struct("<8s8sQQ")
        sp, pc, self.size, count = names.unpack(read(address, names.size))
        self.sp, self.pc = as_name(sp), as_name(pc)
        entries = struct.iter_unpack("<8sQ", read(address + names.size, 16 * count))
        self.registers = {as_name(name): offset for name, offset in entries}


def as_name(field):
    return field.rstrip(b"\0").decode()


def read_layout():
    """The table of the program; an error in words if there is none that this script understands."""
    if gdb.selected_thread() is None:
        raise gdb.GdbError("The program is not being run.")
    try:
        address = int(gdb.parse_and_eval("&goro_gdb_layout"))
    except gdb.error:
        raise gdb.GdbError("There is no goro in this program, or its symbols are missing.")
    version, words = read_words(address, 2)
    if version != VERSION or words != len(FIELDS):
        raise gdb.GdbError(
            "This program's goro has layout %d, this script knows layout %d: take the goro.py of its version."
            % (version, VERSION)
        )
    return Record(address, FIELDS)


class Machine:
    """A thread of the runtime: whom it runs, and whom it has left last."""

    def __init__(self, layout, block):
        self.curg = word_in(block, layout.machine_curg)
        self.left = word_in(block, layout.machine_left)
        self.tid = struct.unpack_from("<i", block, layout.machine_tid)[0]


class Goroutine:
    """One descriptor as it was when it was read."""

    __slots__ = ("address", "id", "creator", "state", "sp", "stack", "call", "function", "where", "extras")

    def __init__(self, program, address, block, offset, status):
        layout = program.layout
        self.address = address
        self.id = word_in(block, offset + layout.goroutine_id)
        self.creator = word_in(block, offset + layout.goroutine_creator)
        self.state = program.state_of(status, block[offset + layout.goroutine_reason])
        self.sp = word_in(block, offset + layout.goroutine_sp)
        self.stack = word_in(block, offset + layout.goroutine_stack)
        self.call = word_in(block, offset + layout.goroutine_call)
        closure = word_in(block, offset + layout.goroutine_closure) - address + offset
        self.function = word_in(block, closure) if 0 <= closure <= len(block) - 8 else 0
        self.where = word_in(block, offset + layout.goroutine_where)
        self.extras = word_in(block, offset + layout.goroutine_extras)


class Program:
    """The goroutines and machines of the present process."""

    def __init__(self):
        layout = self.layout = read_layout()
        self.frame = SavedFrame(layout.frame)
        self.map = Record(layout.descriptors, MAP_FIELDS)
        self.statuses = [read_text(a) for a in read_words(layout.status_names, layout.status_count)]
        self.reasons = [read_text(a) for a in read_words(layout.reason_names, layout.reason_count)]
        self.machines = list(self.read_machines())
        self.goroutines = sorted(self.read_goroutines(), key=lambda g: g.id)
        self.threads = {t.ptid[1]: t for t in gdb.selected_inferior().threads()}
        self.places = {}
        self.symbols = {}

    def read_machines(self):
        address = read_word(self.layout.machines)
        while address:
            block = read(address, self.layout.machine_size)
            yield Machine(self.layout, block)
            address = word_in(block, self.layout.machine_next)

    def read_goroutines(self):
        layout, size = self.layout, self.layout.goroutine_size
        dead = self.statuses.index("dead")
        for address, block in self.read_slabs():
            for offset in range(0, len(block), size):
                status = block[offset + layout.goroutine_status]
                if status != dead:
                    yield Goroutine(self, address + offset, block, offset, status)

    def read_slabs(self):
        """The address and the bytes of each piece of memory that is full of descriptors."""
        m = self.map
        slab_bytes = m.slab_descriptors * self.layout.goroutine_size
        region = read_word(m.regions)
        while region:
            head = read(region, m.region_descriptors)
            for i in range(word_in(head, m.region_used)):
                if head[m.region_slabs + i * m.slab_size + m.slab_raw] == 0:
                    address = region + m.region_descriptors + i * slab_bytes
                    yield address, read(address, slab_bytes)
            region = word_in(head, m.region_next)

    def state_of(self, status, reason):
        state = self.statuses[status & ~self.layout.status_marks]
        if state == "waiting":
            state = self.reasons[reason] if reason < len(self.reasons) else "waiting"
        return state + (", locked to thread" if status & self.layout.status_locked else "")

    def place_of(self, g):
        """Where it was started, as "file:line (function)"."""
        if g.where not in self.places:
            self.places[g.where] = self.read_place(g.where)
        return self.places[g.where]

    def read_place(self, where):
        if where == 0:
            return "(unknown place)"
        layout = self.layout
        line = struct.unpack("<I", read(where + layout.place_line, 4))[0]
        file, function = (read_text(read_word(where + at)) for at in (layout.place_file, layout.place_function))
        return "%s:%d (%s)" % (file, line, function)

    def name_of(self, g):
        """The name that it was given; "" if it has none."""
        layout = self.layout
        if g.extras == 0 or layout.extras_name == NOWHERE:
            return ""
        address, length = (read_word(g.extras + at) for at in (layout.extras_name, layout.extras_name_length))
        return read(address, length).decode("utf-8", "replace") if length else ""

    def function_of(self, g):
        """What it was started with, as far as symbols tell."""
        name = self.symbol_at(g.call)
        if BOUND_POINTER.match(name) and g.function != 0:
            return self.symbol_at(g.function)
        for start, end in WRAPPERS:
            if name.startswith(start) and name.endswith(end):
                name = name[len(start) : -len(end)].strip()
        return "main" if name.endswith("::main_closure") else name

    def symbol_at(self, address):
        if address not in self.symbols:
            text = gdb.execute("info symbol %d" % address, to_string=True)
            symbol, found, _ = text.partition(" in section ")
            self.symbols[address] = re.sub(r" \+ \d+$", "", symbol) if found else "0x%x" % address
        return self.symbols[address]

    def find(self, number):
        for g in self.goroutines:
            if g.id == number:
                return g
        raise gdb.GdbError("There is no goroutine %d." % number)

    def has_begun(self, g):
        return g.stack != 0 and g.sp != self.stack_of(g)[1]

    def stack_of(self, g):
        return tuple(read_word(g.stack + at) for at in (self.layout.stack_bottom, self.layout.stack_top))

    def thread_of(self, g):
        """The thread that stands on its stack; None if there is none.

        A machine may have left it a moment ago and not be off its stack yet, and the numbers of threads are others
        outside of a container. Then the stack pointers decide.
        """
        if g.sp != 0 or g.stack == 0:
            return None
        runs = [m.tid for m in self.machines if m.curg == g.address]
        left = [m.tid for m in self.machines if m.left == g.address]
        if len(runs) == 1 and runs[0] in self.threads:
            return self.threads[runs[0]]
        near = [self.threads[tid] for tid in left if tid in self.threads]
        bottom, top = self.stack_of(g)
        for thread in near or self.threads.values():
            if bottom <= stack_pointer_of(thread) <= top:
                return thread
        return None


def stack_pointer_of(thread):
    """0 if it runs on."""
    if thread.is_running():
        return 0
    with kept_selection():
        thread.switch()
        return int(gdb.newest_frame().read_register("sp"))


# ---- the stack of a goroutine, in the place of a thread's -----------------------------------------


class Elsewhere(Exception):
    """There is no stack to be shown, for the reason in words."""


class Chosen:
    """A goroutine that has left its stack, shown as what has called the innermost frame of the selected thread."""

    def __init__(self, program, g):
        self.sp_at = g.address + program.layout.goroutine_sp
        self.sp = g.sp
        self.frame = program.frame
        self.registers = registers_of(self.frame, g)
        self.thread = gdb.selected_thread().ptid
        newest = gdb.newest_frame()
        self.stands_at = {name: int(newest.read_register(name)) for name in (self.frame.sp, self.frame.pc)}

    def is_called_by(self, frame):
        """Is that the thread's innermost frame, unmoved? The command may have called a function, or let it go on."""
        return (
            gdb.selected_thread().ptid == self.thread
            and all(int(frame.read_register(name)) == value for name, value in self.stands_at.items())
            and read_word(self.sp_at) == self.sp
        )


def registers_of(frame, g):
    """Those that it has saved, and its stack pointer: as they are when the switch returns to it."""
    try:
        block = read(g.sp, frame.size)
    except gdb.MemoryError:
        raise Elsewhere("The stack of goroutine %d cannot be read." % g.id)
    registers = {name: word_in(block, offset) for name, offset in frame.registers.items()}
    if registers[frame.pc] == 0:
        raise Elsewhere("The stack of goroutine %d is not in this core file (docs/gdb.md says why)." % g.id)
    registers[frame.sp] = g.sp + frame.size
    return registers


class FrameId:
    def __init__(self, sp, pc):
        self.sp, self.pc = sp, pc


class GoroutineUnwinder(gdb.unwinder.Unwinder):
    """Goes from the innermost frame of a thread to the goroutine that is chosen."""

    def __init__(self):
        super().__init__("goro")
        self.chosen = None

    def __call__(self, pending):
        if self.chosen is None or not self.chosen.is_called_by(pending):
            return None
        frame = self.chosen.frame

        def as_register(name, value):
            return gdb.Value(value).cast(pending.read_register(name).type)

        # gdb compares the frames' addresses: those further out must not be lower.
        identity = FrameId(as_register(frame.sp, self.chosen.sp), pending.read_register(frame.pc))
        info = pending.create_unwind_info(identity)
        for name, value in self.chosen.registers.items():
            info.add_saved_register(name, as_register(name, value))
        return info


class NamedFrame(FrameDecorator):
    """A frame as gdb prints it without filters: its function without the types of its parameters."""

    def function(self):
        return self.inferior_frame().name() or super().function()


class ThreadFrameFilter:
    """Leaves the thread's frame out of backtraces while a goroutine is chosen."""

    def __init__(self):
        self.name = "goro"
        self.priority = 1000
        self.enabled = False

    def filter(self, frames):
        chosen = UNWINDER.chosen
        shown = (f for f in frames if chosen is None or not chosen.is_called_by(f.inferior_frame()))
        return map(NamedFrame, shown)


UNWINDER = GoroutineUnwinder()
FILTER = ThreadFrameFilter()


def choose(chosen):
    """None: threads are threads again."""
    UNWINDER.chosen = chosen
    FILTER.enabled = chosen is not None
    gdb.invalidate_cached_frames()


@contextlib.contextmanager
def kept_selection():
    """Thread and frame are selected afterwards that were before, as far as they still exist."""
    thread, before = gdb.selected_thread(), UNWINDER.chosen
    frame = None if thread.is_running() else gdb.selected_frame()
    try:
        yield
    finally:
        choose(before)
        if thread.is_valid():
            thread.switch()
            if frame is not None and not thread.is_running() and frame.is_valid():
                frame.select()


def run_in(program, g, command):
    """Runs a gdb command as if g were a thread."""
    thread = program.thread_of(g)
    if not program.has_begun(g):
        raise Elsewhere("Goroutine %d has not begun: it has no stack yet." % g.id)
    if g.sp == 0 and thread is None:
        raise Elsewhere("Goroutine %d is being switched to or from at this moment: let the program go on a bit." % g.id)
    with kept_selection():
        choose(None)
        if thread is not None:
            thread.switch()
        else:
            choose(Chosen(program, g))
            gdb.newest_frame().older().select()
        gdb.execute(command)


# ---- commands -------------------------------------------------------------------------------------


@contextlib.contextmanager
def plain_errors():
    """What gdb has to complain of is said in its words, without Python's."""
    try:
        yield
    except gdb.GdbError:
        raise
    except gdb.error as error:
        raise gdb.GdbError(str(error))
    except Elsewhere as reason:
        raise gdb.GdbError(str(reason))


class InfoGoroutines(gdb.Command):
    """List all goroutines, sorted by their numbers.

Usage: info goroutines

Of each the number, what it does or waits for, its name or what it was started with, and where it was started.
The one that the selected thread runs is marked with a star.  `pipe info goroutines | grep WORD` looks for some."""

    def __init__(self):
        super().__init__("info goroutines", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        if argument:
            raise gdb.GdbError("info goroutines takes no argument.")
        with plain_errors():
            program = Program()
            gdb.write(table_of(program) or "No goroutines.\n")


def table_of(program):
    selected = gdb.selected_thread().ptid
    lines = []
    for g in program.goroutines:
        thread = program.thread_of(g)
        mark = "*" if thread is not None and thread.ptid == selected else " "
        name = program.name_of(g)
        what = '"%s"' % name if name else program.function_of(g)
        lines.append((mark, str(g.id), g.state, what, program.place_of(g)))
    widths = [max((len(line[i]) for line in lines), default=0) for i in range(3)]
    return "".join(
        "%s %-*s  %-*s  %s  created at %s\n" % (mark, widths[1], number, widths[2], state, what, place)
        for mark, number, state, what, place in lines
    )


NUMBER = re.compile(r" *(\(.*?\)(?= |$)|[^ ]*) *(.*)", re.S)  # which, and the command


class GoroutineCommand(gdb.Command):
    """Run a command in the context of a goroutine.

Usage: goroutine N COMMAND
       goroutine all COMMAND
       goroutine N

N is a number, as `info goroutines` shows it, or an expression, in parentheses if it has spaces.  COMMAND is any command that looks at a stack:
`goroutine 7 bt`, `goroutine 7 frame 2`, `goroutine 7 info locals`.  Without one the goroutine is described.
Frame 1 is where the goroutine has left its stack; of one that runs the thread is selected, and its frames begin
at 0.  Afterwards the thread and the frame are selected that were before.  The goroutine's registers cannot be
written, and commands that let the program go on do so from where the threads are."""

    def __init__(self):
        super().__init__("goroutine", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        which, command = NUMBER.match(argument).groups()
        if not which:
            raise gdb.GdbError("Which goroutine?  goroutine N COMMAND, or goroutine all COMMAND")
        with plain_errors():
            program = Program()
            if which == "all":
                in_all(program, command)
            else:
                in_one(program, int(gdb.parse_and_eval(which)), command)


def in_one(program, number, command):
    g = program.find(number)
    if command:
        run_in(program, g, command)
    else:
        gdb.write(description_of(program, g))


def in_all(program, command):
    """An error of the command ends it, as it ends `thread apply all`."""
    for g in program.goroutines:
        gdb.write("\n" + description_of(program, g))
        try:
            if command:
                run_in(program, g, command)
        except Elsewhere as reason:
            gdb.write("%s\n" % reason)


def description_of(program, g):
    """As in the reports of the program."""
    name = program.name_of(g)
    text = "goroutine %d%s [%s]:\ncreated at %s" % (
        g.id,
        ' "%s"' % name if name else "",
        g.state,
        program.place_of(g),
    )
    return text + (" in goroutine %d\n" % g.creator if g.creator else "\n")


# The first execute() makes an object of gdb's that writes to where output goes then. (gdb 13: if that is a file of
# `pipe`, the next one crashes gdb.)
gdb.execute("echo")
gdb.unwinder.register_unwinder(None, UNWINDER, replace=True)
gdb.frame_filters[FILTER.name] = FILTER
InfoGoroutines()
GoroutineCommand()
