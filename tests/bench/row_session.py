# SPDX-License-Identifier: MIT
"""Sessions with real programs at 1 kHz: bytes a sample, delay from sample to host, cold frames, memory.

Each program works for about two seconds in a session with bench_session, whose record callback compares each sample's time
with the clock. Bytes are those of the messages: sample columns, and definitions (stacks, frames, images, threads, strings).
The cost of a frame is the handler's median time beside the mean depth of the stacks, so it holds the sample's fixed part
too; the program works in between, and clang's tables do not fit into the caches. Memory is that of the agent's own
mappings (those that a forked child does not get) when the session ends, and the program's peak with and without us.
"""

import bed as beds
import programs
from result import Line, absent, measured

NAME = "session"
RATE = 1000
SECONDS = 2
NAMES = ("xz", "python3", "cc1", "clang", "64 threads")
FLUSH_MS = 100  # for larger messages; rings that fill up are drained sooner
COLUMNS_AT_MOST = 5
DELAY_AT_MOST_MS = 50
FRAME_AT_MOST_NS = 150
FRAME_PROGRAM = "clang"


def byte_lines(name, runs):
    columns = [run["bytes_columns"] / run["samples"] for run in runs]
    definitions = [run["bytes_definitions"] / run["samples"] for run in runs]
    a_message = runs[0]["samples"] / runs[0]["messages"]
    yield measured(NAME, f"{name}: sample columns, bytes a sample", "bytes", columns, at_most=COLUMNS_AT_MOST,
                   note=f"{a_message:.0f} samples a message")
    yield measured(NAME, f"{name}: definitions, bytes a sample", "bytes", definitions)


def delay_lines(name, runs):
    for member, label in (("delay_p50_us", "p50"), ("delay_p99_us", "p99")):
        yield measured(NAME, f"{name}: sample to callback, {label}", "ms", [run[member] / 1e3 for run in runs],
                       at_most=runs[0]["flush_ms"] + DELAY_AT_MOST_MS, note=f"flush interval {runs[0]['flush_ms']} ms")


def frame_line(name, mechanism, runs):
    depth = sum(run["frames"] for run in runs) / max(1, sum(run["samples"] for run in runs))
    return measured(NAME, f"{name}, {mechanism}: handler, a frame", "ns", [run["handler_p50_ns"] / depth for run in runs],
                    at_most=FRAME_AT_MOST_NS if name == FRAME_PROGRAM else None,
                    note=f"p50 {runs[0]['handler_p50_ns']} ns, p99 {runs[0]['handler_p99_ns']} ns, {depth:.1f} frames deep")


def memory_lines(name, runs, plain):
    yield measured(NAME, f"{name}: agent's mappings, resident", "MiB", [run["agent_rss_kib"] / 1024 for run in runs],
                   detail=runs[0])
    yield Line(NAME, f"{name}: program's peak with us and by itself", "MiB", runs[0]["rss_max_kib"] / 1024,
               note=f"by itself {plain['rss_max_kib'] / 1024:.1f} MiB")


def measure_program(bed, options, name, command):
    plain = bed.session(command)
    rounds = options.rounds or (1 if options.quick else 5)
    mechanisms = options.mechanisms or (None,)
    for mechanism in mechanisms:
        runs, slow = [], []
        for _ in range(rounds):
            runs.append(bed.session(command, bed.agent_options(RATE, mechanism)))
            slow.append(bed.session(command, [*bed.agent_options(RATE, mechanism), "--flush", str(FLUSH_MS)]))
        if not all(run["samples"] for run in runs + slow):
            raise beds.Unusable(f"{name}: a session without samples")
        yield from byte_lines(name, slow)
        yield from delay_lines(name, runs)
        yield frame_line(name, runs[0]["mechanism"], runs)
        yield from memory_lines(name, runs, plain)


def measure(bed, options):
    for name in options.programs or (NAMES[1:2] if options.quick else NAMES):
        command = programs.command(bed.folder, name, 0.3 if options.quick else SECONDS)
        if command is None:
            yield absent(NAME, name, "", "not installed")
        else:
            yield from measure_program(bed, options, name, command)
