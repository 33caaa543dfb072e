"""Bounds that leave room for clips unlike all that were seen.

A bootstrap takes its spread from the data. Where every clip did well there is none, and its lower
bound is the value: of 5 clips that were found whole it says 1, although a detector that loses 45%
of all clips shows as much once in twenty times (0.55^5 = 0.05).

So one made-up clip of average size joins the G that were seen. For the lower bound nothing is
found on it, for the upper bound everything. Each of the G + 1 clips gets an independent
exponential weight, and the bound is a quantile of the weighted metric. That is the Bayesian
bootstrap (Rubin, Annals of Statistics 1981; 9:130-134) with one clip more, and for clips of equal
size the bound of Gaffke (Mathematical Methods of Statistics 2005; 14:451-467; see also
Learned-Miller and Thomas, arXiv 1905.06208). It has no parameter to tune, and

- with G clips of equal size that are found whole it is α^(1/G), which no valid bound exceeds;
- with one box a clip it is the exact binomial bound (Clopper and Pearson, Biometrika 1934);
- no law of clips is known for which it holds less often than it says, as long as the size of a
  clip says nothing about how well it is found. That is proven in special cases only;
  `benchmarks/interval_coverage.py` measures it.

It replaces a t interval with G - 1 degrees of freedom (Cameron, Gelbach and Miller, Review of
Economics and Statistics 2008; 90:414-427) and the exact bound at the effective sample size (Korn
and Graubard, Survey Methodology 1998; 24:193-201): both take the variance from the data, and fail
where a few clips are lost as a whole.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.scoring.bounds.crossing import crossing

_REACH = 10.0
"""The line ends 10,000 widths from where it starts."""
_TURN, _NOTHING = 2.0, 25.0
"""A step may turn by 2 radians at most where M is more than exp(-25) of what it is at its start."""
_IMPOSSIBLE = 300.0
_FLAT = 1e-4
_CLOSE = 1e-6
"""A chance this near to the wanted one leaves it to the bound, as it is rounded, what is shown."""
_DIGITS = 10
"""What the sum is good for; without more, a bound of 0.95 is not 0.95000000001."""


def lower_ratio(
    part: NDArray[np.float64],
    whole: NDArray[np.float64],
    confidence: float,
    copies: float = 1.0,
) -> float:
    """Return the lower bound of sum(part) / sum(whole), from both on each of U ≥ 1 clips, (U,).

    Neither is below 0; the made-up clip has a part of 0. Clips whose whole is 0 are left out, and
    there is one at least that has more. With `copies` it is the bound that so many times as many
    clips like these would give; that need not be a whole number.
    """
    terms = _Terms(part, whole, copies)
    value = float(part.sum() / whole.sum())
    if value <= 0:
        return 0.0
    error = 1 - confidence
    if terms.chance(value) <= error:
        return value  # a clip that is larger than the rest, at a confidence that is hardly one
    root = crossing(lambda bound: terms.chance(bound) - error, 0.0, value, 1e-12)
    return round(root, _DIGITS)


def upper_ratio(
    part: NDArray[np.float64],
    whole: NDArray[np.float64],
    most: float,
    confidence: float,
    copies: float = 1.0,
) -> float:
    """Return the upper bound of the same ratio, where that of the made-up clip is `most`; a clip
    with a larger one counts as if it had that."""
    room = np.maximum(most * whole - part, 0.0)
    return most - lower_ratio(room, whole, confidence, copies)


def upper_ratio_at_most(
    limit: float,
    scale: float,
    part: NDArray[np.float64],
    whole: NDArray[np.float64],
    most: float,
    confidence: float,
    copies: float = 1.0,
) -> bool:
    """Whether `scale` times the bound of `upper_ratio` is at most a limit. One chance says so, and
    the bound takes some fifteen; only where the two are as good as equal, the bound decides."""
    room = np.maximum(most * whole - part, 0.0)
    least = most - limit / scale
    if least < -_CLOSE:
        return True
    excess = chance_of_at_most(room, whole, least, copies) - (1 - confidence)
    if abs(excess) < _CLOSE or least < _CLOSE or least > room.sum() / whole.sum() * (1 - _CLOSE):
        return scale * upper_ratio(part, whole, most, confidence, copies) <= limit
    return excess < 0


def chance_of_at_most(
    part: NDArray[np.float64], whole: NDArray[np.float64], ratio: float, copies: float = 1.0
) -> float:
    """Return the chance that the weighted metric is at most a ratio; where it is 1 - confidence,
    the ratio is the lower bound of `lower_ratio`."""
    return _Terms(part, whole, copies).chance(ratio)


def approximate_chances(
    part: NDArray[np.float64], whole: NDArray[np.float64], ratio: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(sets,) the same chance for many sets of clips at once, (sets, G) each, to some percent: the
    saddle point approximation of Lugannani and Rice (Advances in Applied Probability 1980;
    12:475-490). Each clip has a whole over 0."""
    from scipy.special import ndtr

    unseen = -ratio[:, None] * whole.mean(axis=1, keepdims=True)
    terms = np.concatenate([part - ratio[:, None] * whole, unseen], axis=1)
    most, least = terms.max(axis=1), terms.min(axis=1)
    none, all_of = most <= 0, least >= 0
    inside = 1 - 1e-9
    low = inside / np.where(all_of, -1.0, least)
    high = inside / np.where(none, 1.0, most)
    for _ in range(40):
        saddle = (low + high) / 2
        rises = (terms / (1 - saddle[:, None] * terms)).sum(axis=1) > 0
        low, high = np.where(rises, low, saddle), np.where(rises, saddle, high)
    scaled = 1 - saddle[:, None] * terms
    exponent = np.maximum(2 * np.log(np.where(scaled > 0, scaled, 1.0)).sum(axis=1), 1e-18)
    root = np.sign(saddle) * np.sqrt(exponent)
    slope = saddle * np.sqrt(((terms / scaled) ** 2).sum(axis=1))
    # Near a mean of 0 both parts of the sum are infinite. Their difference is that of the skewness.
    is_flat = np.abs(root) < _FLAT
    cubes, squares = (terms**3).sum(axis=1), (terms**2).sum(axis=1)
    skewed = cubes / (3 * squares**1.5)
    safe_root, safe_slope = np.where(is_flat, 1.0, root), np.where(is_flat, 1.0, slope)
    difference = np.where(is_flat, skewed, 1 / safe_root - 1 / safe_slope)
    density = np.exp(-(root**2) / 2) / np.sqrt(2 * np.pi)
    chance = ndtr(root) + density * difference
    return np.where(none, 1.0, np.where(all_of, 0.0, np.clip(chance, 0.0, 1.0)))


