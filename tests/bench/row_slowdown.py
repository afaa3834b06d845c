# SPDX-License-Identifier: MIT
"""By how much a busy program is slowed down: CPU time for the same work, against the same program by itself.

Each program runs twice at the same time on one processor, watched and by itself. The kernel lets them take turns of some
milliseconds, so both meet the same moments of the machine, whose speed can change by a fifth from one second to the next;
one program after the other would need a hundred times as many runs for the same certainty. Both do the same fixed work, of
some tenths of a second, and what is compared is the CPU time that the system counts for each, by itself and by ratio.
The host, perf and the agent's own threads are on another processor.

Rounds take the ways of watching in an order that is drawn anew each time; which of the two starts first changes by chance.
Start-up has a row of its own: what /bin/true uses more when it is watched in the same way is taken off. The figure is the
median of the ratios with its 95 % interval. It counts the program's own CPU time, user and system; "whole" is with the
agent's threads. "itself" compares the program with itself: what the method makes of no difference at all.

Beside each, from the same runs: the weights of all samples beside the CPU time that the mechanism can see (1.00 is exact),
samples a second of CPU time, and the sleeps that were cut short.
"""

import random
import shutil

import bed as beds
import programs
from estimate import estimate_quotient, median
from harness import AGENT
from machine import tick_hz
from result import Line, absent, measured

NAME = "slowdown"
SECONDS = 0.5
ROUNDS = 12
MECHANISMS = ("thread-cpu-timer", "perf-cpu-clock", "signal-runnable")
HIGH_RATES = (1000, 10000)
AT_MOST = {"default": 0.2, 1000: 1.0}
PERF_SHARE_AT_MOST = 1 / 3
PERF_GRAPHS = ("fp", "dwarf")
STARTS = 5
# Of a watched run, and what each is compared with of a run by itself.
MEMBERS = (("own_cpu_us", "cpu_us"), ("cpu_us", "cpu_us"))


class Way:
    """A way of watching a program."""

    def __init__(self, name, options=(), prefix=(), rate=None):
        self.name, self.options, self.prefix, self.rate = name, list(options), list(prefix), rate

    @property
    def is_watched(self):
        return bool(self.options or self.prefix)


def sampled(bed, rate, mechanism):
    text = f"{rate} Hz" if rate else "default"
    return Way(f"{text}, {mechanism}", bed.agent_options(rate, mechanism), rate=rate or "default")


def perf_way(bed, perf, rate, graph):
    data = bed.path("perf.data")
    return Way(f"{rate} Hz, perf record {graph}", prefix=["taskset", "-c", str(bed.other_cpu), perf, "record", "-q", "-F",
               str(rate), "--call-graph", graph, "-o", data, "--"], rate=rate)


def ways(bed, options):
    """All ways, as far as they are here."""
    mechanisms = options.mechanisms or MECHANISMS
    tick = tick_hz()
    yield Way("itself")
    yield Way("loaded, no host", ["--set", f"LD_PRELOAD={AGENT}"])
    yield Way("loaded, session held", ["--agent", AGENT, "--hold"])
    yield sampled(bed, None, "thread-cpu-timer")
    for rate in (tick, *HIGH_RATES):
        for mechanism in mechanisms:
            if rate <= tick or mechanism != "thread-cpu-timer":
                yield sampled(bed, rate, mechanism)
    if beds.perf():
        for rate in HIGH_RATES:
            for graph in PERF_GRAPHS:
                yield perf_way(bed, beds.perf(), rate, graph)
    if beds.has_gperftools():
        profile = bed.path("gperftools.prof")
        yield Way(f"{tick} Hz, gperftools", ["--set", f"LD_PRELOAD={beds.PROFILER_LIBRARY}", "--set",
                  f"CPUPROFILE={profile}", "--set", f"CPUPROFILE_FREQUENCY={tick}"], rate=tick)


def wanted_ways(bed, options):
    wanted = options.ways
    return [way for way in ways(bed, options) if not wanted or any(part in way.name for part in wanted)]


