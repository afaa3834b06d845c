# SPDX-License-Identifier: MIT
"""How exact each mechanism is with threads that sleep, and which sleeps it cuts short.

work_sleeper (which see) works and sleeps in turn in three patterns, and counts the sleeps that a signal ended and the CPU
time of its work. For each mechanism at 1 kHz: the weights of all samples beside the CPU time that the mechanism can see
(1 is exact; of perf's clocks that is the work, of others the thread's whole CPU time), the share of sleeps cut short, and
the CPU time beside that of the program by itself. The default mechanism is the one that the agent takes by itself at
1 kHz; it must not cut any.
"""

import json

import bed as beds
from result import Line, measured
from row_slowdown import MECHANISMS, SEES_USER_CODE_ONLY

NAME = "exact"
RATE = 1000
PATTERNS = (
    ("300 us work, 700 us nanosleep", 300, 700, "nanosleep"),
    ("3 ms work, 7 ms poll", 3000, 7000, "poll"),
    ("900 us work, 100 us nanosleep", 900, 100, "nanosleep"),
)


class Runs:
    """Runs of one pattern in one way: sessions' accounts, and what the program printed."""

    def __init__(self):
        self.accounts, self.programs = [], []

    def total(self, member):
        return sum(one[member] for one in self.programs)

    def cpu_per_turn(self):
        return [one["cpu_us"] / one["turns"] for one in self.programs]

    def weight_shares(self):
        for account, program in zip(self.accounts, self.programs):
            seen = "work_us" if account["mechanism"] in SEES_USER_CODE_ONLY else "cpu_us"
            yield account["weight"] * account["period_ns"] / 1e3 / program[seen]


def run(bed, pattern, seconds, options, runs):
    _, work_us, sleep_us, call = pattern
    turns = max(5, int(seconds * 1e6 / (work_us + sleep_us)))
    out = bed.path("sleeper.json")
    command = [beds.helper("work_sleeper"), str(work_us), str(sleep_us), str(turns), call]
    runs.accounts.append(bed.session(command, ["--output", out, *options]))
    with open(out, encoding="utf-8") as file:
        runs.programs.append(json.load(file))


def lines_of(pattern, mechanism, runs, plain):
    what = f"{mechanism or 'default'}: {pattern[0]}"
    turns, cut = runs.total("turns"), runs.total("cut")
    noticed = sum(account["sleeps_cut_short"] for account in runs.accounts)
    itself = plain.total("cpu_us") / plain.total("turns")
    yield measured(NAME, what + ": weight/CPU", "x", list(runs.weight_shares()), note=runs.accounts[0]["mechanism"])
    yield Line(NAME, what + ": sleeps cut", "%", 100 * cut / turns, at_most=None if mechanism else 0,
               note=f"{cut} of {turns}; the ledger says {noticed}")
    yield measured(NAME, what + ": CPU time", "x", [each / itself for each in runs.cpu_per_turn()])


def measure(bed, options):
    seconds = 0.2 if options.quick else 2
    mechanisms = (None, *(options.mechanisms or MECHANISMS))
    for pattern in PATTERNS[:1] if options.quick else PATTERNS:
        found, plain = {mechanism: Runs() for mechanism in mechanisms}, Runs()
        for _ in range(options.rounds or (1 if options.quick else 5)):
            run(bed, pattern, seconds, [], plain)
            for mechanism in mechanisms:
                run(bed, pattern, seconds, bed.agent_options(RATE, mechanism), found[mechanism])
        for mechanism, runs in found.items():
            yield from lines_of(pattern, mechanism, runs, plain)