class _Terms:
    """The clips of a metric and the made-up one, alike clips once with their number."""

    def __init__(
        self, part: NDArray[np.float64], whole: NDArray[np.float64], copies: float
    ) -> None:
        pairs = np.stack([part, whole], axis=1)[whole > 0]
        unique, counts = np.unique(pairs, axis=0, return_counts=True)
        self._part = np.append(unique[:, 0], 0.0)
        self._whole = np.append(unique[:, 1], pairs[:, 1].mean())
        self._counts = np.append(copies * counts, 1.0)

    def chance(self, ratio: float) -> float:
        """Return the chance that the weighted sum of part - ratio × whole is at most 0."""
        return _chance_of_no_more_than_zero(self._part - ratio * self._whole, self._counts)


def _chance_of_no_more_than_zero(terms: NDArray[np.float64], counts: NDArray[np.float64]) -> float:
    """Return P(Q ≤ 0) for Q = Σ terms × E with independent standard exponentials E, `counts` of
    each term; to about ten digits.

    With M(z) = Π (1 - terms z)^-counts it is -1/(2πi) ∫ M(z)/z dz along a line to the left of 0,
    and 1 less the same integral along a line to the right of it. The line goes through the saddle
    point of M (Daniels, Annals of Mathematical Statistics 1954; 25:631-650), or near it where that
    is at 0. If it bends towards the nearest pole, nothing oscillates and the trapezoidal rule
    converges exponentially. Where M rises on such a line or turns fast, as with one clip that is
    much larger than a hundred others, nothing would be left of its digits. On a straight line M
    never rises, and short steps follow its turns.
    """
    most, least = float(terms.max()), float(terms.min())
    if least >= 0:
        return 0.0
    if most <= 0:
        return 1.0
    saddle = _saddle(terms, counts)
    side = -1.0 if saddle < 0 else 1.0
    if counts @ np.log1p(-saddle * terms) > _IMPOSSIBLE:
        return 0.0 if side < 0 else 1.0
    width = 1 / float(np.sqrt(counts @ (terms / (1 - saddle * terms)) ** 2))
    pole = 1 / least if side < 0 else 1 / most
    start = saddle + side * min(max(0.5 * width - abs(saddle), 0.0), 0.5 * abs(pole - saddle))
    for bend, step in ((-0.6 if -least >= most else 0.6, 0.1), (0.0, 0.1), (0.0, 0.02)):
        nodes = (np.arange(round(_REACH / step)) + 0.5) * step
        line = start + width * (1j * np.sinh(nodes) + bend * (np.cosh(nodes) - 1))
        exponents = -(np.log1p(-line[:, None] * terms) @ counts)
        if _is_smooth(exponents):
            break
    along = width * (1j * np.cosh(nodes) + bend * np.sinh(nodes))
    integral = float((np.exp(exponents) / line * along).imag.sum()) * step / np.pi
    return -integral if side < 0 else 1 - integral


