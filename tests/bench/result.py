# SPDX-License-Identifier: MIT
"""What a row has found: lines of the table, each beside its target."""

import math
from dataclasses import asdict, dataclass, field
from typing import Optional

from estimate import Estimate, estimate


@dataclass
class Line:
    """One figure. `at_most` and `at_least` are targets; without either it is there to be seen."""

    row: str
    what: str
    unit: str
    value: Optional[float] = None  # None: could not be measured, and `note` says why
    spread: Optional[Estimate] = None
    at_most: Optional[float] = None
    at_least: Optional[float] = None
    at_most_nothing: bool = False  # the target is that nothing can be measured: the interval reaches down to 0
    note: str = ""
    detail: dict = field(default_factory=dict)  # for the JSON alone

    @property
    def has_target(self):
        return self.at_most is not None or self.at_least is not None or self.at_most_nothing

    @property
    def verdict(self):
        """By the interval of the median where there is one: a target inside it is neither met nor missed."""
        if self.value is None:
            return "absent"
        if not self.has_target:
            return ""
        low, high = (self.spread.low, self.spread.high) if self.spread else (self.value, self.value)
        if self.at_most_nothing:
            return "met" if low <= 0 else "not met"
        if self.at_most is not None:
            return "met" if high <= self.at_most else "not met" if low > self.at_most else "undecided"
        return "met" if low >= self.at_least else "not met" if high < self.at_least else "undecided"

    def to_json(self):
        """JSON knows no infinity, which the upper end of an interval can be."""
        members = {**asdict(self), "verdict": self.verdict}
        if self.spread:
            members["spread"] = {name: value if math.isfinite(value) else None for name, value in asdict(self.spread).items()}
        return members


def measured(row, what, unit, values, **more):
    """A line for values of several rounds."""
    spread = estimate(values)
    return Line(row, what, unit, spread.value, spread, **more)


def absent(row, what, unit, reason, **more):
    return Line(row, what, unit, None, note=reason, **more)


def number(value):
    """Three digits that matter, without exponents."""
    if value is None:
        return "-"
    if math.isinf(value):
        return "inf"
    size = abs(value)
    if size >= 100000:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.0f}" if size >= 1000 else f"{value:.1f}" if size >= 100 else f"{value:.2f}"


def target(line):
    if line.at_most_nothing:
        return "nothing"
    if line.at_most is not None:
        return f"<= {number(line.at_most)}"
    return f">= {number(line.at_least)}" if line.at_least is not None else ""


def spread(line):
    if line.spread is None:
        return "", ""
    return (f"{number(line.spread.quartile_low)} .. {number(line.spread.quartile_high)}",
            f"{number(line.spread.low)} .. {number(line.spread.high)}")


LAYOUT = "{:<9} {:<66} {:>9} {:<9} {:>18} {:>18} {:>9}  {}"


def print_header():
    print(LAYOUT.format("row", "what", "median", "unit", "quartiles", "95 % of median", "target", "").rstrip(), flush=True)


def print_line(line):
    quartiles, interval = spread(line)
    last = "  ".join(text for text in (line.verdict, line.note) if text)
    print(LAYOUT.format(line.row, line.what, number(line.value), line.unit, quartiles, interval, target(line),
                        last).rstrip(), flush=True)
