# SPDX-License-Identifier: MIT
"""By how much a busy program is slowed down: CPU time for the same work, against the same program by itself.

Each program runs twice at the same time on one processor, watched and by itself. The kernel lets them take turns of some
milliseconds, so both meet the same moments of the machine, whose speed can change by a fifth from one second to the next;
one program after the other would need a hundred times as many runs for the same certainty. Both do the same fixed work, and
the system's count of CPU time for each is compared: the program's own, user and system, without that of the agent's
threads ("whole" in the JSON is with it). The host, perf and the agent's threads are on another processor.

What a session costs once, however long it lasts (loading, tables, the first samples), falls out: each round takes a short
run and a long one, and the figure is what the long one costs more for the CPU time by which it is longer. The note has
what it costs once, and the row "start" that of programs that do nothing.

Rounds take the ways of watching in an order that is drawn anew each time; which of the two starts first changes by chance.
Ways without a target are in every third round only. The figure is the median of the rounds with its 95 % interval.
"itself" compares the program with itself: what the method makes of no difference at all.

Beside each, from the long runs: the weights of all samples beside the CPU time that the mechanism can see (1.00 is exact),
samples a second of CPU time, and the sleeps that were cut short.
"""

import math
import random
import time

import bed as beds
import programs
from estimate import estimate_quotient, median
from harness import AGENT
from machine import tick_hz
from result import Line, absent, measured

NAME = "slowdown"
SHORT_S, LONG_S = 0.15, 1.0
ROUNDS = 12
SELDOM = 3
MECHANISMS = ("thread-cpu-timer", "perf-ring", "perf-cpu-clock", "signal-runnable")
SEES_USER_CODE_ONLY = ("perf-cpu-clock", "perf-ring")
HIGH_RATES = (1000, 10000)
AT_MOST = {"default": 0.2, 1000: 1.0}
PERF_SHARE_AT_MOST = 1 / 3
PERF_GRAPHS = ("fp", "dwarf")
# Of a watched run, and what each is compared with of a run by itself.
MEMBERS = (("own_cpu_us", "cpu_us"), ("cpu_us", "cpu_us"))


class Way:
    """A way of watching a program."""

    def __init__(self, name, options=(), prefix=(), rate=None):
        self.name, self.options, self.prefix, self.rate = name, list(options), list(prefix), rate

    @property
    def is_nothing(self):
        """The agent is there and samples nothing."""
        return self.name.startswith("loaded")

    @property
    def is_judged(self):
        return self.is_nothing or self.rate in AT_MOST


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
    return [way for way in ways(bed, options) if not wanted or way.name.startswith(tuple(wanted))]


class Runs:
    """What one way has shown with one program: per cent more than the program by itself, what it costs once, and the
    accounts of the long runs."""

    def __init__(self):
        self.own, self.whole, self.once_us, self.accounts = [], [], [], []

    def add(self, short, long):
        """Both are (watched, itself)."""
        for series, (of, base) in zip((self.own, self.whole), MEMBERS):
            series.append(100 * slope(short, long, of, base))
        of, base = MEMBERS[0]
        self.once_us.append(short[0][of] - short[1][base] * (1 + self.own[-1] / 100))
        self.accounts.append(long[0])

    def total(self, member):
        return sum(account.get(member, 0) for account in self.accounts)


def slope(short, long, of, base):
    """What the watched runs use more, for the CPU time by which the long one is longer."""
    (short_watched, short_itself), (long_watched, long_itself) = short, long
    more = (long_watched[of] - long_itself[base]) - (short_watched[of] - short_itself[base])
    return more / (long_itself[base] - short_itself[base])


def run_rounds(bed, commands, listed, rounds, limit_s):
    """The runs of all ways with one program, by the way's name. `commands` are the short and the long one. No round begins
    after `limit_s`."""
    end = time.monotonic() + limit_s
    draw = random.Random(1)
    found = {way.name: Runs() for way in listed}
    for command in commands:
        bed.session(command)  # caches and files
    for turn in range(rounds):
        if turn > 0 and time.monotonic() > end:
            break
        due = [way for way in listed if way.is_judged or turn % SELDOM == 0]
        for way in draw.sample(due, len(due)):
            found[way.name].add(*[bed.pair(command, way.options, way.prefix, watched_first=draw.random() < 0.5)
                                  for command in commands])
    return found


def seen_cpu_us(runs):
    """The CPU time that the mechanism can see."""
    user_only = runs.accounts[0].get("mechanism") in SEES_USER_CODE_ONLY
    return max(1, runs.total("process_user_us") + (0 if user_only else runs.total("process_system_us")))


def note_of(way, runs):
    once = f"once {median(runs.once_us) / 1e3:.1f} ms" if way.options or way.prefix else ""
    if not runs.total("samples"):
        return once
    weight_us = sum(account["weight"] * account["period_ns"] for account in runs.accounts) / 1e3
    per_second = runs.total("samples") / max(1, runs.total("process_user_us") + runs.total("process_system_us")) * 1e6
    return (f"{once}, weight/CPU {weight_us / seen_cpu_us(runs):.3f}, {per_second:.0f} samples/s, "
            f"{runs.total('sleeps_cut_short')} sleeps cut, {runs.total('dropped')} dropped")


def line_of(program, way, runs):
    limit = AT_MOST.get(way.rate) if way.options else None
    details = {"whole": median(runs.whole), "handler_p50_ns": median([run.get("handler_p50_ns", 0) for run in runs.accounts])}
    return measured(NAME, f"{program}: {way.name}", "%", runs.own, at_most=limit, at_most_nothing=way.is_nothing,
                    note=note_of(way, runs), detail=details)


def perf_against(row, prefix, found):
    """At 1 kHz, each of our mechanisms beside the cheaper call graph of perf record. `found` is per cent by way."""
    theirs = [name for name in found if name.startswith("1000 Hz, perf record")]
    for name in found:
        if not name.startswith("1000 Hz") or name in theirs:
            continue
        what = f"{prefix}{name}, against perf record"
        if not theirs:
            yield absent(row, what, "x", "perf record is not here", at_most=PERF_SHARE_AT_MOST)
            continue
        cheapest = min(theirs, key=lambda graph: median(found[graph]))
        quotient = estimate_quotient(found[name], found[cheapest])
        if quotient is None:
            yield absent(row, what, "x", "perf record shows no slowdown here", at_most=PERF_SHARE_AT_MOST)
        else:
            yield Line(row, what, "x", quotient.value, quotient, at_most=PERF_SHARE_AT_MOST)


def measure_program(bed, options, name, listed):
    lengths = (0.03, 0.06) if options.quick else (SHORT_S, LONG_S)
    commands = [programs.command(bed.folder, name, seconds) for seconds in lengths]
    if None in commands:
        yield absent(NAME, name, "%", "not installed")
        return
    found = run_rounds(bed, commands, listed, options.rounds or (2 if options.quick else ROUNDS),
                       options.limit or math.inf)
    for way in listed:
        yield line_of(name, way, found[way.name])
    yield from perf_against(NAME, f"{name}: ", {way: runs.own for way, runs in found.items()})


def measure(bed, options):
    listed = wanted_ways(bed, options)
    for name in options.programs or programs.NAMES:
        yield from measure_program(bed, options, name, listed)
