# SPDX-License-Identifier: MIT
"""Medians, quartiles and intervals. All of it is robust: a run that the machine disturbed moves none of them far."""

import math
import random
from dataclasses import dataclass

RESAMPLES = 2000


def quantile(values, share):
    """The value below which that share of the values lies, linear between neighbours."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * share
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def median(values):
    return quantile(values, 0.5)


@dataclass
class Estimate:
    """A median with the spread of its single values (quartiles) and the 95 % interval of the median itself."""

    value: float
    quartile_low: float
    quartile_high: float
    low: float
    high: float
    count: int


def estimate(values):
    """Median, quartiles, and the interval by bootstrap: medians of the same values drawn anew. The draw is seeded, so
    that the same values give the same interval."""
    draw = random.Random(20240229)
    count = len(values)
    medians = [median(draw.choices(values, k=count)) for _ in range(RESAMPLES)] if count > 2 else list(values)
    return Estimate(median(values), quantile(values, 0.25), quantile(values, 0.75), quantile(medians, 0.025),
                    quantile(medians, 0.975), count)
