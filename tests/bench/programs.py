# SPDX-License-Identifier: MIT
"""The busy programs that are measured: fixed work, of about the wanted length, the same output every time."""

import subprocess

import bed as beds
from harness import Skip, need
from workloads import C_LIBRARIES, Workloads

AWK_WORK = r"""
BEGIN {
    seed = 1
    for (line = 0; line < rounds; line++) {
        seed = (seed * 16807) % 2147483647
        word = "word" (seed % 4999)
        count[word] += length(word) + split(word " " line " " seed, part, " ")
        text = text substr(word, 5)
        if (length(text) > 400) {
            total += gsub(/[13579]+/, "-", text)
            text = ""
        }
    }
    for (word in count)
        total += count[word]
    print total
}
"""

SHORT_C_S = 0.5


class Programs(Workloads):
    """Adds to the programs of the end-to-end tests those that are of interest for speed alone."""

    def awk(self):
        return [need("mawk"), "-v", "rounds=" + self.count(1400000), AWK_WORK]

    def objects(self):
        return [beds.helper("work_objects"), self.count(640)]

    def threads(self):
        return [beds.helper("work_threads"), "64", self.count(11000)]

    def xz(self):
        path = self.binary_data(1)
        return [need("xz"), "-6", "-T1", "-k", "-c", *[path] * max(1, round(self.seconds * 12))]

    def c_source(self):
        """Real C of two lengths."""
        name = "truetype" if self.seconds > SHORT_C_S else "dxt"
        return self.file(f"{name}.c", C_LIBRARIES.format(name.upper(), name))

    def cc1(self):
        source = self.c_source()
        prepared = source[:-1] + "i"
        made = subprocess.run([need("gcc"), "-E", "-O2", source, "-o", prepared], capture_output=True, check=False)
        if made.returncode != 0:
            raise Skip("gcc -E fails; libstb-dev is not installed")
        return [self.compiler(), "-quiet", "-O2", prepared, "-o", "-"]

    def binary_data(self, megabytes):
        """Code and data to be packed, of the compiler's own binary: a quarter of what is asked for."""
        path = self.file(f"data-{megabytes}.bin", "")
        with open(self.compiler(), "rb") as source, open(path, "wb") as out:
            out.write(source.read(megabytes << 18))
        return path


NAMES = {
    "xz": "xz",
    "python3": "python3",
    "cc1": "cc1",
    "awk": "awk",
    "c++": "objects",
    "64 threads": "threads",
}
OTHERS = {"clang": "clang", "node": "node"}


def command(folder, name, seconds):
    """The command line of a program, or None when it is not there."""
    try:
        return getattr(Programs(folder, seconds), {**NAMES, **OTHERS}[name])()
    except Skip:
        return None
