"""The result of expectations as Great Expectations writes it, which opens in it.

It is its format `SUMMARY`: of unexpected rows the first are listed, the worst ones.
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Mapping
from typing import Any

from pytest_detgate.expectations.evaluation.vocabulary import KnownExpectation
from pytest_detgate.expectations.evaluation.worst import Rows
from pytest_detgate.expectations.wide_tables.fields import Column
from pytest_detgate.plain import plain_value

_LISTED = 20
"""As many examples as `SUMMARY` has."""
_TAG = "detgate"
_WITHOUT = frozenset({"unexpected_index_list", "unexpected_index_query"})


def document_of(
    whole: Any,
    results: Mapping[int, Any],
    known: Mapping[int, KnownExpectation],
    columns: Mapping[str, Column],
    rows: Mapping[int, Rows],
) -> dict[str, Any]:
    """The document of the `results` that there are, by the number of each expectation.

    `whole` is the result of a suite, for what it says of itself, and `rows` are the unexpected rows
    of each, the worst first. Both results lose their lists of rows: GX copies what it converts.
    """
    entries = []
    for index in sorted(results):
        result = results[index]
        lists_rows = "unexpected_index_list" in result.result
        result.result = {key: value for key, value in result.result.items() if key not in _WITHOUT}
        entry = result.to_json_dict()
        entry["expectation_config"]["meta"].pop(_TAG, None)
        if lists_rows:
            entry["result"] |= _examples(known[index], columns, rows[index])
        entries.append(entry)
    whole.results = []
    met = sum(bool(entry["success"]) for entry in entries)
    document = whole.to_json_dict()
    # Data Docs of older versions show no result without it.
    document["meta"] |= {"run_id": {"run_name": "pytest-detgate", "run_time": _now()}}
    document |= {
        "success": met == len(entries),
        "results": entries,
        "statistics": {
            "evaluated_expectations": len(entries),
            "successful_expectations": met,
            "unsuccessful_expectations": len(entries) - met,
            "success_percent": 100 * met / len(entries),
        },
    }
    plain: dict[str, Any] = plain_value(document)  # type: ignore[assignment]
    return plain


def _now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")


def _examples(known: KnownExpectation, columns: Mapping[str, Column], rows: Rows) -> dict[str, Any]:
    """Examples of unexpected rows, as the format SUMMARY has them."""
    first = rows[:_LISTED]
    looked = [columns[name][first].tolist() for name in known.columns]
    values = looked[0] if len(looked) == 1 else list(map(list, zip(*looked, strict=True)))
    counts = Counter(map(repr, values))
    by_text = {repr(value): value for value in values}
    return {
        "partial_unexpected_list": values,
        "partial_unexpected_index_list": first.tolist(),
        "partial_unexpected_counts": [
            {"value": by_text[text], "count": count} for text, count in counts.most_common()
        ],
    }
