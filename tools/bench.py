#!/usr/bin/env python3
"""Runs goro-bench and its Go twin in turns and prints one line for each workload, number of procs and metric:
the medians with their spread, the ratio of the medians (below 1: goro is faster or smaller), and the ratio asked for.

The network workloads have further lines, "beside" a server that stands in Go's column then, with requests per second
(above 1: goro serves more). With --peers there is a line beside each of Boost.Fiber, oneTBB and Tokio that knows the
workload, in Go's column; the ratio reads as for Go.

Each run waits until the cores have their full speed (tools/quiet_cores.py), and one after which they have not is set
aside and repeated, for all programs alike and whatever it showed; --noisy takes every run.

`./run bench` builds goro-bench and calls this. The method is described in bench/README.md."""
import argparse
import datetime
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys

from quiet_cores import QuietCores

ROOT = pathlib.Path(__file__).resolve().parent.parent
BENCH = ROOT / "bench"
PEER_TWIN = ROOT.parent / "shared/peers/go"  # preferred where it stands beside the repository
BUILD = ROOT / "build/release/bench"
GO_BUILD = ROOT / "build/bench-go"
LINE = re.compile(r"^workload=(\S+) procs=(\d+) metric=(\S+) value=(\S+)$", re.MULTILINE)

# The network workloads: the kind of server and the connections of goro-bench-load.
NETWORK = {"echo-64": ("echo", 64), "echo-1000": ("echo", 1000), "http-64": ("http", 64), "http-512": ("http", 512),
           "beast-64": ("beast", 64), "beast-512": ("beast", 512)}
BEAST_SERVER = "goro-bench-beast-server"  # beside goro-bench: HTTP by a library, as Go's net/http is one
# What is printed of them: a metric, and whom goro stands beside. --json keeps everything.
NETWORK_LINES = [("ns_per_req", "go"), ("p99_us", "go"), ("server_cpu_s", "go"), ("req_per_s", "epoll"),
                 ("req_per_s", "nethttp")]
# The peers of --peers: what they are called, their program, and what installs them on Debian.
PEERS = {"boost": ("Boost.Fiber", BUILD / "goro-bench-boost-fiber", "libboost-fiber-dev"),
         "onetbb": ("oneTBB", BUILD / "goro-bench-onetbb", "libtbb-dev"),
         "tokio": ("Tokio", ROOT / "build/bench-tokio/release/tokiobench", "cargo and librust-tokio-dev")}
PEER_TARGET = {"1": 1.0, "2": 1.0}  # never behind one of them
BESIDE = {"epoll": " beside epoll", "nethttp": " beside net/http",
          **{label: " beside " + title for label, (title, _, _) in PEERS.items()}}


class Failure(Exception):
    """A program did not deliver its figures; the text says why."""


def complain(text):
    print("bench: " + text, file=sys.stderr, flush=True)


# ---- the programs --------------------------------------------------------------------------------------------------


def find_go():
    """The first Go of at least 1.23 with its version, or None."""
    for go in (shutil.which("go"), "/usr/lib/go-1.23/bin/go"):
        if not go or not os.access(go, os.X_OK):
            continue
        text = subprocess.run([go, "version"], stdout=subprocess.PIPE, text=True, check=False,
                              env=dict(os.environ, GOTOOLCHAIN="local")).stdout
        version = re.search(r"\bgo(\d+)\.(\d+)\S*", text)
        if version and (int(version[1]), int(version[2])) >= (1, 23):
            return go, version[0]
    return None