class Runs:
    """What one way has shown with one program: per cent more than the program by itself, and accounts."""

    def __init__(self):
        self.own, self.whole, self.accounts = [], [], []

    def add(self, watched, itself, start):
        for series, (of, base) in zip((self.own, self.whole), MEMBERS):
            series.append(100 * ((watched[of] - start[of]) / itself[base] - 1))
        self.accounts.append(watched)

    def total(self, member):
        return sum(account.get(member, 0) for account in self.accounts)


def start_costs(bed, listed):
    """By the way's name, what a program that does nothing uses more when it is watched."""
    nothing = [shutil.which("true")]
    plain, watched = [], {way.name: [] for way in listed}
    for _ in range(STARTS):
        plain.append(bed.session(nothing))
        for way in listed:
            watched[way.name].append(bed.session(nothing, way.options, way.prefix) if way.is_watched else plain[-1])
    return {name: {of: median([run[of] for run in runs]) - median([run[base] for run in plain]) for of, base in MEMBERS}
            for name, runs in watched.items()}


def run_rounds(bed, command, listed, rounds):
    """The runs of all ways with one program, by the way's name."""
    draw = random.Random(1)
    found = {way.name: Runs() for way in listed}
    starts = start_costs(bed, listed)
    bed.session(command)  # caches and files
    for _ in range(rounds):
        for way in draw.sample(listed, len(listed)):
            watched, itself = bed.pair(command, way.options, way.prefix, watched_first=draw.random() < 0.5)
            found[way.name].add(watched, itself, starts[way.name])
    return found


def seen_cpu_us(runs):
    """The CPU time that the mechanism can see: above the tick perf's clock sees user code alone."""
    perf_clock = runs.accounts[0].get("mechanism") == "perf-cpu-clock"
    whole = runs.total("process_user_us") + (0 if perf_clock else runs.total("process_system_us"))
    return max(1, whole)


def account_note(runs):
    if not runs.total("samples"):
        return ""
    weight_us = sum(account["weight"] * account["period_ns"] for account in runs.accounts) / 1e3
    per_second = runs.total("samples") / max(1, runs.total("process_user_us") + runs.total("process_system_us")) * 1e6
    return (f"weight/CPU {weight_us / seen_cpu_us(runs):.3f}, {per_second:.0f} samples/s, "
            f"{runs.total('sleeps_cut_short')} sleeps cut, {runs.total('dropped')} dropped")


def line_of(program, way, runs):
    nothing = way.name.startswith("loaded")
    limit = AT_MOST.get(way.rate) if way.options else None
    details = {"whole": median(runs.whole), "handler_p50_ns": median([run.get("handler_p50_ns", 0) for run in runs.accounts])}
    return measured(NAME, f"{program}: {way.name}", "%", runs.own, at_most=limit, at_most_nothing=nothing,
                    note=account_note(runs), detail=details)


def share_of_perf(program, found):
    """At 1 kHz, each of our mechanisms beside the cheaper call graph of perf record."""
    theirs = [name for name in found if name.startswith("1000 Hz, perf record")]
    for name in found:
        if not name.startswith("1000 Hz") or name in theirs:
            continue
        what = f"{program}: {name}, against perf record"
        if not theirs:
            yield absent(NAME, what, "x", "perf record is not here", at_most=PERF_SHARE_AT_MOST)
            continue
        cheapest = min(theirs, key=lambda graph: median(found[graph].own))
        quotient = estimate_quotient(found[name].own, found[cheapest].own)
        if quotient is None:
            yield absent(NAME, what, "x", "perf record shows no slowdown here", at_most=PERF_SHARE_AT_MOST)
        else:
            yield Line(NAME, what, "x", quotient.value, quotient, at_most=PERF_SHARE_AT_MOST)


def measure_program(bed, options, name):
    command = programs.command(bed.folder, name, 0.05 if options.quick else SECONDS)
    if command is None:
        yield absent(NAME, name, "%", "not installed")
        return
    listed = wanted_ways(bed, options)
    found = run_rounds(bed, command, listed, options.rounds or (2 if options.quick else ROUNDS))
    for way in listed:
        yield line_of(name, way, found[way.name])
    yield from share_of_perf(name, found)


def measure(bed, options):
    for name in options.programs or programs.NAMES:
        yield from measure_program(bed, options, name)
