# SPDX-License-Identifier: MIT
"""How many samples a second get through one agent into a host, none of them lost.

pump_load (which see) has the whole agent in itself, a session with bench_session, and threads that send themselves one
signal after the other from below 20 frames and 64 different stacks, and pause while their rings are half full. The threads
share one processor, the pump and the host the other one; the slower side decides. The figure is what has arrived at the
host by the end.
"""

import json

import bed as beds
from result import Line, measured

NAME = "pump"
THREADS = (1, 16, 64)
JUDGED = 16
AT_LEAST = 200000


def run(bed, threads, seconds):
    out = bed.path("pump.json")
    account = bed.session([beds.helper("pump_load"), str(threads), str(seconds)],
                          ["--linked", "--rate", "1", "--output", out])
    with open(out, encoding="utf-8") as file:
        load = json.load(file)
    return {"rate": account["samples"] / load["seconds"], "lost": account["dropped"] + load["lost"],
            "agent": 100 * account["agent_cpu_us"] / 1e6 / load["seconds"], "pauses": load["pauses"]}


def measure(bed, options):
    rounds = options.rounds or (1 if options.quick else 7)
    found = {threads: [] for threads in THREADS}
    for _ in range(rounds):
        for threads in THREADS:
            found[threads].append(run(bed, threads, 0.3 if options.quick else 2))
    for threads, runs in found.items():
        judged = threads == JUDGED
        yield measured(NAME, f"{threads} threads", "samples/s", [one["rate"] for one in runs],
                       at_least=AT_LEAST if judged else None,
                       note=f"the agent's threads use {max(one['agent'] for one in runs):.0f} % of a core")
        yield Line(NAME, f"{threads} threads, lost", "samples", sum(one["lost"] for one in runs),
                   at_most=0 if judged else None)