def build_twin():
    """Returns the Go program and the version of Go, or None with a line that says what is missing."""
    found = find_go()
    if not found:
        complain("no Go 1.23 or newer in PATH or /usr/lib/go-1.23/bin, so its column stays empty; it is in the package "
                 "golang-1.23-go (Debian 12: from bookworm-backports) or golang-go")
        return None
    go, version = found
    source = PEER_TWIN if (PEER_TWIN / "go.mod").exists() else BENCH / "go"
    GO_BUILD.mkdir(parents=True, exist_ok=True)
    program = GO_BUILD / "gobench"
    environment = dict(os.environ, GOTOOLCHAIN="local", GO111MODULE="on", GOWORK="off", GOFLAGS="")
    if "HOME" not in environment:
        environment.setdefault("GOCACHE", str(GO_BUILD / "cache"))
    build = subprocess.run([go, "build", "-buildvcs=false", "-o", program, "."], cwd=source, env=environment,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if build.returncode:
        complain(f"the Go twin in {source} does not build, so its column stays empty:\n{build.stdout.rstrip()}")
        return None
    return program, f"{version} ({os.path.relpath(source, ROOT)})"


def build_tokio():
    """Tokio's twin, from the sources of crates that Debian's packages install. False if that cannot be."""
    cargo, crates = shutil.which("cargo"), pathlib.Path("/usr/share/cargo/registry")
    if not cargo or not crates.exists():
        return False
    build = subprocess.run(
        [cargo, "build", "--quiet", "--release", "--offline", "--target-dir", ROOT / "build/bench-tokio",
         "--config", 'source.crates-io.replace-with="debian"', "--config", f'source.debian.directory="{crates}"'],
        cwd=BENCH / "peers/tokio", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if build.returncode:
        complain(f"Tokio's twin does not build:\n{build.stdout.rstrip()}")
    return build.returncode == 0


def find_peers():
    """The peers whose programs are there, {label: (program, its workloads)}; a line for each that is missing."""
    found = {}
    build_tokio()
    for label, (title, program, package) in PEERS.items():
        if program.exists():
            found[label] = (program, known_workloads(program))
        else:
            complain(f"{title} is left out: its twin is not built; the packages are {package}")
    return found


def known_workloads(program):
    """What a program says that it can do."""
    try:
        text = subprocess.run([program], stderr=subprocess.PIPE, text=True, timeout=20, check=False).stderr
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failure(f"cannot run {program}: {error}") from error
    names = re.search(r"^workloads: *(.*)$", text, re.MULTILINE)
    if not names:
        raise Failure(f"{program} names no workloads; is it goro-bench?")
    servers = re.search(r"^servers: *(.*)$", text, re.MULTILINE)
    kinds = servers[1].split() if servers else []
    if "http" in kinds and (pathlib.Path(program).parent / BEAST_SERVER).exists():  # where Boost is
        kinds.append("beast")
    return names[1].split() + [w for w, (kind, _) in NETWORK.items() if kind in kinds]


def run_program(command, timeout):
    """Its output; a Failure when it does not end well."""
    shown = " ".join(os.path.basename(x) for x in command)
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=timeout,
                              check=False)
    except subprocess.TimeoutExpired as error:
        raise Failure(f"{shown}: not finished after {timeout:g} s, killed (--timeout sets the limit)") from error
    except OSError as error:
        raise Failure(f"{shown}: {error}") from error
    if done.returncode:
        how = f"exit code {done.returncode}" if done.returncode > 0 else f"killed by signal {-done.returncode}"
        if done.returncode == -9:
            how += " (out of memory?)"
        raise Failure("\n    ".join([f"{shown}: {how}"] + done.stderr.strip().splitlines()[:8]))
    return done.stdout


def measure(label, program, workload, procs, options):
    """One run: {metric: value} in the order of the lines."""
    if workload in NETWORK:
        return measure_server(label, program, workload, procs, options)
    output = run_program([str(program), workload, "-p", str(procs)] + options.extra, options.timeout)
    values = {m: float(v) for w, p, m, v in LINE.findall(output) if w == workload and int(p) == procs}
    if not values:
        raise Failure(f"{os.path.basename(program)} {workload}: no result line in its output")
    return values


def measure_server(label, program, workload, procs, options):
    """One run of a server under load. The load program chooses the port, starts the server, waits until it accepts,
    and takes it along when it ends, by whatever."""
    kind, connections = NETWORK[workload]
    server = [str(program), "nethttp" if label == "nethttp" else kind]
    if kind == "beast":
        kind = "http"
        server = [str(options.goro_bench.parent / BEAST_SERVER), kind] if label == "goro" else [str(program), "nethttp"]
    server += ["@PORT"] if label == "epoll" else ["-p", str(procs), "-port", "@PORT"]
    output = run_program([str(BUILD / "goro-bench-load"), kind, str(connections), str(options.seconds)] + server,
                         options.timeout + options.seconds)
    values = {metric: float(value) for metric, value in (x.split("=") for x in output.split())}
    return dict(ns_per_req=1e9 / values["req_per_s"], **values)


class Steadiness:
    """Which runs count: those before and after which the cores had their full speed. A network workload's counts in
    any case: it is so long that hardly any would be left. Where the cores are never quiet the choice is given up."""
    ATTEMPTS = 5
    LONGEST_WAIT = 10  # seconds
    PATIENCE = 5  # runs in a row that did not get better

    def __init__(self, noisy):
        self.cores = None if noisy else QuietCores()
        self.runs = self.set_aside = self.unsteady = self.in_a_row = 0
        self.given_up_after = None  # so many runs

    def measure(self, *run):
        self.runs += 1
        for attempt in range(self.ATTEMPTS):
            self.set_aside += attempt != 0  # the one before
            if self.cores:
                self.cores.wait(self.LONGEST_WAIT)
            values = measure(*run)
            if not self.cores or run[2] in NETWORK or self.cores.quiet():
                self.in_a_row = 0
                return values
        self.unsteady += 1
        self.in_a_row += 1
        if self.in_a_row == self.PATIENCE:
            complain("the cores are slower after each run than they can be: from now on every run counts")
            self.cores = None
            self.given_up_after = self.runs
        return values

    def summary(self):
        given_up = f"; after {self.given_up_after} runs all counted" if self.given_up_after else ""
        return (f"{self.set_aside} runs were set aside and repeated, as a core was slower just after them; "
                f"{self.unsteady} of the {self.runs} that count were not better after "
                f"{self.ATTEMPTS} attempts{given_up}")

    def as_json(self):
        return dict(counted=self.runs, set_aside=self.set_aside, unsteady=self.unsteady,
                    given_up_after=self.given_up_after)


def programs_for(workload, programs, peers):
    """Those that take part: the further servers in what they are servers for, the peers in what they know."""
    kind = NETWORK[workload][0] if workload in NETWORK else None
    left_out = {"epoll": kind not in ("echo", "http"), "nethttp": kind != "http"}
    taking_part = {label: program for label, program in programs.items() if not left_out.get(label)}
    taking_part.update({label: program for label, (program, known) in peers.items() if workload in known})
    return taking_part


# ---- the table -----------------------------------------------------------------------------------------------------


def number(value):
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def cell(values, failed):
    if failed or not values:
        return "failed" if failed else "-"
    return f"{number(statistics.median(values))} [{number(min(values))}-{number(max(values))}]"


ROW = "{:<19} {:>5}  {:<12} {:>25} {:>25} {:>6}  {}"


def lines_of(rows):
    """The lines to print of one workload and one number of procs: a row, and whom goro stands beside in it."""
    if rows[0]["workload"] not in NETWORK or rows[0]["metric"] == "-":
        return [(row, beside) for row in rows for beside in ("go", *PEERS) if beside == "go" or row.get(beside)
                or beside in row["failed"]]
    by_metric = {row["metric"]: row for row in rows}
    return [(by_metric[metric], beside) for metric, beside in NETWORK_LINES
            if beside == "go" or beside in by_metric[metric]]


def find_target(targets, line, beside, first):
    """The target of a line, a targets.json object. Where that names no metric it is for the first line's."""
    if beside in PEERS:
        return PEER_TARGET if targets and line["metric"] == first else {}
    wanted = targets.get(line["workload"], [])
    for target in wanted if isinstance(wanted, list) else [wanted]:
        if target.get("metric", first) == line["metric"] and target.get("beside", "go") == beside:
            return target
    return {}


def print_rows(rows, targets, score):
    """Prints the lines of one workload and one number of procs; goro misses a target by failing, too."""
    for row, beside in lines_of(rows):
        target = find_target(targets, row, beside, rows[0]["metric"])
        bound, at_least = target.get(str(row["procs"])), target.get("at_least", False)
        ratio, failed, other = None, row["failed"], row[beside]
        if row["goro"] and other and not {"goro", beside} & set(failed) and statistics.median(other) != 0:
            ratio = statistics.median(row["goro"]) / statistics.median(other)
        verdict = "" if bound is None else f"{'>=' if at_least else '<='} {bound:.2f}"
        if verdict and (ratio is not None or "goro" in failed):
            score.append(ratio is not None and (ratio >= bound if at_least else ratio <= bound))
            verdict += " met" if score[-1] else " MISSED"
        print(ROW.format(BESIDE.get(beside, row["workload"]), row["procs"], row["metric"],
                         cell(row["goro"], "goro" in failed), cell(other, beside in failed),
                         "" if ratio is None else f"{ratio:.2f}", verdict).rstrip(), flush=True)


def compare(programs, peers, workload, procs, options, steadiness, failures):
    """Runs the programs in turns; returns the rows. Go without goro is no comparison: when goro fails (its checks of
    -n and -g are the stricter ones) all stop; when another one fails, goro goes on."""
    rows, failed = {}, []
    programs = programs_for(workload, programs, peers)

    def row(metric):
        empty = {label: [] for label in ("goro", "go", *programs)}
        return rows.setdefault(metric, dict(workload=workload, procs=procs, metric=metric, **empty, failed=failed))

    for _ in range(options.runs):
        for label in [x for x in programs if x not in failed]:
            try:
                values = steadiness.measure(label, programs[label], workload, procs, options)
            except Failure as failure:
                complain(str(failure))
                failures.append(str(failure))
                failed.append(label)
                if label == "goro":
                    return list(rows.values()) or [row("-")]
                continue
            for metric, value in values.items():
                row(metric)[label].append(value)
    return list(rows.values()) or [row("-")]


# ---- the command ---------------------------------------------------------------------------------------------------


def positive(text):
    if not re.fullmatch(r"[0-9]+", text) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a positive whole number")
    return int(text)


def positive_list(text):
    return [positive(p) for p in text.split(",")]


def parse_arguments():
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help="default: all that goro-bench has")
    parser.add_argument("--procs", type=positive_list, default=[1, 2], metavar="P,…", help="default: 1,2")
    parser.add_argument("--runs", type=positive, default=5, metavar="N", help="runs of each program (default: 5)")
    parser.add_argument("--timeout", type=float, default=120, metavar="S", help="for one process (default: 120 s)")
    parser.add_argument("--seconds", type=positive, default=5, metavar="S",
                        help="of load in each run of a network workload (default: 5)")
    parser.add_argument("--json", metavar="FILE", help="keep the raw values")
    parser.add_argument("--peers", action="store_true", help="beside Boost.Fiber, oneTBB and Tokio, too")
    parser.add_argument("--noisy", action="store_true", help="take every run, however slow the cores are")
    parser.add_argument("--only-goro", action="store_true", help="leave the other programs out")
    parser.add_argument("-n", type=positive, metavar="SIZE", help="passed on; no targets are shown then")
    parser.add_argument("-g", type=positive, metavar="GOROUTINES", help="passed on; no targets are shown then")
    parser.add_argument("--goro-bench", type=pathlib.Path, default=BUILD / "goro-bench",
                        metavar="PROGRAM", help="default: build/release/bench/goro-bench")
    options = parser.parse_args()
    options.extra = [x for flag in "ng" if getattr(options, flag) for x in ("-" + flag, str(getattr(options, flag)))]
    return options


