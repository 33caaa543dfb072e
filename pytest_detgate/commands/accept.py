"""`accept`: the findings of an item are known, and only new ones fail it."""

from __future__ import annotations

import argparse
import datetime
from typing import TYPE_CHECKING

from pytest_detgate.commands.arguments import add_finished_run
from pytest_detgate.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_detgate.commands.subcommands import Commands
    from pytest_detgate.record.known_findings import Acceptance, Fingerprint
    from pytest_detgate.record.report import RuleResult


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
    from pytest_detgate.commands.output import config_path, written
    from pytest_detgate.config.wording import unknown
    from pytest_detgate.record.folder import RECORD
    from pytest_detgate.record.known_findings import KNOWN_FILE, read_known, write_known
    from pytest_detgate.record.report_file import read_report

    today = datetime.datetime.now(datetime.timezone.utc).date()
    _require_reason(chosen, today)
    report = read_report(chosen.report / RECORD)
    results = {rule.id: rule for rule in report.rules}
    if chosen.item not in results:
        raise ConfigError(unknown("item", chosen.item, results))
    found = _fingerprints(results[chosen.item])
    path = config_path(chosen.config).parent / KNOWN_FILE
    before = read_known(path)
    others = [entry for entry in before if entry.item != chosen.item]
    kept, new, gone = _sorted(found, [one for one in before if one.item == chosen.item], today)
    with written(path):
        write_known([*others, *kept, *_entry(chosen, new)], path)
    print(f"{path.name}: {chosen.item}: {len(new):,} findings accepted until {chosen.until}")
    already = len(found) - len(new)
    if already:
        print(f"  {already:,} were accepted before, and stay as they are")
    if gone:
        print(f"  {gone:,} accepted before are gone, and were removed")


def _require_reason(chosen: argparse.Namespace, today: datetime.date) -> None:
    from pytest_detgate.rules.binding import last_day_of_waivers

    if not (chosen.owner.strip() and chosen.why.strip()):
        raise ConfigError("--owner and --why must not be empty")
    latest = last_day_of_waivers()
    if not today <= chosen.until <= latest:
        raise ConfigError(
            f"--until: expected a day from {today} to {latest} (a year at most), found "
            f"{chosen.until}"
        )


def _fingerprints(result: RuleResult) -> list[Fingerprint]:
    """All findings of an item; `ConfigError` if it has none to accept, or not all are known."""
    from pytest_detgate.record.known_findings import MOST_FINGERPRINTS
    from pytest_detgate.record.path_texts import HIDDEN
    from pytest_detgate.rules.known import CANNOT_ACCEPT

    found = result.fingerprints
    if result.verdict == "passed":
        raise ConfigError(f"{result.id} passed: there is nothing to accept")
    if result.verdict == "not-evaluated":
        raise ConfigError(f"{result.id} was not evaluated, so its findings are not known")
    if not found:
        raise ConfigError(f"{result.id}: {CANNOT_ACCEPT}")
    if result.findings_total > len(found):
        raise ConfigError(
            f"{result.id} has {result.findings_total:,} findings, and at most "
            f"{MOST_FINGERPRINTS:,} can be accepted one by one; set a limit instead"
        )
    if any(HIDDEN in (one.image or "") + (one.label or "") + (one.other or "") for one in found):
        raise ConfigError(
            f"{result.id}: names are hidden in the report ([report] redact), so its findings "
            "would never be recognised; run once without redact, then accept"
        )
    return found


def _sorted(
    found: Sequence[Fingerprint], earlier: Sequence[Acceptance], today: datetime.date
) -> tuple[list[Acceptance], list[Fingerprint], int]:
    """What stays of the earlier entries that have not expired, the findings that are new, and how
    many accepted ones are gone."""
    import msgspec

    remaining = list(found)
    kept: list[Acceptance] = []
    gone = 0
    for entry in earlier:
        if entry.until < today:
            continue
        there = []
        for one in entry.findings:
            if one in remaining:
                remaining.remove(one)
                there.append(one)
        gone += len(entry.findings) - len(there)
        if there:
            kept.append(msgspec.structs.replace(entry, findings=there))
    return kept, remaining, gone


def _entry(chosen: argparse.Namespace, new: list[Fingerprint]) -> list[Acceptance]:
    from pytest_detgate.record.known_findings import Acceptance

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
