# SPDX-License-Identifier: MIT
"""Instructions of the handler, by valgrind: the same in every run and on every machine, so that small changes show.

handler_count (which see) calls the handler below 5, 30 and 100 functions under callgrind, which counts within
spipe_handler_take() alone. Two lengths of run are subtracted, which leaves the samples of a warm handler.
"""

import json
import re
import shutil

import bed as beds
from result import Line, absent

NAME = "count"
DEPTHS = (5, 30, 100)
LENGTHS = (200, 600)
ENTRY = "spipe_handler_take"


def count(bed, depth, samples):
    """Instructions, and the stacks' mean depth."""
    out = bed.path("callgrind.out")
    printed = bed.call([shutil.which("valgrind"), "-q", "--tool=callgrind", f"--callgrind-out-file={out}",
                        f"--toggle-collect={ENTRY}", beds.helper("handler_count"), str(depth), str(samples)])
    with open(out, encoding="utf-8") as file:
        totals = re.search(r"^(?:summary|totals): (\d+)", file.read(), re.MULTILINE)
    found = json.loads(printed)
    return int(totals.group(1)), found["frames"] / found["samples"]


def measure(bed, _options):
    if shutil.which("valgrind") is None:
        yield absent(NAME, "instructions of the handler", "", "valgrind is not installed")
        return
    each, deep = [], []
    for depth in DEPTHS:
        short, long = (count(bed, depth, samples) for samples in LENGTHS)
        each.append((long[0] - short[0]) / (LENGTHS[1] - LENGTHS[0]))
        deep.append(long[1])
        yield Line(NAME, f"{depth} frames, a sample", "instr", each[-1], note=f"stacks are {deep[-1]:.1f} deep")
    yield Line(NAME, "one frame more", "instr", (each[-1] - each[0]) / (deep[-1] - deep[0]))
