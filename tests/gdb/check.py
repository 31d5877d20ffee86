"""What gdb shows of a program of this folder with tools/gdb/goro.py; runs in gdb, one case for each run:

  GORO_PY=tools/gdb/goro.py gdb -nx -batch -ex 'python CASE = "live"' -x check.py --args parked

Exit code 0: all as expected; 1: not, and what; 77: this gdb may not trace.
"""

import collections
import os
import re
import shutil
import tempfile
import traceback

import gdb

SKIPPED = 77

# What each kind waits for, how many do, and the function that has called goro.
PARKED = {
    "chan receive": (251, "wait_for_message"),
    "select": (249, "wait_for_either"),
    "sync.Mutex.Lock": (249, "wait_for_door"),
    "sleep": (249, "wait_for_time"),
}
OUTERMOST = "goro_arch_start"

Line = collections.namedtuple("Line", "mark id state what place")


def expect(condition, what, *details):
    if not condition:
        raise AssertionError("\n".join([what, *map(str, details)]))


def output_of(command):
    return gdb.execute(command, to_string=True)


def error_of(command):
    try:
        return "no error, but: " + output_of(command)
    except gdb.error as error:
        return str(error)


def run(arguments=""):
    """Runs the program up to the first breakpoint or signal."""
    output_of("set args " + arguments)
    output_of("run")
    expect(gdb.selected_thread() is not None, "the program has ended before the breakpoint")


def goroutines():
    """The lines of `info goroutines`."""
    line = re.compile(r"([* ]) (\d+) +(.+?)  +(.+)  created at (.+)$")
    found = []
    for text in output_of("info goroutines").splitlines():
        match = line.match(text)
        expect(match, "a line in another form:", text)
        found.append(Line(match[1], int(match[2]), *match.group(3, 4, 5)))
    return found


