# SPDX-License-Identifier: MIT
"""What one sample costs the thread it is taken of, signal included.

sample_cost (which see) has the whole agent in itself and a session with bench_session. Its thread sends itself the
agent's signal and, every other time, one with an empty handler, from below 5, 30 and 100 functions in turn; the profiler
of gperftools is driven in the same way in a process of its own, turn by turn with ours. Before each sample the stack is
made anew from other functions, so that nothing of the last sample fits; "same stack" leaves it. Cold: as much other
memory is walked before each sample as evicts the second-level cache (4 MiB), or all caches (64 MiB).

The cost of a frame is the slope between 5 and 100 frames. How cold frames of a large program are is the row "frames".
"""

import json

import bed as beds
from result import absent, measured

NAME = "sample"
DEPTHS = (5, 30, 100)
JUDGED_DEPTH = 30
FLUSH_MS = "5"
EMPTY_AT_MOST = 2.0
GPERFTOOLS_AT_MOST = 1 / 6
FRAME_AT_MOST_NS = 12


class Kind:
    """One way to take samples."""

    def __init__(self, name, samples, evict_kib, path):
        self.name, self.samples, self.evict_kib, self.path = name, samples, evict_kib, path
        self.ours, self.peers = [], []  # what each round has found

    def arguments(self, quick):
        samples = max(16, self.samples // 10) if quick else self.samples
        return [str(samples), str(self.evict_kib), self.path, *map(str, DEPTHS)]


def kinds(quick):
    warm = Kind("warm", 3000, 0, "new")
    return [warm] if quick else [warm, Kind("L2 cold", 240, 4096, "new"), Kind("cold", 48, 65536, "new"),
                                 Kind("warm, same stack", 3000, 0, "same")]


def take(bed, program, arguments, options):
    """One run: by depth, the quartiles of the empty handler and of the sample, in ns."""
    out = bed.path("sample.json")
    bed.session([beds.helper(program), *arguments], ["--output", out, *options])
    with open(out, encoding="utf-8") as file:
        found = json.load(file)
    if found["lost"]:
        raise beds.Unusable(f"{program} lost {found['lost']} samples")
    return found["depths"]


def take_round(bed, kind, turn, options):
    """Ours and the peer's, in changing order."""
    arguments = kind.arguments(options.quick)
    both = [lambda: kind.ours.append(take(bed, "sample_cost", arguments, ["--linked", "--rate", "1", "--flush", FLUSH_MS]))]
    if beds.has_gperftools():
        both.append(lambda: kind.peers.append(take(bed, "sample_cost_gperftools", arguments, [])))
    for one in both[::-1] if turn % 2 else both:
        one()


def medians(rounds, depth, series):
    return [found[str(depth)][series][1] for found in rounds]


def ratios(over, under):
    return [a / b for a, b in zip(over, under)]


def depth_lines(kind, depth):
    what = f"{depth} frames, {kind.name}"
    judged = depth == JUDGED_DEPTH and kind.name == "warm"
    sample = medians(kind.ours, depth, "sample_ns")
    yield measured(NAME, what, "ns", sample)
    yield measured(NAME, what + ", against an empty handler", "x", ratios(sample, medians(kind.ours, depth, "empty_ns")),
                   at_most=EMPTY_AT_MOST if judged else None)
    limit = GPERFTOOLS_AT_MOST if judged else None
    if kind.peers:
        yield measured(NAME, what + ", against gperftools", "x", ratios(sample, medians(kind.peers, depth, "sample_ns")),
                       at_most=limit)
    else:
        yield absent(NAME, what + ", against gperftools", "x", "gperftools is not installed", at_most=limit)


def frame_line(kind):
    few, many = DEPTHS[0], DEPTHS[-1]
    slopes = [(b - a) / (many - few)
              for a, b in zip(medians(kind.ours, few, "sample_ns"), medians(kind.ours, many, "sample_ns"))]
    return measured(NAME, f"one frame more, {kind.name}", "ns", slopes,
                    at_most=FRAME_AT_MOST_NS if kind.name.startswith("warm") else None)


def measure(bed, options):
    for kind in kinds(options.quick):
        for turn in range(options.rounds or (2 if options.quick else 9)):
            take_round(bed, kind, turn, options)
        for depth in DEPTHS:
            yield from depth_lines(kind, depth)
        yield frame_line(kind)
