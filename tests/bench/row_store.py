# SPDX-License-Identifier: MIT
"""How fast a capture is read, and how long one of ten million samples takes to open.

make_capture writes a capture as a large program gives it: 16 threads, 20 000 stacks of up to 40 frames, messages of 4 000
samples. read_capture decodes it, loads it into a store, and folds all samples by stack. "Open and report" is `stackpipe
report` from its start to its end.
"""

import json
import os
import time

import bed as beds
import harness
from result import measured

NAME = "store"
SAMPLES = 10_000_000
QUICK_SAMPLES = 100_000
LOAD_AT_LEAST = 10e6
OPEN_AT_MOST_S = 1.0


def make_capture(bed, samples):
    program = os.path.join(harness.BUILD, "tests", "make_capture")
    if not os.path.exists(program):
        raise beds.Unusable(f"{program} has not been built")
    path = bed.path("large.spipe")
    bed.call([program, path, str(samples)])
    return path


def report_seconds(bed, path):
    start = time.monotonic()
    bed.call([harness.STACKPIPE, "report", path])
    return time.monotonic() - start


def measure(bed, options):
    samples = QUICK_SAMPLES if options.quick else SAMPLES
    path = make_capture(bed, samples)
    reads, reports = [], []
    for _ in range(options.rounds or (1 if options.quick else 7)):
        reads.append(json.loads(bed.call(["taskset", "-c", str(bed.program_cpu), beds.helper("read_capture"), path])))
        reports.append(report_seconds(bed, path))
    yield measured(NAME, f"decode, {samples / 1e6:g} M samples", "M/s", [one["samples"] / one["decode_s"] / 1e6 for one in reads],
                   note=f"{os.path.getsize(path) / samples:.2f} bytes a sample")
    yield measured(NAME, f"decode and store, {samples / 1e6:g} M samples", "M/s",
                   [one["samples"] / one["load_s"] / 1e6 for one in reads], at_least=LOAD_AT_LEAST / 1e6)
    yield measured(NAME, f"decode, store and fold, {samples / 1e6:g} M samples", "s",
                   [one["load_s"] + one["fold_s"] for one in reads], at_most=OPEN_AT_MOST_S)
    yield measured(NAME, f"stackpipe report, {samples / 1e6:g} M samples", "s", reports, at_most=OPEN_AT_MOST_S)
