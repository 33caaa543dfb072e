"""`python -m pytest_detgate cache`, and the limits that every gate keeps."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pytest_detgate.__main__ import main
from pytest_detgate.cache.cache import Cache
from pytest_detgate.cache.sqlite_file import CACHE_FILE
from pytest_detgate.detections import ImageDetections, ModelInfo
from pytest_detgate.detector.cached.model_facts import add_info
from pytest_detgate.detector.protocol import LoadedModel, ModelSource
from tests.detector.reader import ReadingDetector
from tests.plugin.conftest import GateProject

DETECTIONS = ImageDetections(
    np.ones((100, 4), np.float32), np.ones(100, np.float32), np.ones(100, np.int32)
)
DAY = 86_400
CacheCommand = Callable[..., tuple[int, str, str]]
TABLES = "tables/5000-abc-def.tables"


def fill(
    folder: Path,
    *,
    images: int = 100,
    checkpoint: str = "a" * 64,
    key: str = "k",
    path: str = "work_dirs/site/epoch_7.pth",
) -> Cache:
    """Keep what one gate would: 2,400 bytes of detections for each image."""
    cache = Cache(folder / CACHE_FILE)
    cache.add_detections(key, "cpu", [(f"{key}{number}", DETECTIONS) for number in range(images)])
    cache.add_image_values("dct", [(f"{key}{number}", b"1") for number in range(7)])
    info = ModelInfo(
        key=key,
        checkpoint=path,
        sha256=checkpoint,
        classes=("person", "helmet"),
        score_floor=0.05,
        epoch=7,
    )
    model = ReadingDetector(info)
    source = ModelSource(Path(info.checkpoint))
    add_info(cache, source, checkpoint, LoadedModel(detector=model), loaded_after_ns=0)
    assert cache.notes == []
    return cache


def fill_tables(folder: Path, size: int = 5000) -> Path:
    path = folder / TABLES
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    return path


def cached_images(cache: Cache, key: str = "k") -> int:
    return len(list(cache.detections(key, [f"{key}{number}" for number in range(1000)])))


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> CacheCommand:
    """A function that runs the command in this process: exit code, standard output and error."""

    def run(*arguments: object) -> tuple[int, str, str]:
        code = main(["cache", *map(str, arguments)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_show_lists_models_and_the_rest(tmp_path: Path, command: CacheCommand) -> None:
    fill(tmp_path)
    Cache(tmp_path / CACHE_FILE).add_detections("unknown", "cpu", [("x", DETECTIONS)])
    fill_tables(tmp_path)

    code, out, _ = command("show", "--store", tmp_path)

    assert code == 0
    total = (tmp_path / CACHE_FILE).stat().st_size + 5000
    assert out.startswith(f"{tmp_path}: {total / 1000:.1f} kB\n")
    today = time.strftime("%Y-%m-%d")
    assert re.search(
        rf"^  aaaaaaaaaaaa +100 +240\.0 kB +{today} \d\d:\d\d +7 +person, helmet +"
        r"work_dirs/site/epoch_7\.pth$",
        out,
        re.MULTILINE,
    )
    assert re.search(r"^  model unknown +1 +2\.4 kB ", out, re.MULTILINE)
    assert "\nimage hashes         7\n" in out
    assert re.search(rf"\nannotation tables    1, 5\.0 kB, last used {today} ", out)
    assert command("--store", tmp_path) == (0, out, "")


def test_clear_empties_everything(tmp_path: Path, command: CacheCommand) -> None:
    cache = fill(tmp_path)
    table = fill_tables(tmp_path)
    (tmp_path / "mine.txt").write_text("not the cache's")

    code, out, _ = command("clear", "--store", tmp_path)

    assert code == 0
    assert re.fullmatch(
        rf"{re.escape(str(tmp_path))}: freed [234]\d\d\.\d kB \(100 images' detections, "
        r"7 image hashes, 1 annotation tables\); now empty\n",
        out,
    )
    assert cached_images(cache) == 0
    assert not table.exists()
    assert (tmp_path / "mine.txt").exists()
    code, out, _ = command("clear", "--store", tmp_path)
    assert (code, "nothing to drop" in out) == (0, True)


def test_clear_one_model(tmp_path: Path, command: CacheCommand) -> None:
    first = "ab" + "0" * 62
    fill(tmp_path, checkpoint=first, key="one")
    fill(tmp_path, checkpoint=first, key="other configuration")
    fill(tmp_path, checkpoint="ac" + "0" * 62, key="two", path="work_dirs/site/epoch_8.pth")
    cache = fill(tmp_path, checkpoint="ad" + "0" * 62, key="k")

    code, _, err = command("clear", "--model", "b0", "--store", tmp_path)
    assert code == 4
    assert (
        "--model 'b0': no cached model has a path that contains this or a digest that starts" in err
    )
    assert "(cached: ab0000000000, ac0000000000, ad0000000000)" in err
    code, out, _ = command("clear", "--model", "AB", "--store", tmp_path)

    assert code == 0
    assert "(200 images' detections)" in out
    assert (cached_images(cache, "one"), cached_images(cache, "other configuration")) == (0, 0)
    assert (cached_images(cache, "two"), cached_images(cache)) == (100, 100)
    assert command("clear", "--model", "epoch_8.pth", "--store", tmp_path)[0] == 0
    assert (cached_images(cache, "two"), cached_images(cache)) == (0, 100)
    assert command("clear", "--model", "site/", "--store", tmp_path)[0] == 0
    assert cached_images(cache) == 0


def test_clear_what_is_not_used(
    tmp_path: Path, command: CacheCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = time.time
    with monkeypatch.context() as patch:
        patch.setattr("time.time", lambda: really() - 3 * DAY)
        fill(tmp_path, key="old")
    cache = fill(tmp_path, key="k")
    table = fill_tables(tmp_path)
    os.utime(table, (really() - 3 * DAY,) * 2)

    assert command("clear", "--unused-days", "4", "--store", tmp_path)[0] == 0
    assert table.exists()
    code, out, _ = command("clear", "--unused-days", "2.5", "--store", tmp_path)

    assert code == 0
    assert "100 images' detections" in out
    assert (cached_images(cache, "old"), cached_images(cache), table.exists()) == (0, 100, False)


def test_prune_brings_it_within_limits(tmp_path: Path, command: CacheCommand) -> None:
    cache = fill(tmp_path, images=1000)
    fill_tables(tmp_path, 600_000)  # more than half of a megabyte

    code, out, _ = command("prune", "--max-megabytes", 1, "--store", tmp_path)

    assert code == 0
    assert out.endswith("kB left (at most 1.0 MB, used within 60 days)\n")
    assert not (tmp_path / TABLES).exists()
    assert 500_000 < (tmp_path / CACHE_FILE).stat().st_size < 1_000_000
    assert 200 < cached_images(cache) < 400  # 2.4 kB each
    assert cache.notes == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("prune", "--keep-days", "0"), "--keep-days: expected a whole number ≥ 1, found '0'"),
        (("clear", "--model", "a", "--unused-days", "1"), "not allowed with argument --model"),
        (("clear", "--unused-days", "nan"), "--unused-days: expected a number of days ≥ 0, found"),
        (("show", "--model", "a"), "unrecognized arguments: --model a"),
        (("show", "--stoer=a"), "unrecognized arguments: --stoer=a; did you mean '--store'?"),
        (("cleer",), "invalid choice: 'cleer'"),
    ],
)
def test_a_wrong_command_line_is_said_to_be(
    command: CacheCommand,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    message: str,
) -> None:
    with pytest.raises(SystemExit) as caught:
        command(*arguments)

    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_folders_that_are_not_there(tmp_path: Path, command: CacheCommand) -> None:
    code, _, err = command("--store", tmp_path / "nowhere")
    assert (code, err) == (4, f"error: --store {tmp_path}/nowhere: no such folder\n")
    assert command("--store", tmp_path) == (0, f"{tmp_path}: the cache is empty\n", "")
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_cache_is_named_and_can_be_cleared(tmp_path: Path, command: CacheCommand) -> None:
    (tmp_path / CACHE_FILE).write_bytes(b"not a database" * 100)
    for action in ("show", "prune"):
        code, _, err = command(action, "--store", tmp_path)
        assert (code, err) == (4, f"error: {tmp_path}: file is not a database\n")

    code, out, _ = command("clear", "--store", tmp_path)

    assert (code, out) == (0, f"{tmp_path}: was damaged and is empty now\n")
    assert fill(tmp_path)


# In a project.

LIMITED = """
[dataset.splits.train]
annotations = "data/train.json"
images = "data/images"
[rules.empty-gt-share]
min = 0.25
[cache]
max-megabytes = 1
"""


def run_cache(project: GateProject, *arguments: str) -> pytest.RunResult:
    return project.pytester.run(sys.executable, "-m", "pytest_detgate", "cache", *arguments)


@pytest.mark.parametrize("setting", ["", "cache_dir = $WHERE/kept"])
def test_the_cache_is_where_pytest_has_it(
    project: GateProject, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    root = project.pytester.path
    monkeypatch.setenv("WHERE", "deeper")
    project.pytester.makeini(f"[pytest]\n{setting}\n")
    project.write("sub/nothing.txt", "")
    project.write("detgate.toml", LIMITED)
    project.gate("detgate.toml", with_predictions=False)
    folder = root / ("deeper/kept" if setting else ".pytest_cache") / "d/detgate"
    assert folder.is_dir()
    fill(folder)
    monkeypatch.chdir(root / "sub")

    result = run_cache(project)

    assert result.ret == 0
    result.stdout.fnmatch_lines([f"{folder}: * kB", "  aaaaaaaaaaaa  100 *"])


def test_a_project_without_a_cache_says_so(project: GateProject) -> None:
    project.pytester.makeini("[pytest]\naddopts = -p no:cacheprovider\n")

    result = run_cache(project)

    assert result.ret == 4
    result.stderr.fnmatch_lines(["error: pytest's cache is switched off here*"])


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_a_gate_leaves_its_cache_within_the_limits(
    project: GateProject, workers: tuple[str, ...]
) -> None:
    project.write("detgate.toml", LIMITED)
    folder = project.pytester.path / ".pytest_cache" / "d" / "detgate"
    cache = fill(folder, images=1000)
    half_written = folder / "tables" / ".5000-abc-def.tables.4711"
    fill_tables(folder).rename(half_written)
    os.utime(half_written, (0, 0))

    result = project.gate("detgate.toml", *workers, with_predictions=False)

    assert result.ret == 0
    assert not half_written.exists()
    assert (folder / CACHE_FILE).stat().st_size < 1_000_000
    assert 200 < cached_images(cache) < 400
    other = run_cache(project, "prune")
    assert other.ret == 0
    other.stdout.fnmatch_lines(["*freed 0 bytes (nothing to drop); * (at most 1.0 MB, *"])


def test_old_tables_are_dropped(project: GateProject) -> None:
    folder = project.pytester.path / ".pytest_cache" / "d" / "detgate"
    old = fill_tables(folder)
    os.utime(old, (time.time() - 61 * DAY,) * 2)
    new = old.with_name("6000-abc-def.tables")
    new.write_bytes(b"x")

    project.gate("detgate.toml")

    assert (old.exists(), new.exists()) == (False, True)
