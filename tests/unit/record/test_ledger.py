"""The ledger: what is found of lines that were changed, moved or removed, also across branches."""

from __future__ import annotations

import itertools
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_detgate.errors import ConfigError
from pytest_detgate.record.project_files.ledger import (
    LEDGER_FILE,
    LedgerLine,
    Look,
    add_looks,
    read_ledger,
    require_all_of_git,
)

DAY = "2026-11-27"


def look(model: str, dataset: str = "calm") -> Look:
    return Look(dataset=dataset, data="d1", score_threshold=0.3, model=model, detections=None)


def add(path: Path, *models: str) -> None:
    for model in models:
        add_looks(path, [look(model)], DAY, 20, adaptive=False)


def models(path: Path) -> list[str | None]:
    return [line.model for line in read_ledger(path)]


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    path = tmp_path / LEDGER_FILE
    add(path, "m1", "m2", "m3")
    return path


def test_lines_name_the_one_before(ledger: Path) -> None:
    first, second, third = read_ledger(ledger)

    assert first.after == []
    assert second.after == [first.sha256]
    assert third.after == [second.sha256]
    assert (third.looks, third.day, third.ledger) == (20, DAY, 1)


def test_no_file_is_an_empty_ledger(tmp_path: Path) -> None:
    assert read_ledger(tmp_path / LEDGER_FILE) == ()


def _without(number: int) -> Callable[[list[str]], list[str]]:
    return lambda rows: rows[:number] + rows[number + 1 :]


def _with(old: str, new: str) -> Callable[[list[str]], list[str]]:
    return lambda rows: [rows[0], rows[1].replace(old, new), rows[2]]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (_without(0), "a line before line 1 is gone"),
        (_without(1), "a line before line 2 is gone"),
        (lambda rows: [rows[1], rows[0], rows[2]], "line 1 is before line 2"),
        (lambda rows: [rows[0], rows[2], rows[1]], "line 2 is before line 3"),
        (_with("m2", "m9"), "line 2: was changed"),
        (_with('"looks":20', '"looks":2'), "line 2: was changed"),
        (_with(DAY, "2026-11-26"), "line 2: was changed"),
        (_with('"calm"', '"calm" '), "line 2: was changed"),
        (_with("{", '{"more":1,'), "line 2: not a line of a ledger"),
        (lambda rows: ["<<<<<<< HEAD", *rows], "line 1: a conflict of a merge; keep the lines"),
        (lambda rows: [rows[0], rows[1][:40], rows[2]], "line 2: not a line of a ledger"),
        (lambda rows: [*rows, "[1]"], "line 4: not a line of a ledger"),
        (lambda rows: [*rows, '"\\ud800"'], "line 4: not a line of a ledger"),
    ],
)
def test_damage_is_found(
    ledger: Path, change: Callable[[list[str]], list[str]], expected: str
) -> None:
    rows = change(ledger.read_text().splitlines())
    ledger.write_text("\n".join(rows) + "\n")

    with pytest.raises(ConfigError) as error:
        read_ledger(ledger)

    assert str(error.value).startswith(f"{LEDGER_FILE}: ")
    assert expected in str(error.value)


def test_every_other_order_of_a_chain_is_found(ledger: Path) -> None:
    rows = ledger.read_text().splitlines()
    for order in itertools.permutations(rows):
        ledger.write_text("\n".join(order))
        if list(order) == rows:
            assert models(ledger) == ["m1", "m2", "m3"]
        else:
            with pytest.raises(ConfigError):
                read_ledger(ledger)


def test_line_ends_and_blank_lines_make_no_difference(ledger: Path) -> None:
    ledger.write_bytes(b"\r\n\r\n".join(ledger.read_bytes().splitlines()))

    assert models(ledger) == ["m1", "m2", "m3"]


def test_line_goes_on_after_one_that_has_no_end(ledger: Path) -> None:
    ledger.write_text(ledger.read_text().rstrip("\n"))

    add(ledger, "m4")

    assert models(ledger) == ["m1", "m2", "m3", "m4"]


def test_damaged_ledger_is_not_added_to(ledger: Path) -> None:
    ledger.write_text(ledger.read_text().replace("m1", "m9"))

    with pytest.raises(ConfigError, match="line 1: was changed"):
        add(ledger, "m4")


