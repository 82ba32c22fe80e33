"""What is made of the rounds' figures."""

import random
from statistics import median

RESAMPLES = 2000


def interval(values, resamples=RESAMPLES, seed=1):
    """The 95 % bootstrap interval of the median: (low, high). The seed is fixed, so the same figures give the same."""
    draw = random.Random(seed)
    medians = sorted(median(draw.choices(values, k=len(values))) for _ in range(resamples))
    return medians[int(resamples * 0.025)], medians[int(resamples * 0.975) - 1]


def ratio(arm, base):
    """Median and interval of the ratios of rounds that belong together."""
    if len(arm) != len(base) or not arm:
        raise ValueError(f"{len(arm)} rounds cannot be paired with {len(base)}")
    ratios = [ours / theirs for ours, theirs in zip(arm, base)]
    low, high = interval(ratios)
    return {"median": median(ratios), "low": low, "high": high}


def quantile(ordered, share):
    """The value below which that share lies: the nearest rank of sorted values."""
    rank = max(1, -(-len(ordered) * round(share * 1000) // 1000))
    return ordered[rank - 1]


def drift(values):
    """How far the rounds of one arm are apart: (highest - lowest) / median."""
    return (max(values) - min(values)) / median(values)


def rotated(items, round_number):
    """The order of a round: each arm comes first in its turn, so that none is always behind the same one."""
    at = round_number % len(items)
    return items[at:] + items[:at]
