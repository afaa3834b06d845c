# SPDX-License-Identifier: MIT
"""By how much one busy thread is slowed down, to some hundredths of a per cent.

work_steady (which see) does equal pieces of work, of half a millisecond, and notes the CPU time of each. While it runs,
sampling is paused and resumed again and again, some 100 ms each: by the host's commands in a session, of perf record through its control pipe.
Each stretch of work with sampling is compared with those without it just before and after, so there are hundreds of
comparisons in a minute, each between neighbouring moments of one process. The first milliseconds after each change are left
out. The figure is the median of the comparisons with its 95 % interval.
"""

import os
import threading
import time

import bed as beds
from machine import tick_hz
from result import absent, measured
from row_slowdown import AT_MOST, MECHANISMS, perf_against

NAME = "steady"
SECONDS = 12
ROUNDS = 2
TOGGLE_MS = 50
GUARD_NS = 8_000_000
PERF_START_S = 0.7


def read_pieces(path):
    """(end in ns, CPU time in ns) of each piece: the difference to the piece before."""
    with open(path, encoding="utf-8") as file:
        rows = [tuple(map(int, line.split())) for line in file]
    return [(end, cpu - before) for (_, before), (end, cpu) in zip(rows, rows[1:])]


def stretches(changes, pieces):
    """Mean CPU time of the pieces within each stretch between two changes, with whether sampling was on."""
    at = 0
    for (start, is_on), (end, _) in zip(changes, changes[1:]):
        inside = []
        while at < len(pieces) and pieces[at][0] < end:
            if pieces[at][0] - pieces[at][1] > start + GUARD_NS:
                inside.append(pieces[at][1])
            at += 1
        if inside:
            yield bool(is_on), sum(inside) / len(inside)


def comparisons(changes, pieces):
    """Per cent more of each stretch with sampling than of its neighbours without."""
    listed = list(stretches(changes, pieces))
    for before, now, after in zip(listed, listed[1:], listed[2:]):
        if now[0] and not before[0] and not after[0]:
            yield 100 * (now[1] / ((before[1] + after[1]) / 2) - 1)


def run_agent(bed, rate, mechanism, seconds):
    out = bed.path("steady.txt")
    account = bed.session([beds.helper("work_steady"), str(seconds)], [*bed.agent_options(rate, mechanism), "--toggle",
                                                                     str(TOGGLE_MS), "--output", out])
    return list(comparisons(account["toggles"], read_pieces(out)))


class PerfSwitch(threading.Thread):
    """Switches perf record on and off through its control pipe, and notes when it has answered."""

    def __init__(self, bed):
        super().__init__(daemon=True)
        self.paths = [bed.path("perf.control"), bed.path("perf.answer")]
        for path in self.paths:
            if not os.path.exists(path):
                os.mkfifo(path)
        self.changes, self.is_over = [], False

    def run(self):
        with open(self.paths[0], "w", encoding="ascii") as control, open(self.paths[1], encoding="ascii") as answer:
            is_on = False
            time.sleep(PERF_START_S)
            while not self.is_over:
                is_on = not is_on
                try:
                    control.write("enable\n" if is_on else "disable\n")
                    control.flush()
                except BrokenPipeError:
                    return
                if not answer.readline():
                    return
                self.changes.append((time.monotonic_ns(), is_on))
                time.sleep(TOGGLE_MS / 1000)


def run_perf(bed, rate, graph, seconds):
    switch = PerfSwitch(bed)
    out, data = bed.path("steady.txt"), bed.path("perf.data")
    prefix = ["taskset", "-c", str(bed.other_cpu), beds.perf(), "record", "-q", "-F", str(rate), "--call-graph", graph, "-D",
              "-1", f"--control=fifo:{switch.paths[0]},{switch.paths[1]}", "-o", data, "--"]
    switch.start()
    bed.session([beds.helper("work_steady"), str(seconds + PERF_START_S)], ["--output", out], prefix)
    switch.is_over = True
    switch.join(5)
    return list(comparisons(switch.changes, read_pieces(out)))


def ways(options):
    """(name, rate for the target, function)."""
    tick = tick_hz()
    mechanisms = options.mechanisms or MECHANISMS
    yield "default, thread-cpu-timer", "default", lambda bed, s: run_agent(bed, None, "thread-cpu-timer", s)
    yield f"{tick} Hz, thread-cpu-timer", None, lambda bed, s: run_agent(bed, tick, "thread-cpu-timer", s)
    for rate in (1000, 10000):
        for mechanism in mechanisms:
            if mechanism != "thread-cpu-timer":
                yield (f"{rate} Hz, {mechanism}", rate,
                       lambda bed, s, rate=rate, mechanism=mechanism: run_agent(bed, rate, mechanism, s))
        if beds.perf():
            for graph in ("fp", "dwarf"):
                yield (f"{rate} Hz, perf record {graph}", None,
                       lambda bed, s, rate=rate, graph=graph: run_perf(bed, rate, graph, s))


def measure(bed, options):
    listed = [way for way in ways(options) if not options.ways or way[0].startswith(tuple(options.ways))]
    found = {name: [] for name, _, _ in listed}
    for _ in range(options.rounds or (1 if options.quick else ROUNDS)):
        for name, _, take in listed:
            found[name] += take(bed, 2.5 if options.quick else SECONDS)
    for name, rate, _ in listed:
        if len(found[name]) < 3:
            yield absent(NAME, name, "%", "too few changes were answered", at_most=AT_MOST.get(rate))
        else:
            yield measured(NAME, name, "%", found[name], at_most=AT_MOST.get(rate), note=f"{len(found[name])} comparisons")
    yield from perf_against(NAME, "", {name: values for name, values in found.items() if values})