def cpu_model():
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        model = re.search(r"^model name\s*: (.*)$", info.read(), re.MULTILINE)
    return model[1].strip() if model else "unknown"


def head(options, go_version):
    print(f"goro beside {go_version or 'nothing'}: {options.runs} runs of each in turns, "
          f"{len(os.sched_getaffinity(0))} CPUs, {cpu_model()}, Linux {os.uname().release}")
    load = os.getloadavg()[0]
    if load > 0.5:
        print(f"The load average is {load:.1f}: something else is running, or was a minute ago; it blurs the figures.")
    print("\n" + ROW.format("workload", "procs", "metric", "goro median [min-max]", "Go median [min-max]", "ratio",
                            "target"))


def save(options, go_version, results, steadiness):
    with open(options.json, "w", encoding="utf-8") as file:
        json.dump(dict(when=datetime.datetime.now().isoformat(timespec="seconds"), go=go_version, runs=options.runs,
                       seconds=options.seconds, cpus=len(os.sched_getaffinity(0)), cpu=cpu_model(),
                       kernel=os.uname().release, arguments=options.extra,
                       noisy=options.noisy, steadiness=steadiness.as_json(), results=results), file, indent=1)
        file.write("\n")


def main():
    options = parse_arguments()
    try:
        known = known_workloads(options.goro_bench)
    except Failure as failure:
        complain(str(failure))
        return 2
    unknown = [w for w in options.workloads if w not in known]
    if unknown:
        complain(f"unknown: {' '.join(unknown)}; there are: {' '.join(known)}")
        return 2
    targets = {} if options.extra else json.loads((BENCH / "targets.json").read_text(encoding="utf-8"))
    programs, go_version = {"goro": options.goro_bench}, None
    twin = None if options.only_goro else build_twin()
    if twin:
        programs["go"], go_version = twin
    if not options.only_goro:
        programs["epoll"] = BUILD / "goro-bench-epoll-server"
    if twin:
        programs["nethttp"] = programs["go"]

    try:
        peers = find_peers() if options.peers else {}
    except Failure as failure:
        complain(str(failure))
        return 2

    head(options, go_version)
    results, failures, score, steadiness = [], [], [], Steadiness(options.noisy)
    try:
        for workload in options.workloads or known:
            for procs in options.procs:
                rows = compare(programs, peers, workload, procs, options, steadiness, failures)
                print_rows(rows, targets, score)
                results += rows
    except KeyboardInterrupt:
        failures.append("interrupted")
    finally:
        if options.json:
            save(options, go_version, results, steadiness)
    if steadiness.set_aside:
        print("\n" + steadiness.summary())
    if score:
        print(f"\n{sum(score)} of {len(score)} targets met")
    if failures:
        complain(f"{len(failures)} failed, see above")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