def _is_smooth(exponents: NDArray[np.complex128]) -> bool:
    """Whether M never rises along a line, and turns little from one node to the next where it
    counts."""
    size = exponents.real
    counts = size[1:] > size[0] - _NOTHING
    turns = np.abs(np.diff(exponents.imag))[counts]
    return bool((size <= size[0]).all() and turns.max(initial=0.0) < _TURN)


def _saddle(terms: NDArray[np.float64], counts: NDArray[np.float64]) -> float:
    """Return where the logarithm of M has its minimum between its poles."""

    def slope(point: float) -> float:
        return float(counts @ (terms / (1 - point * terms)))

    inside = 1 - 1e-12
    return crossing(slope, inside / float(terms.min()), inside / float(terms.max()))


def bounds_of_draws(
    values: NDArray[np.float64], span: tuple[float, float], clips: float, confidence: float
) -> tuple[float, float]:
    """Return both bounds of a metric from its value in each draw of a bootstrap, (B,).

    `span` are the values that the metric would have if all clips were like the made-up one, at
    its worst and at its best. Beside G = `clips` clips that one weighs D ~ Beta(1, G), so that a
    draw becomes (1 - D) × value + D × an end of the span.
    """
    floor, ceiling = min(span[0], float(values.min())), max(span[1], float(values.max()))
    low = _drawn_end(values - floor, clips, confidence)
    high = _drawn_end(ceiling - values, clips, confidence)
    return floor + low, ceiling - high


def _drawn_end(room: NDArray[np.float64], clips: float, confidence: float) -> float:
    """Return the quantile of (1 - D) × room, D ~ Beta(1, clips), over draws of `room` ≥ 0.

    Given a draw, (1 - D) × room ≤ m has the chance (m / room)^clips, so nothing is drawn for D.
    """
    most, error = float(room.max()), 1 - confidence
    if np.mean(room <= 0) >= error:
        return 0.0
    least = float(room[room > 0].min())
    safe = np.where(room > 0, room, least)

    def excess(bound: float) -> float:
        chance = np.where(room > bound, bound / safe, 1.0)
        return float(np.mean(chance**clips)) - error

    return crossing(excess, 0.0, most, 1e-9)
