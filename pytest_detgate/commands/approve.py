"""`approve`: the run just finished becomes the baseline that is committed."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_detgate.commands.shared.arguments import add_finished_run
from pytest_detgate.counts import counted
from pytest_detgate.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_detgate.commands.shared.subcommands import Commands
    from pytest_detgate.record.project_files.approved import Approved
    from pytest_detgate.record.report import Report


def add(commands: Commands) -> None:
    """Declare the command."""
    approve = commands.add_parser(
        "approve",
        help="make the run just finished the committed baseline",
        description="Write detgate-baseline.json beside detgate.toml: digests, values, bounds and "
        "the false boxes on each image of the probes, but no image. Later runs compare with it if "
        "[model] baseline names it. Commit it.",
    )
    add_finished_run(approve)
    approve.add_argument("--failed", action="store_true", help="approve a run that failed, too")
    approve.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> None:
    """Write the file; print what is in it and what changed."""
    from pytest_detgate.commands.shared.output import config_path, written
    from pytest_detgate.record.folder import RECORD
    from pytest_detgate.record.project_files.approved import approved_of
    from pytest_detgate.record.project_files.approved_file import BASELINE_FILE, write_approved
    from pytest_detgate.record.report_file import read_report

    report = read_report(chosen.report / RECORD)
    _require_whole(report, may_fail=chosen.failed)
    config = config_path(chosen.config)
    path = config.parent / BASELINE_FILE
    earlier = _earlier(path)
    with written(path):
        approved = write_approved(approved_of(report), path)
    print(f"wrote {_shown(path)} ({path.stat().st_size / 1000:.1f} kB)")
    for line in _changes(earlier, approved):
        print(f"  {line}")
    if approved.left_out:
        print(f"  left out to stay under 100 kB: {', '.join(approved.left_out)}")
    if not _is_named(config, path):
        print(f'add to detgate.toml, under [model]:  baseline = "{BASELINE_FILE}"')


def _require_whole(report: Report, *, may_fail: bool) -> None:
    """Raise `ConfigError` for a run that is no baseline."""
    from pytest_detgate.report.headline import BLOCKING

    if report.not_selected:
        raise ConfigError(
            f"the run left out {counted(len(report.not_selected), 'rule')}, first "
            f"{report.not_selected[0]}; run all rules, then approve"
        )
    if report.model is None and not report.predictions:
        raise ConfigError("the run gated no model and no result file: there is nothing to approve")
    blocking = [rule.id for rule in report.rules if rule.verdict in BLOCKING]
    if all(rule.verdict == "not-evaluated" for rule in report.rules):
        raise ConfigError("in the run nothing was evaluated, so it is no baseline")
    if (blocking or report.verdict == "failed") and not may_fail:
        named = f": {', '.join(blocking[:3])}{' …' if len(blocking) > 3 else ''}"
        raise ConfigError(
            f"the run failed{named if blocking else ''}; if it is the new baseline all the same, "
            "add --failed"
        )


def _earlier(path: Path) -> Approved | None:
    """The baseline that is replaced, if it can be read."""
    from pytest_detgate.record.project_files.approved_file import approved_from, is_approved
    from pytest_detgate.regular_file import read_regular

    try:
        content = read_regular(path)
        return approved_from(content, path.name) if is_approved(content) else None
    except (OSError, DataError):
        return None


def _changes(before: Approved | None, after: Approved) -> Iterator[str]:
    """The values that comparisons use, each with the one that it replaces."""
    for split, scores in after.scores.items():
        old = None if before is None else before.scores.get(split)
        value = scores.metrics.get("AP")
        was = None if old is None else old.metrics.get("AP")
        yield f"{split}: AP {_number(value)}{_was(was, value)}"
    for name, probe in after.probes.items():
        earlier = None if before is None else before.probes.get(name)
        known = (
            {}
            if earlier is None
            else {false_box.score_threshold: false_box for false_box in earlier.false_boxes}
        )
        for counts in probe.false_boxes:
            threshold = counts.score_threshold
            was_boxes = known[threshold].boxes if threshold in known else None
            yield (
                f"{name}: {counted(counts.boxes, 'false box')} over "
                f"{threshold:g}{_was(was_boxes, counts.boxes)}"
            )


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4g}"


def _was(before: float | None, now: float | None) -> str:
    return "" if before is None or before == now else f" (was {_number(before)})"


def _is_named(config: Path, path: Path) -> bool:
    """Whether `[model] baseline` names the file."""
    from pytest_detgate.config.load import load_configuration
    from pytest_detgate.regular_file import real_path

    try:
        configuration = load_configuration(config)
    except ConfigError:
        return False
    named = configuration.tables.model.named_baseline
    return named is not None and real_path(configuration.locate(named.path)) == real_path(path)


def _shown(path: Path) -> str:
    cwd = Path.cwd()
    return path.relative_to(cwd).as_posix() if path.is_relative_to(cwd) else str(path)
