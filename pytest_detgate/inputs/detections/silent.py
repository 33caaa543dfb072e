"""Detectors that find nothing at all.

A probe without false boxes and a broken detector look alike: no box. So where a detector finds
nothing, it must find something, at any score, on images with ground truth.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.tables import UNLISTED, Dataset
from pytest_detgate.errors import DetgateError
from pytest_detgate.gaps import NotLookedAtError

if TYPE_CHECKING:
    from pytest_detgate.inputs.model import ModelInputs


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing shows that the detector finds anything.

    `dataset` is where it found nothing on `images` images with ground truth; None where there was
    no such split or probe to look at.
    """

    dataset: str | None = None
    images: int = 0


def silence_of(inputs: ModelInputs, *, infer: bool) -> Silence | None:
    """None where the detector finds something on images with ground truth.

    The evaluated split decides. Where it cannot, any other split or probe may show that the
    detector works. Without `infer` no model runs for it.
    """
    project = inputs.project
    silence = None
    for name in dict.fromkeys([project.evaluate_on, *project.splits, *project.probes]):
        if name in project.seals or project.seals.is_closed(name):
            continue
        dataset = None
        with contextlib.suppress(DetgateError):  # another rule says what is wrong with it
            dataset = inputs.dataset(name)
        rows = np.empty(0, np.int64) if dataset is None else images_with_truth(dataset)
        if dataset is None or not len(rows):
            continue
        try:
            finds = inputs.source.finds_anything(dataset, rows, infer=infer)
        except DetgateError:
            if infer:
                raise
            finds = None  # boxes were found already, and its own items say what is wrong
        if finds:
            return None
        if finds is not None:
            silence = silence or Silence(name, len(rows))
            if name == project.evaluate_on:
                break
    return silence or Silence()


def images_with_truth(dataset: Dataset) -> NDArray[np.int64]:
    """Rows of the images with ground truth, in the order of the file."""
    images = dataset.boxes.image
    rows: NDArray[np.int64] = np.unique(images[images != UNLISTED])
    return rows


def refuse(silence: Silence, name: str, inputs: ModelInputs, *, found_some: bool) -> None:
    """Raise `NotLookedAtError` where a silent detector proves nothing on a split or probe, on which
    it `found_some` box or none."""
    if silence.dataset is not None:
        image = "image" if silence.images == 1 else "images"
        on_others = "" if name == silence.dataset else f", so it proves nothing on {name}"
        raise NotLookedAtError(
            f"the detector finds nothing, at any score, on the {silence.images:,} {image} of "
            f"{silence.dataset} with ground truth{on_others}"
        )
    if not found_some:
        raise NotLookedAtError(
            f"the detector finds nothing, at any score, on {name}, and nothing shows that it finds "
            f"anything elsewhere: {_remedy(inputs)}",
            of_data=False,
        )


def _remedy(inputs: ModelInputs) -> str:
    split = inputs.project.evaluate_on
    if split not in inputs.project.splits:
        return "[model] evaluate-on must name a split with ground truth"
    if inputs.source.model_record() is None:
        return (
            "add the result file of the evaluated split, which must have ground truth "
            f"(--detgate-predictions {split}=FILE)"
        )
    return f"the evaluated split, {split}, must have ground truth and its images"
