"""A failed item as pytest keeps it: its text in place of a traceback, and the line it is set on.

In pytest's own form it survives the way from an xdist worker, gives the short summary its one
sentence, and follows `--tb`.
"""

from __future__ import annotations

from _pytest._code.code import ReprExceptionInfo, ReprFileLocation, ReprTracebackNative

from pytest_detgate.plugin.output.wording import failure_text
from pytest_detgate.record.report import RuleResult
from pytest_detgate.record.terminal import WIDTH, cut

# pytest cuts it to the width of the terminal, and on a build server not at all.
LONGEST = 400


def failure_repr(
    result: RuleResult, file: str, line: int | None, *, is_line: bool, also: str = ""
) -> ReprExceptionInfo:
    """What pytest shows of a result that failed; with `is_line` nothing but one line of it.

    `file` and `line`, from 1, are where the rule is set. `also` are the items that were not
    evaluated for the same reason.
    """
    number = line or 1
    if is_line:
        room = WIDTH - len(f"{file}:{number}: ")
        headline = cut(f"{result.id}: {result.message}", max(room, 40))
        return _shown([], ReprFileLocation(file, number, headline))
    sentence = cut(result.message, LONGEST)
    return _shown([failure_text(result, also), "\n"], ReprFileLocation(file, number, sentence))


def with_sentence(shown: ReprExceptionInfo, sentence: str) -> ReprExceptionInfo:
    """Return what pytest shows with another sentence in the short summary."""
    location = shown.reprcrash
    assert location is not None
    changed = ReprFileLocation(location.path, location.lineno, sentence)
    return ReprExceptionInfo(reprtraceback=shown.reprtraceback, reprcrash=changed)


def _shown(lines: list[str], location: ReprFileLocation) -> ReprExceptionInfo:
    return ReprExceptionInfo(reprtraceback=ReprTracebackNative(lines), reprcrash=location)
