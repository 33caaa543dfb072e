"""`python -m pytest_detgate`: what is not a test run."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_detgate.errors import ConfigError, DetgateError

if TYPE_CHECKING:
    from pytest_detgate.dataset.clips import ClipKey


def main(arguments: list[str] | None = None) -> int:
    """Run one command; a user's mistake gives one line and exit code 4."""
    parser = argparse.ArgumentParser(prog="python -m pytest_detgate")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    schema = commands.add_parser("schema", help="print the JSON Schema of detgate.toml")
    schema.set_defaults(run=_schema)
    rules = commands.add_parser("rules", help="print the reference of all rules as Markdown")
    rules.set_defaults(run=_rules)
    report = commands.add_parser("report", help="render the page of an earlier report.json")
    report.add_argument("record", type=Path, metavar="REPORT.json")
    report.add_argument("-o", "--output", type=Path, metavar="PAGE.html")
    report.add_argument(
        "--root",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="folder that the paths in the record are relative to (default: here)",
    )
    report.set_defaults(run=_report)
    _add_split(commands)
    _add_cache(commands)
    chosen = parser.parse_args(arguments)
    try:
        chosen.run(chosen)
    except DetgateError as error:
        print(f"error: {error}", file=sys.stderr)
        return 4
    return 0


def _add_split(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    split = commands.add_parser(
        "split",
        help="write train and validation files that share no clip",
        description="Split COCO files by clip, with classes and empty images in like shares.",
    )
    split.add_argument("annotations", type=Path, nargs="+", metavar="COCO.json")
    split.add_argument("--train", type=Path, required=True, metavar="OUT.json")
    split.add_argument("--val", type=Path, required=True, metavar="OUT.json")
    split.add_argument(
        "--val-share",
        type=float,
        default=0.2,
        metavar="SHARE",
        help="share of the images that become validation (default: %(default)s)",
    )
    split.add_argument(
        "--seed", type=int, default=0, metavar="N", help="the same seed writes the same bytes"
    )
    key = split.add_mutually_exclusive_group()
    key.add_argument("--frame-pattern", metavar="REGEX", help="tells the clip of a file_name")
    key.add_argument("--clip-field", metavar="NAME", help="image field that holds the clip")
    key.add_argument(
        "--config",
        type=Path,
        default=Path("detgate.toml"),
        metavar="PATH",
        help="file whose frame-pattern is used (default: %(default)s)",
    )
    split.add_argument(
        "--images",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="folder that file names are relative to; once for all files, or once for each",
    )
    split.set_defaults(run=_split)


def _add_cache(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    cache = commands.add_parser(
        "cache", help="show or clear what is kept between runs: detections, hashes, tables"
    )
    cache.add_argument("action", choices=("show", "clear"), nargs="?", default="show")
    cache.add_argument(
        "--store",
        type=Path,
        metavar="DIR",
        help="folder of the store (default: .pytest_cache/d/detgate here)",
    )
    only = cache.add_mutually_exclusive_group()
    only.add_argument(
        "--model",
        metavar="TEXT",
        help="clear only the detections of models whose path holds this, or whose key begins so",
    )
    only.add_argument(
        "--unused-days", type=float, metavar="N", help="clear only what was not used for N days"
    )
    cache.set_defaults(run=_cache)


def _schema(chosen: argparse.Namespace) -> None:
    from pytest_detgate.gate.json_schema import config_schema
    from pytest_detgate.gate.registry import rule_classes

    print(json.dumps(config_schema(rule_classes()), indent=2))


def _rules(chosen: argparse.Namespace) -> None:
    from pytest_detgate.gate.registry import rule_classes
    from pytest_detgate.gate.rule_reference import rules_reference

    print(rules_reference(rule_classes()), end="")


def _report(chosen: argparse.Namespace) -> None:
    from pytest_detgate.audit.page import write_page
    from pytest_detgate.audit.record import read_report

    page = chosen.output or chosen.record.with_name("index.html")
    write_page(read_report(chosen.record), chosen.root, page)
    print(page)


def _split(chosen: argparse.Namespace) -> None:
    from pytest_detgate.splitting.command import SplitRequest, split

    request = SplitRequest(
        annotations=chosen.annotations,
        images=chosen.images,
        train=chosen.train,
        val=chosen.val,
        key=_clip_key(chosen),
        val_share=chosen.val_share,
        seed=chosen.seed,
    )
    print(split(request))


def _cache(chosen: argparse.Namespace) -> None:
    from pytest_detgate.gate.cache_command import DEFAULT_STORE, clear_cache, show_cache

    store = chosen.store or DEFAULT_STORE
    if chosen.action == "show":
        if chosen.model is not None or chosen.unused_days is not None:
            raise ConfigError("cache show: --model and --unused-days go with clear")
        print(show_cache(store))
    else:
        print(clear_cache(store, model=chosen.model, unused_days=chosen.unused_days))


def _clip_key(chosen: argparse.Namespace) -> ClipKey:
    from pytest_detgate.config.load import load_configuration
    from pytest_detgate.dataset.clips import ClipKey
    from pytest_detgate.gate.project import Project
    from pytest_detgate.splitting.sources import clip_pattern

    if chosen.clip_field is not None:
        return ClipKey(field=chosen.clip_field)
    if chosen.frame_pattern is not None:
        return ClipKey(pattern=clip_pattern(chosen.frame_pattern))
    if not chosen.config.exists():
        raise ConfigError(
            f"cannot tell clips: {chosen.config} does not exist; give --frame-pattern, "
            "--clip-field or --config"
        )
    pattern = Project(load_configuration(chosen.config), Path()).frame_pattern
    if pattern is None:
        raise ConfigError(
            f"cannot tell clips: {chosen.config} has no [dataset] frame-pattern; give "
            "--frame-pattern or --clip-field"
        )
    return ClipKey(pattern=pattern)


if __name__ == "__main__":
    sys.exit(main())
