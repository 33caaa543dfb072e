"""The result of expectations as Great Expectations writes it, which opens in it.

It is its format `SUMMARY`: of unexpected rows the first are listed, the worst ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from pytest_detgate.expectations.fields import Column
from pytest_detgate.expectations.vocabulary import KnownExpectation
from pytest_detgate.expectations.worst import worst_first
from pytest_detgate.plain import plain_value

_LISTED = 20
"""As many examples as `SUMMARY` has."""
_TAG = "detgate"
_WITHOUT = ("unexpected_index_list", "unexpected_index_query")


def document_of(
    whole: Any,
    results: Mapping[int, Any],
    known: Mapping[int, KnownExpectation],
    columns: Mapping[str, Column],
) -> dict[str, Any]:
    """The document of the `results` that there are, by the number of each expectation; `whole` is
    the result of a suite, for what it says of itself."""
    entries = []
    for index in sorted(results):
        entry = results[index].to_json_dict()
        entry["expectation_config"]["meta"].pop(_TAG, None)
        rows = np.array(results[index].result.get("unexpected_index_list") or (), dtype=np.int64)
        entry["result"] = _summary(entry["result"], known[index], columns, rows)
        entries.append(entry)
    met = sum(bool(one["success"]) for one in entries)
    document = {key: value for key, value in whole.to_json_dict().items() if key != "results"}
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


def _summary(
    result: Mapping[str, Any],
    known: KnownExpectation,
    columns: Mapping[str, Column],
    rows: Column,
) -> dict[str, Any]:
    """A result of the format `COMPLETE` without values as one of the format `SUMMARY`."""
    shown = {key: value for key, value in result.items() if key not in _WITHOUT}
    if "unexpected_index_list" not in result:
        return shown
    first = worst_first(known, columns, rows)[:_LISTED]
    looked = [columns[name][first].tolist() for name in known.columns]
    values: list[Any] = (
        looked[0] if len(looked) == 1 else list(map(list, zip(*looked, strict=True)))
    )
    counts = Counter(map(repr, values))
    by_text = {repr(value): value for value in values}
    return shown | {
        "partial_unexpected_list": values,
        "partial_unexpected_index_list": first.tolist(),
        "partial_unexpected_counts": [
            {"value": by_text[text], "count": count} for text, count in counts.most_common()
        ],
    }
