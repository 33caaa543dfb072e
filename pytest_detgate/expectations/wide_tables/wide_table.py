"""The wide tables of a split or probe, which expectations and data frames are made of.

One row is an image, an annotation or a detection. Annotations and detections have the columns of
their image, too. A column is made when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.errors import DataError, nearest
from pytest_detgate.expectations.wide_tables.fields import Column, FieldSource
from pytest_detgate.findings import Finding
from pytest_detgate.printable import is_unicode, printable

TableName = Literal["images", "annotations", "detections"]
Makers = dict[str, Callable[[], Column]]

COUNTS = "boxes_"
"""In front of the name of a class: how many boxes of it are on an image, without crowd regions."""
OF_IMAGE = "image_"
"""In front of a column of an image whose name an annotation or a detection has itself."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WideTable:
    """Columns of equal length by name. Text is an object, with None where there is none.

    `image` is each row's `file_name`; `xywh`, `label` and `score` place a row on it. `makers` are
    the columns that it always has, `fields` are those of a file that are columns besides.
    """

    name: TableName
    dataset: str
    makers: Mapping[str, Callable[[], Column]]
    image: Column
    xywh: NDArray[np.float64] | None = None
    label: Column | None = None
    score: NDArray[np.float64] | None = None
    fields: Sequence[FieldSource] = ()
    of_image: Callable[[Column], Column] | None = None
    """Takes a column of the images to the rows of this table, of another one."""
    _made: dict[str, Column] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.image)

    def columns(self, names: Iterable[str]) -> dict[str, Column]:
        """The columns of these names that there are."""
        wanted = list(dict.fromkeys(names))
        for name in wanted:
            if name in self.makers and name not in self._made:
                # Files have numbers whose products are infinite.
                with np.errstate(all="ignore"):
                    self._made[name] = self.makers[name]()
                self._require_text(name, self._made[name])
        for name, column in self._further([name for name in wanted if name not in self._made]):
            self._require_text(name, column)
            self._made[name] = column
        return {name: self._made[name] for name in wanted if name in self._made}

    def required_columns(self, names: Sequence[str]) -> dict[str, Column]:
        """The columns of these names; `DataError` where one of them is not there."""
        made = self.columns(names)
        for name in names:
            if name not in made:
                raise DataError(
                    f"the {self.name} of {self.dataset} have no column {name!r}"
                    f"{nearest(name, self.possible)}"
                )
        return made

    @property
    def names(self) -> list[str]:
        """The names of all columns, the fields of the file included. Of a table of annotations or
        detections the numbers by class are left out."""
        own = [name for name in self.makers if self.name == "images" or not _is_count(name)]
        for source in self.fields[:-1]:
            own += [name for name in source.names() if name not in own]
        for name in self.fields[-1].names() if self.fields else ():
            shown = name if name not in own else f"{OF_IMAGE}{name}"
            own += [shown] if shown not in own else []
        return own

    @property
    def possible(self) -> list[str]:
        """The names of all columns, numbers by class too."""
        return list(dict.fromkeys([*self.names, *self.makers]))

    def finding(self, row: int, text: str) -> Finding:
        """A finding at one row."""
        box = None if self.xywh is None else tuple(self.xywh[row].tolist())
        return Finding(
            text=text,
            dataset=self.dataset,
            image=self.image[row],
            box=box,
            label=None if self.label is None else self.label[row],
            score=None if self.score is None else float(self.score[row]),
        )

    def _require_text(self, name: str, column: Column) -> None:
        """Raise `DataError` for text that neither pandas nor a file can hold."""
        for value in column.tolist() if column.dtype.kind == "O" else ():
            if isinstance(value, str) and not is_unicode(value):
                raise DataError(
                    f"the {self.name} of {self.dataset}: column {name!r} has "
                    f"'{printable(value)}', which is not Unicode text; correct that name"
                )

    def _further(self, names: list[str]) -> Iterator[tuple[str, Column]]:
        """Columns that are fields of the file: of the entries themselves, then of their images."""
        for source in self.fields[:-1]:
            columns = source.columns(names)
            names = [name for name in names if name not in columns]
            yield from columns.items()
        if not names or not self.fields:
            return
        to_rows = self.of_image or (lambda column: column)
        field_of = {name: name for name in names}
        if self.of_image is not None:
            field_of |= {
                name: name.removeprefix(OF_IMAGE) for name in names if name.startswith(OF_IMAGE)
            }
        columns = self.fields[-1].columns(list(dict.fromkeys([*names, *field_of.values()])))
        for name in names:
            column = columns.get(name, columns.get(field_of[name]))
            if column is not None:
                yield name, to_rows(column)


def _is_count(name: str) -> bool:
    return name.startswith(COUNTS)
