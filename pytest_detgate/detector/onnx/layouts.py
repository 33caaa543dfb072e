"""Layouts of the outputs of ONNX files, and the names that such outputs usually have."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_detgate.detector.onnx.metadata import Port

N_OUTPUTS = {"boxes-scores-labels": 3, "dets-labels": 2, "rows": 1, "raw": 1, "queries": 2}
HEADS = ("raw", "queries")
"""Layouts with all scores of a head: the gate chooses among them."""
_USUAL = {
    "boxes-scores-labels": (("boxes", "scores", "labels"),),
    "dets-labels": (("dets", "labels"),),
    # RF-DETR, then models of transformers.
    "queries": (("dets", "labels"), ("pred_boxes", "pred_logits"), ("pred_boxes", "logits")),
}


def usual_outputs(layout: str, names: Sequence[str]) -> tuple[str, ...] | None:
    """Return the outputs of a layout among those of a file, in its order; None if they have
    other names."""
    if len(names) == N_OUTPUTS[layout] == 1:
        return tuple(names)
    return next(
        (arrangement for arrangement in _USUAL.get(layout, ()) if set(arrangement) <= set(names)),
        None,
    )


def likely_layout(outputs: Sequence[Port], requested: Sequence[str] | None) -> str | None:
    """Return the layout that the requested outputs, or common names of outputs, tell."""
    names = [port.name for port in outputs]
    chosen = tuple(requested or ())
    for layout in _USUAL:
        usual = usual_outputs(layout, names)
        if requested is not None:
            fits = N_OUTPUTS[layout] == len(chosen)
        else:
            fits = usual is not None
            chosen = usual or ()
        if fits and not (layout == "dets-labels" and _has_queries(outputs, chosen[0])):
            return layout
    return None


def _has_queries(outputs: Sequence[Port], boxes: str) -> bool:
    """Whether an output has boxes without a score, as that of a DETR."""
    return any(port.name == boxes and port.shape[-1:] == (4,) for port in outputs)


def scores_output(layout: str, outputs: Sequence[str]) -> str:
    """Return which of the outputs of a layout has the scores."""
    return outputs[1] if layout in ("boxes-scores-labels", "queries") else outputs[0]
