"""What a rule shows besides its values: charts, as numbers, and images to look at.

The record holds these, the page draws them. A rule says what is to be seen; how it looks is not
its business. Every chart has a title and, in `about`, one or two sentences that say what it shows
and what to do about it.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Number = float | int
Axis = Literal["x", "y"]
BARS = 30
"""Bars, or names of a histogram, that a chart has at most beside one for all together: the page
draws no more."""


class Mark(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line across a chart at one position of an axis: a limit, an operating point, an epoch."""

    label: str
    at: float
    axis: Axis = "x"


class Series(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Values over a common axis. None means no value, and leaves a gap.

    `low` and `high`, of the same length, are the bounds of the values.
    """

    name: str
    x: list[float]
    y: list[float | None]
    low: list[float | None] | None = None
    high: list[float | None] | None = None


class Panel(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One drawing of a line chart, with a separate axis of values.

    `span` is the range of that axis if it is known, as for shares.
    """

    label: str
    series: list[Series]
    marks: list[Mark] = []
    span: tuple[float, float] | None = None


class LineChart(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="lines"):
    """Curves over one axis, in one panel or in several above each other.

    `form` says how points are connected: by straight lines, by steps that continue the value of the
    point before (`step`), or not at all (`dots`). `score_axis` says that the axis is a score
    threshold, which a reader may move.
    """

    title: str
    about: str
    label: str
    panels: list[Panel]
    marks: list[Mark] = []
    span: tuple[float, float] | None = None
    form: Literal["line", "step", "dots"] = "line"
    score_axis: bool = False


class Bar(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One bar: a value, its bounds if it has some, and its limit."""

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    limit: float | None = None
    passed: bool | None = None


class BarChart(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="bars"):
    """Values of named things, each on a separate line."""

    title: str
    about: str
    label: str
    bars: list[Bar]
    span: tuple[float, float] | None = None


class Histogram(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="histogram"):
    """How often values fall between `edges`, or on `names`, in each of several sets.

    There is one count for each name, or one fewer than edges. `shares` says that sets of different
    sizes are compared: each is drawn as shares of its total. `log` says that the axis of the counts
    is logarithmic, `log_edges` that of the edges, all above 0. With names, the first one takes up
    the axis from 0 to 1, the next from 1 to 2: a mark at 2 separates the first two names from the
    rest.
    """

    title: str
    about: str
    label: str
    counts: dict[str, list[int]]
    edges: list[float] = []
    names: list[str] = []
    marks: list[Mark] = []
    log: bool = False
    log_edges: bool = False
    shares: bool = True


class Matrix(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="matrix"):
    """Counts of pairs: a row for each true name, a column for each detected one."""

    title: str
    about: str
    row_label: str
    column_label: str
    rows: list[str]
    columns: list[str]
    counts: list[list[int]]


class ClipLine(msgspec.Struct, frozen=True, kw_only=True):
    """The frames of one clip by the split that they are in, as rising frame numbers.

    A clip with very many frames has only some of them here: `images` counts all. `near` are the
    tested images that are too near to the other split, if there is such a distance.
    """

    clip: str
    frames: dict[str, list[int]]
    images: dict[str, int] = {}
    near: int | None = None


class ClipMap(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="clips"):
    """Frames on a line for each clip, with the neighbours that are on both sides of a split.

    `clips` are the most important ones of `total`. `within` is the distance in frames up to which
    neighbours are too near, if there is one.
    """

    title: str
    about: str
    splits: list[str]
    clips: list[ClipLine]
    total: int
    within: int | None = None


Span = tuple[float, float]
"""From when to when, in seconds after the first frame of a clip."""


class ClipTimes(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One clip over time: when frames fire, when there are alarms that belong to an event and
    alarms that do not (`false`), and when there is something to alarm on (`events`)."""

    clip: str
    seconds: float
    fires: list[Span] = []
    alarms: list[Span] = []
    false: list[Span] = []
    events: list[Span] = []


class Timeline(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="timeline"):
    """What happens on clips over time, a line for each. `clips` are the most important ones of
    `total`."""

    title: str
    about: str
    clips: list[ClipTimes]
    total: int


Chart = LineChart | BarChart | Histogram | Matrix | ClipMap | Timeline


class FrameBox(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A box on an image, `[x, y, width, height]` in pixels: ground truth, or a detection, which has
    a score. `false` marks a detection that matches no box at the IoU of the rule, `crowd` a region
    with many objects. `found_at` is the score of the detection that matches a ground-truth box: at
    a threshold below it the box is found, else missed.
    """

    box: tuple[float, float, float, float]
    label: str
    score: float | None = None
    false: bool = False
    found_at: float | None = None
    crowd: bool = False


class Frame(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An image to look at, with all ground truth and all detections on it, also those under the
    operating point. `text` says why to look at it.
    """

    dataset: str
    image: str
    boxes: list[FrameBox] = []
    text: str = ""


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One of two images that are compared."""

    dataset: str
    image: str


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """Two images side by side, and how they are related."""

    one: Side
    other: Side
    text: str


class Strip(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Some frames of an alarm in the order of time, and how it came about. Of the boxes on a frame
    there are those of the alarm's class that fire; the text of a frame says when it was taken."""

    text: str
    frames: list[Frame]


class ByThreshold(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a rule would measure at other score thresholds.

    `values` has a number for each threshold, rising, by the name of the measurement. `held` has the
    numbers that would be compared with the limit, if these are bounds and not the values. None
    means no value.
    """

    thresholds: list[float]
    values: dict[str, list[Number | None]]
    held: dict[str, list[Number | None]] = {}


class Evidence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything that a rule shows besides its values, findings and tables."""

    charts: list[Chart] = []
    frames: list[Frame] = []
    frames_total: int = 0
    pairs: list[Pair] = []
    pairs_total: int = 0
    strips: list[Strip] = []
    strips_total: int = 0
    by_threshold: ByThreshold | None = None


def left_out(total: int, drawn: int, which: str, what: str = "classes") -> str:
    """The sentence at the end of `about` that says that not all are drawn, led by a space; nothing
    where they are: ` Of 41 classes the 30 rarest are drawn.`"""
    return "" if total <= drawn else f" Of {total} {what} the {drawn} {which} are drawn."
