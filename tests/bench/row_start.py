# SPDX-License-Identifier: MIT
"""What profiling adds to a program's start and end.

/bin/true and `python3 -c pass` by themselves and with the agent in a session at the default rate, in turn, on whichever
processor they like. From before the fork until the program has been waited for: loading the agent, connecting, the
configuration, the program's own work, Goodbye. Milliseconds on the clock, and of CPU time, agent included.
"""

import bed as beds
from estimate import median
from harness import Skip, need
from result import absent, measured

NAME = "start"
PROGRAMS = (("true", ["true"], None), ("python3 -c pass", ["python3", "-I", "-c", "pass"], 5.0))


def run_rounds(bed, command, rounds):
    plain, profiled = [], []
    for turn in range(rounds):
        both = [(plain, []), (profiled, bed.agent_options())]
        for accounts, options in both[::-1] if turn % 2 else both:
            accounts.append(bed.session(command, options, is_pinned=False))
    return plain, profiled


def added_ms(plain, profiled, member):
    """Each pair of neighbours has its difference."""
    return [(after[member] - before[member]) / 1e3 for before, after in zip(plain, profiled)]


def measure(bed, options):
    for name, command, limit in PROGRAMS:
        try:
            line = [need(command[0]), *command[1:]]
        except Skip as reason:
            yield absent(NAME, name, "ms", str(reason), at_most=limit)
            continue
        bed.session(line)
        plain, profiled = run_rounds(bed, line, options.rounds or (3 if options.quick else 60))
        itself = median([account["wall_us"] for account in plain]) / 1e3
        yield measured(NAME, f"{name}: added time", "ms", added_ms(plain, profiled, "wall_us"), at_most=limit,
                       note=f"by itself {itself:.1f} ms")
        yield measured(NAME, f"{name}: added CPU time", "ms", added_ms(plain, profiled, "cpu_us"))
