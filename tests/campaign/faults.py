"""What was wrong with a run, held against what the oracle allows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.campaign.gate import Ran
from tests.campaign.oracle.expected import Expected, is_control
from tests.campaign.project import Case

_SHOWN = ("passed", "warned", "waived")
_VERDICTS = (*_SHOWN, "failed", "not-evaluated")
_TRACEBACK = re.compile(r"INTERNALERROR|Traceback \(most recent call last\)|^E   +\w+Error", re.M)


@dataclass(frozen=True)
class Fault:
    """A fault: its kind, the rule or file it is about, and what was seen."""

    kind: str
    about: str
    text: str

    def signature(self, case: Case) -> str:
        """What makes two faults one finding: not which rule, but which damage."""
        if self.kind in _OF_RUN:
            return f"{self.kind} | {self.text[:40]} | {case.target}"
        about = f"{self.about} | " if self.kind in _BY_ABOUT else ""
        return f"{self.kind} | {about}{case.target}: {case.damage}, {_what(case.what)}"


_OF_RUN = ("older verdict",)
_BY_ABOUT = ("traceback", "crash", "exit code", "wrong refusal")


def _what(what: str) -> str:
    """What was damaged, without the numbers of this case."""
    return re.sub(r"\d+", "N", what)


def faults_of(case: Case, expected: Expected, ran: Ran) -> list[Fault]:
    """Everything that a right gate would not have done."""
    return list(dict.fromkeys(_faults(case, expected, ran)))


def _faults(case: Case, expected: Expected, ran: Ran) -> Iterator[Fault]:
    if ran.hung:
        yield Fault("hang", "run", f"still running after {ran.seconds:.0f} s")
        return
    if ran.code is None and not case.project.killed:
        yield Fault("killed", "run", ran.output[-300:])
    trace = _TRACEBACK.search(ran.output)
    if trace is not None and not _is_own(case, ran.output):
        yield Fault("traceback", _last_error(ran.output), ran.output[trace.start() :][:1500])
    yield from _exit_faults(case, expected, ran)
    if not expected.command.collects_only and _was_asked(ran) and ran.stale:
        yield Fault("older verdict", ", ".join(ran.stale), f"exit code {ran.code}")
    record = _record(ran)
    if isinstance(record, str):
        yield Fault("half record", "report.json", record)
    elif record is not None:
        yield from _record_faults(case, expected, ran, record)
    elif ran.code in (0, 1) and not (expected.command.collects_only or case.project.killed):
        yield Fault("no record", "report.json", f"exit code {ran.code}")


def _is_own(case: Case, output: str) -> bool:
    """Whether what raises is the project's own plugin or test."""
    positions = re.findall(r"([\w./-]+\.py)(?:\", line |:)\d+", output)
    return case.target == "plugins" and not any(
        "detgate" in position for position in positions[-1:]
    )


def _was_asked(ran: Ran) -> bool:
    """Whether the arguments were understood at all, so that a gate was asked for."""
    return "unrecognized arguments" not in ran.output and "usage:" not in ran.output


def _last_error(output: str) -> str:
    match = re.findall(r"(\w+(?:Error|Exception))\b", output)
    return match[-1] if match else "unknown"


def _exit_faults(case: Case, expected: Expected, ran: Ran) -> Iterator[Fault]:
    allowed = {0, 1, 2, 3, 4}
    if expected.command.chooses or expected.command.collects_only:
        allowed.add(5)
    if case.project.killed:
        return
    if ran.code not in allowed:
        yield Fault("exit code", str(ran.code), ran.output[-500:])
    elif ran.code == 0 and case.project.blocked:
        yield Fault("wrong pass", "run", "a test by hand does not pass")
    elif ran.code == 0 and not expected.command.collects_only and _blocking(expected):
        yield Fault(
            "wrong pass", "run", f"exit code 0, and these must not pass: {_blocking(expected)}"
        )
    elif ran.code == 0 and expected.refused and not expected.command.collects_only:
        yield Fault("exit code", "0 for a refused run", expected.refused)
    elif ran.code == 3 and case.target != "plugins":
        yield Fault("exit code", "3", ran.output[-500:])


