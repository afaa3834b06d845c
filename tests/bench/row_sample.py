# SPDX-License-Identifier: MIT
"""What one sample costs the thread it is taken of, signal included.

sample_cost (which see) has the whole agent in itself and a session with bench_session. Its thread sends itself the
agent's signal and, every other time, one with an empty handler, from below 5, 30 and 100 functions; the profiler of
gperftools is driven in the same way in a process of its own, turn by turn with ours. Before each sample the stack is
made anew from other functions, so that nothing of the last sample fits; "same stack" leaves it. Cold: as much other
memory is walked before each sample as evicts the second-level cache (4 MiB), or all caches (64 MiB).

The cost of a frame is the slope between 5 and 100 frames.
"""

import json

import bed as beds
from result import absent, measured

NAME = "sample"
DEPTHS = (5, 30, 100)
LEVELS = (("warm", 0, 3000), ("L2 cold", 4096, 400), ("cold", 65536, 60))
FLUSH_MS = "5"
EMPTY_AT_MOST = 2.0
GPERFTOOLS_AT_MOST = 1 / 6
FRAME_AT_MOST_NS = 12


def take(bed, program, depth, samples, evict_kib, path):
    """One run of ours: [quartiles] of the empty handler and of the sample, in ns."""
    out = bed.path("sample.json")
    bed.session([beds.helper(program), str(depth), str(samples), str(evict_kib), path],
                ["--linked", "--rate", "1", "--flush", FLUSH_MS, "--output", out])
    with open(out, encoding="utf-8") as file:
        found = json.load(file)
    if found["lost"]:
        raise beds.Unusable(f"{program} lost {found['lost']} samples")
    return found


def take_peer(bed, depth, samples, evict_kib, path):
    out = bed.path("peer.json")
    bed.session([beds.helper("sample_cost_gperftools"), str(depth), str(samples), str(evict_kib), path],
                ["--output", out])
    with open(out, encoding="utf-8") as file:
        return json.load(file)


class Series:
    """The medians of all rounds of one kind of run."""

    def __init__(self):
        self.empty, self.sample, self.peer = [], [], []

    def add(self, ours, peer):
        self.empty.append(ours["empty_ns"][1])
        self.sample.append(ours["sample_ns"][1])
        if peer is not None:
            self.peer.append(peer["sample_ns"][1])


def rounds_of(bed, options):
    """All kinds of runs in each round, ours and the peer's one after the other in changing order."""
    levels = LEVELS[:1] if options.quick else LEVELS
    kinds = [(depth, level, "new") for level in levels for depth in DEPTHS] + [(30, LEVELS[0], "same")]
    series = {(depth, level[0], path): Series() for depth, level, path in kinds}
    has_peer = beds.has_gperftools()
    for turn in range(options.rounds or (2 if options.quick else 7)):
        for depth, (name, evict_kib, samples), path in kinds:
            samples = max(20, samples // 10) if options.quick else samples
            peer = None
            if has_peer and turn % 2:
                peer = take_peer(bed, depth, samples, evict_kib, path)
            ours = take(bed, "sample_cost", depth, samples, evict_kib, path)
            if has_peer and not turn % 2:
                peer = take_peer(bed, depth, samples, evict_kib, path)
            series[depth, name, path].add(ours, peer)
    return series


def ratios(over, under):
    return [a / b for a, b in zip(over, under)]


def lines_of(kind, series):
    depth, name, path = kind
    what = f"{depth} frames, {name}" + (", same stack" if path == "same" else "")
    judged = depth == 30 and name == "warm" and path == "new"
    yield measured(NAME, what, "ns", series.sample)
    yield measured(NAME, what + ", against an empty handler", "x", ratios(series.sample, series.empty),
                   at_most=EMPTY_AT_MOST if judged else None)
    against_peer = what + ", against gperftools"
    limit = GPERFTOOLS_AT_MOST if judged else None
    if series.peer:
        yield measured(NAME, against_peer, "x", ratios(series.sample, series.peer), at_most=limit)
    else:
        yield absent(NAME, against_peer, "x", "gperftools is not installed", at_most=limit)


def frame_lines(series):
    for name, _, _ in LEVELS:
        if (DEPTHS[0], name, "new") not in series:
            continue
        few, many = series[DEPTHS[0], name, "new"], series[DEPTHS[-1], name, "new"]
        slopes = [(b - a) / (DEPTHS[-1] - DEPTHS[0]) for a, b in zip(few.sample, many.sample)]
        yield measured(NAME, f"one frame more, {name}", "ns", slopes,
                       at_most=FRAME_AT_MOST_NS if name == "warm" else None)


def measure(bed, options):
    series = rounds_of(bed, options)
    for kind, found in series.items():
        yield from lines_of(kind, found)
    yield from frame_lines(series)
