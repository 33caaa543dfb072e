"""The keys of `detgate.toml` and the options of the command line, as the documentation has them."""

from __future__ import annotations

from typing import Any

_BOOT = "bound confidence replicates seed too-little"
_ALARMS = "score-threshold max-missing-frames max-untimed"
_RULES = {
    "absent-class-boxes": "max score-threshold",
    "alarm-delay": f"{_ALARMS} max-median-s max-p95-s classes min-events too-little",
    "alarm-rate": f"{_ALARMS} on max-per-hour max-per-camera-day max-alarms bound confidence "
    "min-hours too-little probes",
    "alarm-recall": f"{_ALARMS} min classes bound confidence min-events too-little",
    "ap-regression": f"{_BOOT} metric max-drop max-drop-relative min-gain max-gain noise classes "
    "first-run noise-from min-p-value",
    "box-bounds": "splits max tolerance",
    "box-format": "splits max",
    "calibration": "max classes bins min-score min-detections too-little",
    "class-ap": f"{_BOOT} min classes min-boxes min-images metric",
    "class-balance": "splits max-ratio",
    "class-names": "splits max",
    "class-support": "splits max min-images min-boxes",
    "clip-overlap": "between max max-unparsed clip-field",
    "dangling-annotations": "splits max",
    "degenerate-boxes": "splits max",
    "duplicate-boxes": "splits max iou two-class-iou max-two-classes",
    "duplicate-ids": "splits max",
    "duplicate-images": "between splits max max-labels-differ by distance turned by-source "
    "label-iou clip-field",
    "empty-gt-share": "splits min max max-missing",
    "error-budget": "background duplicate class location both miss counts",
    "expectations": "splits table expect suite max",
    "flicker": f"{_ALARMS} max on gap-s short-s bound confidence too-little",
    "fp-regression": "max-growth max-growth-boxes min-reduction noise probes score-threshold "
    f"{_BOOT} first-run",
    "frame-distance": "between within max max-unparsed clip-field frame-field",
    "froc": f"{_BOOT} min classes min-boxes min-images per",
    "image-files": "splits max",
    "lost-objects": f"{_BOOT} min-p-value score-threshold baseline-threshold first-run max-lost "
    "max-lost-share classes must-find max-new-false probes",
    "mean-ap": f"{_BOOT} min metric min-images",
    "miss-rate": f"{_BOOT} max classes min-boxes min-images max-fppi score-threshold",
    "negative-diversity": "splits min-clips min-sites clip-field site-field",
    "olrp": f"{_BOOT} max classes min-boxes min-images",
    "operating-point": "tune-on check-on max-boxes max-images probes min-recall classes",
    "probe-fp": "max-boxes max-images max-image-share max-boxes-per-image "
    "max-mean-boxes-per-image classes score-threshold bound confidence unit min-images too-little "
    "probes",
    "probe-isolation": "max from probes by distance clips max-unparsed clip-field",
    "recall": f"{_BOOT} min classes min-boxes min-images score-threshold",
    "repeatability": "max-score-difference max-box-difference images",
    "size-ap": f"{_BOOT} small medium large min-boxes",
    "slice-ap": f"{_BOOT} by min metric min-images min-boxes max-unsliced",
    "split-drift": "between max features confidence unit clip-field",
    "checkpoint-choice": "checkpoints metric noise",
    "latency": "max-ms max-p95-ms max-mb images warm-up",
    "training-seed": "",
    "training-curve": "path max spike validation metric max-fall plateau-validations plateau-gain "
    "min-epochs min-iterations",
    "trivial-baseline": "min-margin max metric boxes by training",
    "weak-slices": "max min-gap fields pixels confidence seed too-little",
}
_LABELS = "max-unlabelled max-unboxed max-unparsed allow-missing-classes"
RULE_KEYS = {
    code: frozenset(f"{keys} name severity enabled {_LABELS}".split())
    for code, keys in _RULES.items()
}
"""The options of each rule that a case may use."""

_TIME = "fps frame-step time-field time-unit"
_TABLES = {
    "": "plugins dataset model run train probes scoring cache report rules waivers recommended "
    "alarms project history evidence",
    "dataset": f"splits frame-pattern classes max-pixels follow-links exif match-names {_TIME}",
    "dataset splits *": "annotations images format classes list data split missing-labels "
    f"max-polygons allow-other-files events {_TIME}",
    "probes *": "annotations images allow-other-files split empty where list format classes "
    f"missing-labels events {_TIME}",
    "alarms": "hits of gap link-iou cooldown-s before-s after-s pause-s frame-field split",
    "model": "checkpoint framework entry options onnx baseline config score-threshold evaluate-on "
    "batch-size precision compile",
    "scoring": "engine confidence replicates seed clip-field max-detections",
}
TABLE_KEYS = {tuple(path.split()): frozenset(keys.split()) for path, keys in _TABLES.items()}
"""The keys of each table but those of the rules; `*` stands for any name."""
NEEDED = {("dataset", "splits", "*"): ("annotations", "images"), ("probes", "*"): ("images",)}
"""The keys that a table needs, but a probe that is a part of a split."""

PLAIN_OPTIONS = frozenset({"-x", "-q", "-v", "--collect-only", "-rA", "--lf", "--exitfirst"})
VALUE_OPTIONS = frozenset(
    {"--detgate-baseline", "--detgate-ckpt", "--detgate-sweep"}
    | {"-k", "-m", "-p", "--deselect", "--maxfail", "--detgate-predictions", "--detgate-config"}
    | {"--detgate-report", "--rootdir", "--tb", "--junitxml", "--detgate-device", "--ignore"}
)


def unknown_keys(config: dict[str, Any]) -> list[str]:
    """Every key that no table has, and every table that lacks a key it needs."""
    wrong: list[str] = []
    for path, keys in TABLE_KEYS.items():
        for where, table in _tables_at(config, path):
            if not isinstance(table, dict):
                wrong.append(f"{where} is no table")
                continue
            wrong += [f"{where}.{key}" for key in table if key not in keys]
            if "split" in table and path[0] == "probes":
                continue
            wrong += [f"{where} lacks {key}" for key in NEEDED.get(path, ()) if key not in table]
    rules = config.get("rules", {})
    if not isinstance(rules, dict) or not rules:
        return [*wrong, "no rules"]
    for code, tables in rules.items():
        if code not in RULE_KEYS:
            wrong.append(f"rules.{code}")
            continue
        for table in tables if isinstance(tables, list) else [tables]:
            if not isinstance(table, dict):
                wrong.append(f"rules.{code} is no table")
            else:
                wrong += [f"rules.{code}.{key}" for key in table if key not in RULE_KEYS[code]]
    return wrong


def _tables_at(config: dict[str, Any], path: tuple[str, ...]) -> list[tuple[str, Any]]:
    listed: list[tuple[str, Any]] = [("detgate.toml", config)]
    for key in path:
        listed = [
            (f"{where}.{name}", table[name])
            for where, table in listed
            if isinstance(table, dict)
            for name in (table if key == "*" else [key] if key in table else [])
        ]
    return listed
