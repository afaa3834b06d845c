# SPDX-License-Identifier: MIT
"""Medians, quartiles and intervals. All of it is robust: a run that the machine disturbed moves none of them far."""

import math
import random
from dataclasses import dataclass

RESAMPLES = 2000
SEED = 20240229


def quantile(values, share):
    """The value below which that share of the values lies, linear between neighbours."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * share
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    if ordered[below] == ordered[above]:  # infinity too
        return ordered[below]
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


def describe(values, value, resampled):
    return Estimate(value, quantile(values, 0.25), quantile(values, 0.75), quantile(resampled, 0.025),
                    quantile(resampled, 0.975), len(values))


def estimate(values):
    """Median, quartiles, and the interval by bootstrap: medians of the same values drawn anew. The draw is seeded, so
    that the same values give the same interval."""
    draw = random.Random(SEED)
    count = len(values)
    medians = [median(draw.choices(values, k=count)) for _ in range(RESAMPLES)] if count > 2 else list(values)
    return describe(values, median(values), medians)


def estimate_quotient(over, under):
    """The median of some values over the median of others, which need not come in pairs; both are drawn anew for the
    interval. None when what is divided by is not above nought."""
    draw = random.Random(SEED)
    below = median(under)
    if below <= 0:
        return None
    quotients = []
    for _ in range(RESAMPLES):
        part = median(draw.choices(under, k=len(under)))
        quotients.append(median(draw.choices(over, k=len(over))) / part if part > 0 else math.inf)
    return describe([value / below for value in over], median(over) / below, quotients)


def estimate_difference(values, others, share=0.5):
    """A quantile of some values, the median unless said otherwise, less that of others, which need not come in pairs;
    both are drawn anew for the interval."""
    draw = random.Random(SEED)
    less = quantile(others, share)
    differences = [quantile(draw.choices(values, k=len(values)), share) -
                   quantile(draw.choices(others, k=len(others)), share) for _ in range(RESAMPLES)]
    return describe([value - less for value in values], quantile(values, share) - less, differences)
