# SPDX-License-Identifier: MIT
"""The unwind tables of clang's libraries: bytes a row, and the time to compile them.

table_size compiles the .eh_frame of each library that the clang binary loads, with the agent's own code.
"""

import json
import os
import subprocess

import bed as beds
from harness import Skip, need
from result import Line, absent, measured

NAME = "table"
AT_MOST = 10
LARGEST = 2


def libraries(program):
    """The program's file and the libraries that it loads, the largest first."""
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
    paths = {os.path.realpath(word) for line in listed.splitlines() for word in line.split() if word.startswith("/")}
    return sorted(paths | {os.path.realpath(program)}, key=os.path.getsize, reverse=True)


def measure(bed, options):
    try:
        clang = need("clang")
    except Skip as reason:
        yield absent(NAME, "clang", "bytes", str(reason), at_most=AT_MOST)
        return
    paths = libraries(clang)[:LARGEST] if options.quick else libraries(clang)
    runs = [json.loads(bed.call([beds.helper("table_size"), *paths]))
            for _ in range(options.rounds or (1 if options.quick else 5))]
    tables = runs[0]
    rows, size = sum(table["rows"] for table in tables.values()), sum(table["bytes"] for table in tables.values())
    yield Line(NAME, f"clang, {len(tables)} images, bytes a row", "bytes", size / rows, at_most=AT_MOST,
               note=f"{rows} rows, {size / 1e6:.1f} MB", detail=tables)
    yield measured(NAME, "clang, compiling all of them", "ms",
                   [sum(table["ms"] for table in run.values()) for run in runs])
