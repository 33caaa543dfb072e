"""hotcoco's own evaluation object, for what it can do beyond AP and AR."""

from __future__ import annotations

from typing import Any

import hotcoco
import numpy as np

from pytest_detgate.scoring.columns import Columns


def hotcoco_evaluation(columns: Columns) -> Any:
    """A `COCOeval` that has evaluated, with ids of our own from 1."""
    truth = hotcoco.COCO.from_arrays(
        [{"id": number} for number in range(1, columns.n_images + 1)],
        [{"id": number + 1, "name": name} for number, name in enumerate(columns.classes)],
        columns.image_order[columns.gt_image] + 1,
        columns.gt_category + 1,
        columns.gt_xywh,
        area=columns.gt_area,
        iscrowd=columns.gt_crowd,
    )
    results = np.column_stack(
        [
            columns.image_order[columns.dt_image] + 1,
            columns.dt_xywh,
            columns.dt_score,
            columns.dt_category + 1,
        ]
    )
    evaluation = hotcoco.COCOeval(truth, truth.load_res(results), "bbox")
    evaluation.evaluate()
    return evaluation