def _blocking(expected: Expected) -> list[str]:
    """The items that must not pass and of which no warning is enough."""
    grants = {item: expected.grant(item) for item in sorted(expected.selected)}
    return [item for item, grant in grants.items() if grant.may is False and not grant.is_warning]


def _record(ran: Ran) -> dict[str, Any] | str | None:
    """The record of this run; a text says what is wrong with it."""
    if ran.report is None or "report.json" in ran.stale:
        return None
    try:
        record = json.loads(ran.report)
    except ValueError as error:
        return f"no JSON: {error}"
    if not isinstance(record, dict) or not isinstance(record.get("rules", []), list):
        return "no record"
    if "rules" not in record or record.get("verdict") not in _VERDICTS:
        return None if record.get("verdict") == "running" else f"verdict {record.get('verdict')!r}"
    if ran.page is not None and "</html>" not in ran.page:
        return "half a page"
    return record


def _record_faults(
    case: Case, expected: Expected, ran: Ran, record: dict[str, Any]
) -> Iterator[Fault]:
    rules: dict[str, dict[str, Any]] = {}
    for rule in record["rules"]:
        if rule["id"] in rules:
            yield Fault("one id twice", _code(rule["id"]), rule["id"])
        rules[rule["id"]] = rule
    by_hand = {item: rule for item, rule in rules.items() if ".py::" in item}
    for item, rule in rules.items():
        if is_control(item):
            yield Fault("control character", _code(item), repr(item))
        if item in by_hand:
            if rule["verdict"] == "passed" and item not in case.project.by_hand:
                yield Fault("wrong pass", "test by hand", item)
            continue
        yield from _item_faults(case, expected, item, rule)
    verdicts = [rule["verdict"] for rule in rules.values()]
    is_good = bool(verdicts) and all(verdict in _SHOWN for verdict in verdicts)
    if (record["verdict"] in _SHOWN) != is_good:
        yield Fault("wrong verdict", "run", f"{record['verdict']} of {verdicts}")
    if ran.code == 0 and not is_good:
        yield Fault("exit code", "0 although blocked", str(verdicts))
    if ran.code == 1 and is_good and case.target != "plugins":
        yield Fault("exit code", "1 although passed", ran.output[-500:])
    if expected.is_exact and not expected.refused:
        # A gate that cannot read what this oracle can read has one item, not one for each class.
        # It looks for data beside the file that a link of detgate.toml leads to.
        may_differ = case.target in ("data", "results") or case.damage == "relink"
        codes = {
            _code(item)
            for item, rule in rules.items()
            if may_differ or (rule["verdict"] == "not-evaluated" and "[" not in item)
        }
        lost = [item for item in expected.selected - rules.keys() if _code(item) not in codes]
        for item in lost:
            yield Fault("lost item", _code(item), f"{item} is not in the record")
        if case.damage == "none" and rules.keys() - by_hand.keys() - expected.items.keys():
            yield Fault("unknown item", "oracle", str(rules.keys() - expected.items.keys()))


def _code(item: str) -> str:
    return item.split("[")[0].split(".")[0]


def _item_faults(
    case: Case, expected: Expected, item: str, rule: dict[str, Any]
) -> Iterator[Fault]:
    grant, verdict, code = expected.grant(item), rule["verdict"], _code(item)
    message = f"{item}: {rule['message'][:300]}"
    if verdict == "passed" and grant.may is False:
        yield Fault("wrong pass", code, f"{message} | oracle: {grant.why[:300]}")
    if verdict == "waived" or (
        verdict == "warned" and not grant.is_warning and "too little" not in rule["message"]
    ):
        yield Fault("wrong pass", code, f"{verdict}: {message}")
    if "the rule crashed" in rule["message"]:
        yield Fault("crash", code, message)
    if verdict == "passed":
        looked_at, to_look_at = rule.get("looked_at"), rule.get("to_look_at")
        allowed = rule.get("left_out_allowed", 0)
        if looked_at is None or not to_look_at or looked_at < to_look_at - allowed:
            yield Fault("not looked at", code, f"{message}: {looked_at} of {to_look_at}")
    if case.damage == "none" and grant.may is True and verdict != "passed":
        yield Fault("wrong refusal", code, f"{verdict}: {message}")
