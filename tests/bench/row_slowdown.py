# SPDX-License-Identifier: MIT
"""By how much a busy program is slowed down: CPU time for the same work, against the same program by itself.

Each program runs for some tenths of a second again and again: by itself, and watched in one way after the other, in an
order that is drawn anew in each round, with runs by itself in between (P a b P c d P ...). Each watched run is compared
with the runs by itself on both its sides, so what drifts falls out. Start-up has a row of its own: what /bin/true uses
more when it is watched in the same way, in the same round, is taken off. The figure is the median of those ratios, with
its 95 % interval.

"own" is the user and system time of the program without that of the agent's threads, "process" all of it, "wall" the
time on the clock; the program is pinned to one processor, with the agent's threads, and the host or perf to another.
"itself" compares the program with itself: what the method makes of no difference at all.

Beside each, from the same runs: the weights of all samples beside the CPU time that the mechanism can see (1.00 is exact),
samples a second of CPU time, and the sleeps that were cut short.
"""

import random
import shutil
from dataclasses import astuple

import bed as beds
import programs
from estimate import Estimate, estimate
from harness import AGENT
from machine import tick_hz
from result import Line, absent, measured

NAME = "slowdown"
SECONDS = 0.5
MECHANISMS = ("thread-cpu-timer", "perf-cpu-clock", "signal-runnable")
HIGH_RATES = (1000, 10000)
AT_MOST = {"default": 0.2, 1000: 1.0}
PERF_SHARE_AT_MOST = 1 / 3
PERF_GRAPHS = ("fp", "dwarf")
# Of a watched run, and what each is compared with of a run by itself.
MEMBERS = (("own_cpu_us", "cpu_us"), ("cpu_us", "cpu_us"), ("wall_us", "wall_us"))


class Way:
    """A way of watching a program."""

    def __init__(self, name, options=(), prefix=(), rate=None):
        self.name, self.options, self.prefix, self.rate = name, list(options), list(prefix), rate


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
    """What one way has shown with one program: ratios in per cent over the program by itself, and accounts."""

    def __init__(self):
        self.own, self.process, self.wall, self.accounts = [], [], [], []

    def add(self, account, start, before, after):
        """One watched run, what start-up cost more in that way, and the runs by itself around it."""
        def per_cent(of, base):
            return 100 * ((account[of] - start[of]) / ((before[base] + after[base]) / 2) - 1)

        for series, (of, base) in zip((self.own, self.process, self.wall), MEMBERS):
            series.append(per_cent(of, base))
        self.accounts.append(account)

    def total(self, member):
        return sum(account.get(member, 0) for account in self.accounts)


def start_costs(bed, listed):
    """By the way's name, what a program that does nothing uses more when it is watched."""
    nothing = [shutil.which("true")]
    plain = bed.session(nothing)
    costs = {}
    for way in listed:
        watched = bed.session(nothing, way.options, way.prefix) if way.options or way.prefix else plain
        costs[way.name] = {member: watched[member] - plain[base] for member, base in MEMBERS}
    return costs


def run_rounds(bed, command, listed, rounds):
    """The runs of all ways with one program, by the way's name."""
    draw = random.Random(1)
    found = {way.name: Runs() for way in listed}
    bed.session(command)  # caches and files
    for _ in range(rounds):
        order = draw.sample(listed, len(listed))
        starts = start_costs(bed, listed)
        before = bed.session(command)
        for pair in [order[at:at + 2] for at in range(0, len(order), 2)]:
            accounts = [bed.session(command, way.options, way.prefix) for way in pair]
            after = bed.session(command)
            for way, account in zip(pair, accounts):
                found[way.name].add(account, starts[way.name], before, after)
            before = after
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
    limit = AT_MOST.get(way.rate) if way.options else None
    return measured(NAME, f"{program}: {way.name}", "%", runs.own, at_most=limit, note=account_note(runs), detail={
        "process": runs.process, "wall": runs.wall,
        "handler_p50_ns": [account.get("handler_p50_ns") for account in runs.accounts]})


def idle_line(program, way, runs):
    return measured(NAME, f"{program}: {way.name}", "%", runs.own, at_most_nothing=True)


def ratio_of_medians(what, ours, theirs):
    """Single rounds can have a peer at nought, so the medians are divided, not the rounds; the interval is that of our
    own figure."""
    over, under = estimate(ours), estimate(theirs).value
    if under <= 0:
        return absent(NAME, what, "x", "perf record shows no slowdown here", at_most=PERF_SHARE_AT_MOST)
    scaled = Estimate(*(part / under for part in astuple(over)[:-1]), over.count)
    return Line(NAME, what, "x", scaled.value, scaled, at_most=PERF_SHARE_AT_MOST)


def share_of_perf(program, found):
    """At 1 kHz, the best of our mechanisms beside the cheaper call graph of perf record."""
    ours = [name for name in found if name.startswith("1000 Hz") and "perf record" not in name]
    theirs = [name for name in found if name.startswith("1000 Hz, perf record")]
    what = f"{program}: 1000 Hz, default mechanism against perf record"
    if not ours or not theirs:
        return absent(NAME, what, "x", "perf record is not here", at_most=PERF_SHARE_AT_MOST)
    cheapest = min(theirs, key=lambda name: measured(NAME, name, "%", found[name].own).value)
    return ratio_of_medians(what, found[ours[0]].own, found[cheapest].own)


def measure_program(bed, options, name):
    command = programs.command(bed.folder, name, 0.05 if options.quick else SECONDS)
    if command is None:
        yield absent(NAME, name, "%", "not installed")
        return
    listed = wanted_ways(bed, options)
    found = run_rounds(bed, command, listed, options.rounds or (2 if options.quick else 15))
    for way in listed:
        make = idle_line if way.name.startswith("loaded") else line_of
        yield make(name, way, found[way.name])
    yield share_of_perf(name, found)


def measure(bed, options):
    for name in options.programs or programs.NAMES:
        yield from measure_program(bed, options, name)