def test_rebuilt_chain_is_a_ledger_of_its_own(ledger: Path) -> None:
    """Only git finds a person who writes a new chain."""
    ledger.unlink()
    add(ledger, "m1", "m3")

    assert models(ledger) == ["m1", "m3"]


class Repository:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ledger = folder / LEDGER_FILE
        self.git("init", "-q", "-b", "main")
        (folder / ".gitattributes").write_text(f"{LEDGER_FILE} merge=union\n")
        self.commit("first")

    def git(self, *arguments: str) -> None:
        identity = ("user.name=a", "user.email=a@example.org", "commit.gpgsign=false")
        options = [part for entry in identity for part in ("-c", entry)]
        subprocess.run(["git", *options, *arguments], cwd=self.folder, check=True)

    def commit(self, message: str) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)

    def check(self) -> bool:
        return require_all_of_git(self.ledger, read_ledger(self.ledger))


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    repository = Repository(tmp_path)
    add(repository.ledger, "m1")
    repository.commit("one model")
    return repository


def test_branches_that_both_add_lines_merge(repository: Repository) -> None:
    repository.git("checkout", "-q", "-b", "side")
    add(repository.ledger, "a1", "a2")
    repository.commit("two models")
    repository.git("checkout", "-q", "main")
    add(repository.ledger, "b1")
    repository.commit("another model")

    repository.git("merge", "-q", "--no-edit", "side")

    assert sorted(map(str, models(repository.ledger))) == ["a1", "a2", "b1", "m1"]
    assert repository.check()
    ends = {line.sha256 for line in read_ledger(repository.ledger) if line.model in ("a2", "b1")}
    add(repository.ledger, "m2")
    *_, last = read_ledger(repository.ledger)
    assert set(last.after) == ends, "from now on the end of either branch is missed"
    rows = repository.ledger.read_text().splitlines(keepends=True)
    for gone in ends:
        repository.ledger.write_text("".join(row for row in rows if f'"sha256":"{gone}' not in row))
        with pytest.raises(ConfigError, match="a line before line 4 is gone"):
            read_ledger(repository.ledger)


def test_ledgers_of_both_branches_may_be_new(tmp_path: Path) -> None:
    repository = Repository(tmp_path)
    repository.git("checkout", "-q", "-b", "side")
    add(repository.ledger, "a1")
    repository.commit("a")
    repository.git("checkout", "-q", "main")
    add(repository.ledger, "b1")
    repository.commit("b")

    repository.git("merge", "-q", "--no-edit", "side")

    assert repository.check()
    assert sorted(map(str, models(repository.ledger))) == ["a1", "b1"]


@pytest.mark.parametrize("how", ["last", "all", "rebuilt", "committed"])
def test_lines_that_git_has_are_missed(repository: Repository, how: str) -> None:
    """Also if the commit of the run before removed them."""
    add(repository.ledger, "m2", "m3")
    repository.commit("more models")
    assert repository.check()
    first, *_ = repository.ledger.read_text().splitlines(keepends=True)
    if how == "all":
        repository.ledger.unlink()
    elif how == "rebuilt":
        repository.ledger.unlink()
        add(repository.ledger, "m1", "m3")
    else:
        repository.ledger.write_text(first)
    if how == "committed":
        repository.commit("fewer models")

    with pytest.raises(ConfigError, match="of its lines that are in git are gone"):
        repository.check()


def test_lines_that_a_merge_drops_are_missed(repository: Repository) -> None:
    repository.git("checkout", "-q", "-b", "side")
    add(repository.ledger, "a1")
    repository.commit("a")
    repository.git("checkout", "-q", "main")
    repository.git("commit", "-q", "--allow-empty", "-m", "b")

    repository.git("merge", "-q", "--no-edit", "-s", "ours", "side")

    assert models(repository.ledger) == ["m1"]
    with pytest.raises(ConfigError, match="1 of its lines that are in git is gone, one of them"):
        repository.check()


def test_lines_of_other_branches_are_not_asked_for(repository: Repository) -> None:
    repository.git("checkout", "-q", "-b", "side")
    add(repository.ledger, "a1")
    repository.commit("a")
    repository.git("checkout", "-q", "main")

    assert repository.check()


def test_without_git_nothing_is_compared(ledger: Path) -> None:
    assert not require_all_of_git(ledger, read_ledger(ledger))


def test_line_is_plain_json(ledger: Path) -> None:
    row = json.loads(ledger.read_text().splitlines()[1])

    assert set(row) == {*LedgerLine.__struct_fields__}
