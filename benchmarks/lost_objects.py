"""`lost-objects`: how often equal models fail its test, and whether a swap of 40 objects fails.

Two models that are equally good are drawn on clips of unequal size: each object has a difficulty,
each clip one that both models share, and each model a skill on each clip. Then 40 objects that
the baseline finds are lost, and 40 that it misses are gained: of another class, of another size,
on other clips, or anywhere. The table has the share of runs with a p-value under 5%, with a lost
share above `max-lost-share = 0.1`, and with a net loss above 3%, which is what a mean shows.

Beside it is the most that an exact test can reach with so few clips: of the 2^G ways to flip G
clips with a loss or a gain, the largest whole number of which is under 5%.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.scoring.bounds.resampling import clip_units
from pytest_detgate.scoring.bounds.sign_flip import p_values_of_losses
from pytest_detgate.scoring.comparison.lost_objects import ObjectChange

OBJECTS, SWAPPED, FLIPS = 600, 40, 1000
MAX_LOST_SHARE = 0.1
CLASSES = ("helmet_off", "no_vest", "harness_off")
Choose = Callable[[ObjectChange, NDArray[np.int64]], NDArray[np.float64]]


def equal_models(random: np.random.Generator, clips: int) -> tuple[ObjectChange, NDArray[np.int64]]:
    """Two models of one law on `OBJECTS` objects, and the clip of each object."""
    sizes = random.dirichlet(np.full(clips, 1.5))
    clip = random.choice(clips, OBJECTS, p=sizes)
    clip[:clips] = np.arange(clips)  # no clip is empty
    hard = 1.2 + random.normal(0, 1, clips)[clip] + random.normal(0, 1.5, OBJECTS)
    found = [hard + random.normal(0, 0.3, clips)[clip] + random.logistic(0, 0.15, OBJECTS) > 0
             for _ in range(2)]  # fmt: skip
    return change_of(random, clip, found[0], found[1]), clip


def change_of(
    random: np.random.Generator,
    clip: NDArray[np.int64],
    found: NDArray[np.bool_],
    before: NDArray[np.bool_],
) -> ObjectChange:
    side = random.lognormal(3.8, 0.7, OBJECTS)
    return ObjectChange(
        classes=CLASSES,
        box=np.arange(OBJECTS),
        image=clip,  # each clip stands for one image here
        category=random.choice(3, OBJECTS, p=[0.5, 0.3, 0.2]),
        area=side**2,
        score=np.where(found, 0.9, np.nan),
        before=np.where(before, 0.9, np.nan),
        found_after=found,
        found_before=before,
    )


def by_class(change: ObjectChange, clip: NDArray[np.int64]) -> NDArray[np.float64]:
    """More weight to lose than to gain for the first class."""
    return np.where(change.category == 0, 1.0, 0.0)


def by_size(change: ObjectChange, clip: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.where(change.area < 32**2, 1.0, 0.0)


def by_clip(change: ObjectChange, clip: NDArray[np.int64]) -> NDArray[np.float64]:
    return (clip % 2).astype(np.float64)


def anywhere(change: ObjectChange, clip: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.full(OBJECTS, 0.5)


def swapped(random: np.random.Generator, change: ObjectChange, clip: NDArray[np.int64],
            chosen: Choose) -> ObjectChange:  # fmt: skip
    """The same with 40 more objects lost, where `chosen` is 1, and 40 gained, where it is 0."""
    weight = chosen(change, clip)
    found = change.found_after.copy()
    both = np.flatnonzero(change.found_after & change.found_before & (weight > 0))
    neither = np.flatnonzero(~change.found_after & ~change.found_before & (weight < 1))
    count = min(SWAPPED, len(both), len(neither))
    found[random.choice(both, count, False)] = False
    found[random.choice(neither, count, False)] = True
    return ObjectChange(**{**{name: getattr(change, name) for name in ObjectChange.__slots__},
                           "found_after": found})  # fmt: skip


def reachable_level(clips: int, level: float = 0.05) -> float:
    """The largest share under a level of the ways to flip the signs of so many clips."""
    ways = 2**clips
    return (math.ceil(level * ways) - 1) / ways


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2000)
    runs = parser.parse_args().runs
    plants: dict[str, Choose | None] = {
        "none: equal models": None,
        "swap of classes": by_class,
        "swap of sizes": by_size,
        "swap of clips": by_clip,
        "swap anywhere": anywhere,
    }
    columns = (
        "clips",
        "planted",
        "p < 5%",
        "reachable",
        "lost share > 10%",
        "one of both",
        "net loss > 3%",
    )
    print("| " + " | ".join((*columns, "lost", "gained")) + " |")
    print("| " + " | ".join(["---"] * 9) + " |")
    for clips in (6, 8, 12, 20, 50):
        units = clip_units([str(number) for number in range(clips)])
        for name, chosen in plants.items():
            random = np.random.default_rng(clips)
            some = runs if chosen is None else runs // 10
            small, share, net_loss, lost, gained, reachable = [], [], [], [], [], []
            for number in range(some):
                change, clip = equal_models(random, clips)
                if chosen is not None:
                    change = swapped(random, change, clip, chosen)
                _, net = change.net_losses(units)
                found = change.found_before.sum()
                small.append(p_values_of_losses(net, FLIPS, number).min() < 0.05)
                reachable.append(reachable_level(int((net != 0).any(axis=0).sum())))
                share.append(change.lost.sum() / found > MAX_LOST_SHARE)
                net_loss.append((change.lost.sum() - change.gained.sum()) / found > 0.03)
                lost.append(change.lost.sum())
                gained.append(change.gained.sum())
            shares = [np.mean(one) for one in (small, share, np.logical_or(small, share), net_loss)]
            cells = [str(clips), name, *(f"{one:.1%}" for one in shares)]
            cells.insert(3, f"{np.mean(reachable):.1%}" if chosen is None else "")
            cells += [f"{np.mean(lost):.0f}", f"{np.mean(gained):.0f}"]
            print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
