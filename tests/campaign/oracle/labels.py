"""What a split or probe holds, whatever its format."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from tests.campaign.oracle.reading import Key, NotLookedAtError, name_of

Box = tuple[float, float, float, float]


@dataclass
class Image:
    """An image: `key` is its id, `name` its file name for comparison."""

    key: Key
    file_name: str
    width: float | None = None
    height: float | None = None
    fields: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return name_of(self.file_name)


@dataclass
class Annotation:
    """An object. `image` is an index, None where it is not listed; so is `category` a name.

    `box` is None where its pixels are not known, `shares` are those of YOLO."""

    image: int | None
    category: str | None
    box: Box | None
    crowd: bool = False
    area: float | None = None
    key: Key | None = None
    shares: Box | None = None

    @property
    def is_finite(self) -> bool:
        sides = self.box or self.shares
        return sides is not None and all(map(math.isfinite, sides))


@dataclass
class Labels:
    """A split or probe.

    `classes` are in order, None where the format lists none. `unlabelled` are images without a
    label file, `strays` label files without an image, `shapes` images with something that is no
    box. `ids` are all ids that could be used twice, `shared` those of annotations that several
    entries have which are not alike.
    """

    folder: str
    format: str
    images: list[Image] = field(default_factory=list)
    annotations: list[Annotation] = field(default_factory=list)
    classes: list[str] | None = None
    category_key: dict[Key, str] = field(default_factory=dict)
    ids: list[tuple[str, Key]] = field(default_factory=list)
    shared: list[Key] = field(default_factory=list)
    unlabelled: list[str] = field(default_factory=list)
    strays: list[str] = field(default_factory=list)
    shapes: list[str] = field(default_factory=list)
    other_files: list[str] = field(default_factory=list)

    def of_image(self, index: int) -> list[Annotation]:
        """The annotations of an image."""
        return [annotation for annotation in self.annotations if annotation.image == index]

    def doubles(self) -> int:
        """How many ids and file names are used more than once."""
        names = [("file", ("text", image.name)) for image in self.images]
        used = [*self.ids, *names]
        return len({entry for entry in used if used.count(entry) > 1})

    def require_identity(self) -> None:
        """Refuse images of one id: nobody can say whose a box is."""
        keys = [image.key for image in self.images]
        if len(set(keys)) < len(keys):
            raise NotLookedAtError("an image id is used twice")

    def require_certain(self) -> None:
        """Refuse annotations of an id that several images or classes have. Entries that are alike
        are one."""
        if self.shared:
            raise NotLookedAtError(f"nobody can say what {self.shared} is")

    def require_labels(self, allowed: int = 0, *, sized: bool = False) -> None:
        """Refuse images whose annotations nobody has seen, or, where sizes are needed, boxes
        without pixels."""
        if len(self.unlabelled) > allowed:
            raise NotLookedAtError(f"no labels for {self.unlabelled}")
        if self.shapes:
            raise NotLookedAtError(f"shapes that are no boxes on {self.shapes}")
        if sized and any(annotation.box is None for annotation in self.annotations):
            raise NotLookedAtError("boxes without pixels")
