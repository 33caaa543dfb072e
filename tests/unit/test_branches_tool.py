"""`make coverage` asks for a share of branches alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.content import write_json
from tools.branches import main


@pytest.mark.parametrize(
    ("covered", "branches", "least", "code", "text"),
    [
        (19, 20, "95", 0, "branches alone: 95.00% (19 of 20), at least 95%"),
        (1899, 2000, "95", 1, "branches alone: 94.95% (1,899 of 2,000), at least 95%"),
        (0, 0, "95", 1, "branches alone: 0.00% (0 of 0), at least 95%"),
    ],
)
def test_too_few_branches_fail(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    covered: int,
    branches: int,
    least: str,
    code: int,
    text: str,
) -> None:
    totals = {"covered_branches": covered, "num_branches": branches, "percent_covered": 99.0}
    report = write_json(tmp_path / "coverage.json", {"totals": totals})

    assert main([str(report), least]) == code
    assert capsys.readouterr().out.strip() == text


def test_coverage_asks_for_them() -> None:
    makefile = (Path(__file__).resolve().parents[2] / "Makefile").read_text(encoding="utf-8")
    recipe = makefile.partition("\ncoverage: ")[2].partition("\n\n")[0]

    assert "--cov-report=json:build/coverage.json" in recipe
    assert recipe.rstrip().endswith("-m tools.branches build/coverage.json 95")
