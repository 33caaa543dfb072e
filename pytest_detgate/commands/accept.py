"""`accept`: the findings of an item are known, and only new ones fail it."""

from __future__ import annotations

import argparse
import datetime
from typing import TYPE_CHECKING

from pytest_detgate.commands.shared.arguments import add_finished_run
from pytest_detgate.counts import counted, verb
from pytest_detgate.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_detgate.commands.shared.subcommands import Commands
    from pytest_detgate.record.project_files.known_findings import Acceptance, Fingerprint
    from pytest_detgate.record.report import RuleResult
    from pytest_detgate.rules.verdicts.known import KnownFindings


def add(commands: Commands) -> None:
    """Declare the command."""
    accept = commands.add_parser(
        "accept",
        help="record the findings of an item as known: it then fails on new ones only",
        description="Record the findings that an item has in the run just finished, in "
        "detgate-known.json beside detgate.toml. Until the day given, the item fails on new "
        "findings only. Commit the file.",
    )
    accept.add_argument("item", metavar="RULE[LABEL]", help="the item, as the report lists it")
    accept.add_argument("--owner", required=True, help="who accepts the findings")
    accept.add_argument(
        "--until",
        required=True,
        type=_day,
        metavar="YYYY-MM-DD",
        help="last day, at most a year ahead",
    )
    accept.add_argument("--why", required=True, help="the reason")
    add_finished_run(accept)
    accept.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> None:
    """Write the file and print how many findings are new in it, and gone from it."""
    from pytest_detgate.commands.shared.output import config_path, written
    from pytest_detgate.config.wording import unknown
    from pytest_detgate.record.folder import RECORD
    from pytest_detgate.record.project_files.known_findings import (
        KNOWN_FILE,
        read_known,
        write_known,
    )
    from pytest_detgate.record.report_file import read_report
    from pytest_detgate.rules.verdicts.known import KnownFindings, acceptances_of

    today = datetime.datetime.now(datetime.timezone.utc).date()
    _require_near_day(chosen, today)
    report = read_report(chosen.report / RECORD)
    results = {rule.id: rule for rule in report.rules}
    if chosen.item not in results:
        raise ConfigError(unknown("item", chosen.item, results))
    result = results[chosen.item]
    fingerprints = _fingerprints(result)
    config = config_path(chosen.config)
    path = config.parent / KNOWN_FILE
    before = read_known(path)
    others = [entry for entry in before if entry.item != chosen.item]
    of_item = acceptances_of(chosen.item, before)
    known = KnownFindings(of_item, _findings_move(result.code, config), today)
    still_accepted, new, gone = _sorted(fingerprints, known)
    with written(path):
        write_known([*others, *still_accepted, *_entry(chosen, new)], path)
    print(
        f"{path.name}: {chosen.item}: {counted(len(new), 'finding')} accepted until {chosen.until}"
    )
    already = len(fingerprints) - len(new)
    if already:
        print(f"  {already:,} {verb(already, 'were')} accepted before, without a change")
    if gone:
        print(f"  {gone:,} accepted before {verb(gone, 'were')} removed: not in this run")


def _require_near_day(chosen: argparse.Namespace, today: datetime.date) -> None:
    from pytest_detgate.rules.binding import last_day_of_waivers

    latest = last_day_of_waivers()
    if not today <= chosen.until <= latest:
        raise ConfigError(
            f"--until: expected a day from {today} to {latest} (a year at most), found "
            f"{chosen.until}"
        )


def _fingerprints(result: RuleResult) -> list[Fingerprint]:
    """All findings of an item; `ConfigError` if it has none to accept, or not all are known."""
    from pytest_detgate.record.project_files.known_findings import MOST_FINGERPRINTS
    from pytest_detgate.record.redaction.path_texts import HIDDEN
    from pytest_detgate.rules.verdicts.known import CANNOT_ACCEPT

    fingerprints = result.fingerprints
    if result.verdict == "passed":
        raise ConfigError(f"{result.id} passed: there is nothing to accept")
    if result.is_sealed:
        raise ConfigError(f"{result.id} looks at a sealed probe, so its findings are not known")
    if result.verdict == "not-evaluated":
        raise ConfigError(f"{result.id} was not evaluated, so its findings are not known")
    if not fingerprints:
        raise ConfigError(f"{result.id}: {CANNOT_ACCEPT}")
    if result.findings_total > len(fingerprints):
        raise ConfigError(
            f"{result.id} has {counted(result.findings_total, 'finding')}, and at most "
            f"{MOST_FINGERPRINTS:,} can be accepted one by one; set a limit instead"
        )
    if any(
        HIDDEN in (fingerprint.image or "") + (fingerprint.label or "") + (fingerprint.other or "")
        for fingerprint in fingerprints
    ):
        raise ConfigError(
            f"{result.id}: names are hidden in the report ([report] redact), so its findings "
            "would never be recognised; run once without redact, then accept"
        )
    return fingerprints


def _sorted(
    fingerprints: Sequence[Fingerprint], known: KnownFindings
) -> tuple[list[Acceptance], list[Fingerprint], int]:
    """What stays of the earlier entries that have not expired, the findings that are new, and how
    many accepted ones are gone. The gate compares findings in the same way."""
    import msgspec

    explained = [(fingerprint, known.take(fingerprint)) for fingerprint in fingerprints]
    new = [fingerprint for fingerprint, accepted in explained if accepted is None]
    there = [accepted for _, accepted in explained if accepted is not None]
    still_accepted: list[Acceptance] = []
    for entry in known.entries:
        of_entry = []
        for finding in entry.findings if entry.until >= known.today else ():
            if finding in there:
                there.remove(finding)
                of_entry.append(finding)
        if of_entry:
            still_accepted.append(msgspec.structs.replace(entry, findings=of_entry))
    return still_accepted, new, known.unmatched


def _findings_move(code: str, config: Path) -> bool:
    """Whether the findings of a rule of a `detgate.toml` are elsewhere by some pixels next time."""
    from pytest_detgate.config.load import load_configuration
    from pytest_detgate.config.wording import unknown
    from pytest_detgate.rules.registry import registry_of

    configuration = load_configuration(config)
    registry = registry_of(configuration)
    configuration.mistakes.raise_all()
    if code not in registry.codes:
        raise ConfigError(f"{config.name}: {unknown('rule', code, registry.codes)}")
    return registry.rule(code).findings_move


def _entry(chosen: argparse.Namespace, new: list[Fingerprint]) -> list[Acceptance]:
    from pytest_detgate.record.project_files.known_findings import Acceptance

    if not new:
        return []
    return [
        Acceptance(
            item=chosen.item,
            owner=chosen.owner,
            until=chosen.until,
            why=chosen.why,
            findings=new,
        )
    ]


def _day(text: str) -> datetime.date:
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected YYYY-MM-DD, found {text!r}") from None