def some(lines, state):
    """Three of those in this state: the first, the last, and one in between."""
    those = [line for line in lines if line.state == state]
    return [those[0], those[len(those) // 2], those[-1]]


def check_list(lines):
    expect(len(lines) == 1000, "%d goroutines instead of 1000" % len(lines))
    expect([line.id for line in lines] == sorted({line.id for line in lines}), "not sorted, or not all different")
    states = collections.Counter(line.state for line in lines)
    expect(states == {"running": 2, **{s: n for s, (n, _) in PARKED.items()}}, "other states:", states)
    for line in lines:
        expect(re.search(r"parked\.cpp:\d+ \(.+\)$", line.place), "not created there:", line)
    for state, (_, function) in PARKED.items():
        expect(function in some(lines, state)[0].what, "not started with %s:" % function, some(lines, state)[0])
    names = [line.what for line in lines if line.what.startswith('"')]
    expect(names == ['"short"', '"a name that is too long for where short ones are kept"'], "other names:", names)
    marked = [line.id for line in lines if line.mark == "*"]
    expect(marked == [1], "marked: %s" % marked)


def check_parked_backtrace(text, state):
    """From the switch to the outermost frame, with the function that waits in between."""
    frames = re.findall(r"^#(\d+) .*", text, re.M)
    expect(frames[:1] == ["1"], "the first frame is not the goroutine's:", text)
    expect(PARKED[state][1] in text, "%s is not there:" % PARKED[state][1], text)
    expect(OUTERMOST in text.strip().splitlines()[-1], "it does not go to the end of the stack:", text)


def check_backtraces(lines):
    for state in PARKED:
        for line in some(lines, state):
            check_parked_backtrace(output_of("goroutine %d bt" % line.id), state)
            unfiltered = output_of("goroutine %d bt -no-filters" % line.id)
            expect(OUTERMOST in unfiltered and "Backtrace stopped" not in unfiltered, "stopped early:", unfiltered)


def check_running(lines, function_of_main):
    main, computing = (line.id for line in lines if line.state == "running")
    text = output_of("goroutine %d bt" % computing)
    expect(text.startswith("#0") and "compute" in text and OUTERMOST in text, "not the one that computes:", text)
    text = output_of("goroutine %d bt" % main)
    expect(text.startswith("#0") and function_of_main in text and OUTERMOST in text, "not main:", text)


def check_all_backtraces(lines):
    text = output_of("goroutine all bt")
    pieces = re.split(r"^goroutine (\d+)", text, flags=re.M)[1:]
    blocks = dict(zip(map(int, pieces[::2]), pieces[1::2]))
    expect(list(blocks) == [line.id for line in lines], "not all, or in another order")
    for line in lines:
        head, _, backtrace = blocks[line.id].partition("#")
        expect("[%s]:\ncreated at %s" % (line.state, line.place) in head, "another head:", head)
        if line.state in PARKED:
            check_parked_backtrace("#" + backtrace, line.state)


def check_other_commands(lines):
    line = some(lines, "select")[1]
    function = PARKED["select"][1]
    number = re.search(r"^#(\d+) .*\b%s\b" % function, output_of("goroutine %d bt" % line.id), re.M)[1]
    text = output_of("goroutine %d frame apply level %s info frame" % (line.id, number))
    expect(function in text, "frame %s is another one:" % number, text)
    text = output_of("goroutine %d python print(gdb.selected_frame().level())" % line.id)
    expect(text == "1\n", "the selected frame is", text)
    for expression in (line.id, "%d + 1" % (line.id - 1)):
        text = output_of("goroutine (%s)" % expression)
        expect("goroutine %d [select]:\ncreated at %s in goroutine 1\n" % (line.id, line.place) == text, text)
    # Through a pipe, and afterwards once more: gdb's output is where it was.
    output_of("pipe goroutine %d bt | cat >/dev/null" % line.id)
    check_parked_backtrace(output_of("goroutine %d bt" % line.id), line.state)
    nested = output_of("goroutine %d goroutine %d bt" % (some(lines, "sleep")[0].id, line.id))
    check_parked_backtrace(nested, line.state)


def check_errors(lines):
    line = some(lines, "sleep")[1]
    for command, words in (
        ("goroutine", "Which goroutine"),
        ("goroutine 4711 bt", "There is no goroutine 4711."),
        ("goroutine nonsense bt", 'No symbol "nonsense"'),
        ("goroutine %d nonsense" % line.id, 'Undefined command: "nonsense"'),
        ("goroutine all nonsense", 'Undefined command: "nonsense"'),
        ("goroutine %d frame 4711" % line.id, "No frame"),
        ("info goroutines nonsense", "takes no argument"),
    ):
        error = error_of(command)
        expect(words in error and "Python" not in error, "%s: another error:" % command, error)


def state_of_gdb():
    return [output_of(c) for c in ("thread", "frame", "info registers", "bt", "thread apply all bt 3")]


def check_everything(function_of_main):
    """On a live process or a core file; afterwards gdb is as it was before."""
    lines = goroutines()
    output_of("up 2")  # what is selected is not the innermost frame
    before = state_of_gdb()
    check_list(lines)
    check_backtraces(lines)
    check_running(lines, function_of_main)
    check_all_backtraces(lines)
    check_other_commands(lines)
    check_errors(lines)
    after = state_of_gdb()
    expect(before == after, "gdb is not as it was:", *(a for b, a in zip(before, after) if a != b))


def finish_well():
    output_of("delete")
    output_of("continue")
    code = gdb.parse_and_eval("$_exitcode")
    expect(code.type.code != gdb.TYPE_CODE_VOID and int(code) == 0, "the program has not ended well: %s" % code)


def live():
    output_of("break everybody_waits")
    run()
    check_everything("everybody_waits")
    finish_well()


def core():
    # gdb 13 gives up a mapping at the first guard in it, so guards get mappings of their own here.
    output_of("set environment GORO_DEBUG=mprotectguards=1")
    output_of("set environment GORO_STACK=64K")
    output_of("set environment MALLOC_ARENA_MAX=1")
    run("abort")
    folder = tempfile.mkdtemp(prefix="core.", dir=".")
    try:
        output_of("generate-core-file %s/core" % folder)
        output_of("kill")
        output_of("core-file %s/core" % folder)
        check_everything("fall_over")
        output_of("core-file")
    finally:
        shutil.rmtree(folder)


def fresh():
    """A goroutine at the moment at which it is about to get its stack."""
    output_of("tbreak goro::detail::prepare_first_turn")
    run()
    first = goroutines()[0]
    expect(first.state == "runnable", "main is %s" % first.state)
    expect("has not begun" in error_of("goroutine 1 bt"), "another error:", error_of("goroutine 1 bt"))
    everything = output_of("goroutine all bt")
    expect("goroutine 1 [runnable]" in everything and "has not begun" in everything, "all bt:", everything)
    finish_well()


def goroutine_that_leaves(program):
    """At the entry of the switch: whose stack the selected thread is about to leave; None if that is its own."""
    here = next(m for m in program.machines if program.threads.get(m.tid) == gdb.selected_thread())
    return next((g for g in program.goroutines if g.address == here.left), None)


def step_until_saved(program, g):
    output_of("set scheduler-locking on")
    for _ in range(30):
        if read_word(g.address + program.layout.goroutine_sp) == int(gdb.newest_frame().read_register("sp")):
            return
        output_of("stepi")
    raise AssertionError("it has not saved its stack pointer")


def registers():
    """All that a switch saves, against what gdb found in the caller when it entered the switch."""
    output_of("break everybody_waits")
    run()
    output_of("delete")
    output_of("break *&goro_arch_switch")
    who = None
    while who is None:
        output_of("continue")
        program = Program()  # of goro.py
        who = goroutine_that_leaves(program)
    expect(program.thread_of(who) == gdb.selected_thread(), "it is said to stand elsewhere")
    names = [*program.frame.registers, program.frame.sp]
    caller = gdb.newest_frame().older()
    expected = {name: int(caller.read_register(name)) for name in names}
    step_until_saved(program, who)
    found = {}

    def note():
        found.update((name, int(gdb.selected_frame().read_register(name))) for name in names)

    globals()["note"] = note
    output_of("goroutine %d python note()" % who.id)
    expect(found == expected, "registers differ:", expected, found)
    output_of("set scheduler-locking off")
    finish_well()


def words():
    """Where there is nothing to show there is a sentence."""
    expect("not being run" in error_of("info goroutines"), error_of("info goroutines"))
    output_of("break main")
    run()
    expect("No goroutines." in output_of("info goroutines"), output_of("info goroutines"))
    expect("There is no goroutine 1." in error_of("goroutine 1 bt"), error_of("goroutine 1 bt"))
    table = int(gdb.parse_and_eval("&goro_gdb_layout"))
    version = read_word(table)
    gdb.selected_inferior().write_memory(table, (version + 1).to_bytes(8, "little"))
    expect("layout %d, this script knows layout %d" % (version + 1, version) in error_of("info goroutines"),
           error_of("info goroutines"))
    gdb.selected_inferior().write_memory(table, version.to_bytes(8, "little"))
    expect("No goroutines." in output_of("info goroutines"), output_of("info goroutines"))
    finish_well()
    output_of("file /bin/true")
    output_of("starti")
    expect("no goro in this program" in error_of("info goroutines"), error_of("info goroutines"))


def documented_steps():
    """The commands of docs/gdb.md with what is said to come out, which is "" if nothing is said."""
    with open(os.environ["GORO_GDB_MD"], encoding="utf-8") as page:
        text = page.read()
    block = re.search(r"^```text\n(\(gdb\) .*?)^```", text, re.M | re.S)[1]
    steps = [step.partition("\n") for step in re.split(r"^\(gdb\) ", block, flags=re.M)[1:]]
    return [(command, output) for command, _, output in steps if not command.startswith("source ")]


def comparable(text):
    """Without folders, and without the numbers of frames, of which each build has others."""
    text = re.sub(r"[^\s(]*/([\w.]+:)", r"\1", text)
    return re.sub(r"^#\d+ +", "# ", text, flags=re.M)


def pattern_of(documented):
    """"…" stands for anything in a line, and alone for any lines."""
    lines = comparable(documented).splitlines()
    return "".join("(?:.*\n)*" if line == "…" else re.escape(line).replace("…", ".*") + "\n" for line in lines)


def transcript():
    steps = documented_steps()
    expect(len(steps) > 5, "no transcript in docs/gdb.md")
    for command, documented in steps:
        text = output_of(command)
        if documented:
            same = re.fullmatch(pattern_of(documented), comparable(text))
            expect(same, "docs/gdb.md shows something else than `%s` does:" % command, text)
    expect(int(gdb.parse_and_eval("$_exitcode")) == 0, "the program has not ended well")


def may_trace():
    try:
        output_of("starti")
    except gdb.error as error:
        gdb.write("skipped: %s\n" % error)
        return False
    output_of("kill")
    return True


def main():
    """The exit code."""
    for setting in ("confirm off", "pagination off", "width 0", "print thread-events off", "breakpoint pending on"):
        output_of("set " + setting)
    output_of("source " + os.environ["GORO_PY"])
    if not may_trace():
        return SKIPPED
    try:
        globals()[CASE]()
    except (AssertionError, gdb.error):
        gdb.write(traceback.format_exc())
        return 1
    gdb.write("%s: as expected\n" % CASE)
    return 0


gdb.execute("quit %d" % main())
