"""Whatever a model looks at while it is made decides whether its cached detections are used.

Most of this is tried with detectors that a function of the project makes: they load in no time, and
what is seen of one framework is seen of all.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.detections import ImageDetections
from pytest_detgate.detector.cached.detector import CachedDetector
from pytest_detgate.detector.cached.pending import DetectionRun
from pytest_detgate.detector.protocol import ModelSource
from pytest_detgate.progress import NoProgress
from tests.detector.onnx_models import draw

# Its score is what `made` returned, so that detections of another model are other ones.
DETECTOR = """
import glob, importlib, json, os
from pathlib import Path

HERE = Path(__file__).parent
{top}

def made(checkpoint):
{made}

class Detector:
    classes = ["thing"]

    def __init__(self, checkpoint, device, **options):
        self.options = options
        self.score = made(checkpoint)

    def detect(self, images):
{detect}
        return [([[0, 0, 1, 1]], [self.score], [0]) for image in images]
"""


class Site:
    """A project whose detector does what a test says, and gates of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.image = draw(folder / "images" / "a.png", (8, 8))

    def write(self, name: str, text: str) -> Path:
        """Write a file."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def detector(self, made: str = "return 0.5", *, top: str = "", detect: str = "pass") -> None:
        """Write the detector."""
        text = DETECTOR.replace("{top}", textwrap.dedent(top))
        for name, body in (("{made}", made), ("{detect}", detect)):
            lines = textwrap.dedent(body).strip()
            indent = " " * (4 if name == "{made}" else 8)
            text = text.replace(name, textwrap.indent(lines, indent))
        self.write("site_detector.py", text)

    def detect(self, checkpoint: Path | None = None, **more: Any) -> DetectionRun:
        """Start a gate, with modules imported as another process would, and detect."""
        forget_modules()
        gate = CachedDetector(
            ModelSource(
                checkpoint,
                framework="python",
                entry="site_detector:Detector",
                folder=self.folder,
                options=more,
            ),
            cache_dir=self.folder / "cache",
            device="cpu",
            progress=NoProgress(),
        )
        return gate.detect([self.image])

    def score(self, **more: Any) -> tuple[float, int]:
        """The score of the only box, and how many images were inferred for it."""
        run = self.detect(**more)
        result = run[self.image]
        assert isinstance(result, ImageDetections)
        assert run.notes == ()
        return round(float(result.score[0]), 6), run.inferred


def forget_modules() -> None:
    for name in list(sys.modules):
        if name.split(".")[0] in (
            "site_detector",
            "site_helper",
            "site_extra",
            "site_late",
            "site_package",
        ):
            del sys.modules[name]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.chdir(tmp_path)
    yield Site(tmp_path)
    forget_modules()


def test_what_does_not_change_is_inferred_once(site: Site) -> None:
    site.write("weights/1.txt", "0.25")
    site.detector(
        """
        found = sorted(HERE.glob("weights/*.txt"))
        os.environ.get("SITE_MODE"), os.listdir(HERE / "weights"), (HERE / "gone").exists()
        return float(found[-1].read_text())
        """
    )

    assert [site.score() for _ in range(3)] == [(0.25, 1), (0.25, 0), (0.25, 0)]


@pytest.mark.parametrize(
    "choose",
    [
        'return float(sorted(HERE.glob("w_*.txt"))[-1].read_text())',
        'return float(open(sorted(glob.glob(f"{HERE}/w_*.txt"))[-1]).read())',
        'return float(max(p for p in HERE.iterdir() if p.name[:2] == "w_").read_text())',
        'return float((HERE / max(n for n in os.listdir(HERE) if n[:2] == "w_")).read_text())',
        """
        names = [entry.path for entry in os.scandir(HERE) if entry.name.startswith("w_")]
        return float(open(max(names)).read())
        """,
        """
        two = HERE / "w_2.txt"
        return float((two if two.exists() else HERE / "w_1.txt").read_text())
        """,
        """
        try:
            return float((HERE / "w_2.txt").read_text())
        except FileNotFoundError:
            return float((HERE / "w_1.txt").read_text())
        """,
        'return 0.75 if os.path.isfile(HERE / "w_2.txt") else 0.25',
        'return 0.75 if len(list(HERE.glob("w_*.txt"))) == 2 else 0.25',
    ],
)
def test_weights_that_appear_later(site: Site, choose: str) -> None:
    site.detector(choose)
    site.write("w_1.txt", "0.25")

    assert site.score() == (0.25, 1)
    assert site.score() == (0.25, 0)
    site.write("w_2.txt", "0.75")
    assert site.score() == (0.75, 1)
    (site.folder / "w_2.txt").unlink()
    assert site.score() == (0.25, 0)


@pytest.mark.parametrize(
    "read",
    [
        'os.environ.get("SITE_SCORE", "0.25")',
        'os.getenv("SITE_SCORE", "0.25")',
        'os.environ["SITE_SCORE"] if "SITE_SCORE" in os.environ else 0.25',
        'dict(os.environ).get("SITE_SCORE", 0.25)',
        '{name[5:]: value for name, value in os.environ.items()}.get("SCORE", 0.25)',
        'os.environb.get(b"SITE_SCORE", b"0.25")',
        '0.75 if "SITE_" "SCORE" in repr(os.environ) else 0.25',
        'dict(os.environ | {}).get("SITE_SCORE", 0.25)',
        '{**os.environ}.get("SITE_SCORE", 0.25)',
        'os.environ.copy().get("SITE_SCORE", 0.25)',
        'dict(zip(os.environ, os.environ.values())).get("SITE_SCORE", 0.25)',
    ],
)
def test_environment_variables(site: Site, monkeypatch: pytest.MonkeyPatch, read: str) -> None:
    site.detector(f"return float({read})")
    monkeypatch.delenv("SITE_SCORE", raising=False)

    assert site.score() == (0.25, 1)
    assert site.score() == (0.25, 0)
    monkeypatch.setenv("SITE_SCORE", "0.75")
    assert site.score() == (0.75, 1)
    monkeypatch.delenv("SITE_SCORE")
    assert site.score() == (0.25, 0)


@pytest.mark.parametrize(
    "read",
    [
        'sorted(os.environ) and os.environ.get("CI_SCORE", "0.25")',
        'list(os.environ.keys()) and os.environ.get("CI_SCORE", "0.25")',
        '[os.environ[name] for name in os.environ if name == "CI_SCORE"][0]',
    ],
)
def test_a_variable_of_ci_that_is_read_behind_a_list_of_names(
    site: Site, monkeypatch: pytest.MonkeyPatch, read: str
) -> None:
    """A copy of the environment leaves out what describes a run of CI; this is none."""
    site.detector(f"return float({read})")
    monkeypatch.setenv("CI_SCORE", "0.25")

    assert site.score() == (0.25, 1)
    assert site.score() == (0.25, 0)
    monkeypatch.setenv("CI_SCORE", "0.75")
    assert site.score() == (0.75, 1)


def test_what_modules_look_at_when_they_are_imported(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.write("site_helper.py", 'import os\nSCORE = float(os.environ.get("SITE_SCORE", "0.25"))\n')
    site.write("names.json", '["thing"]')
    site.detector(
        "return importlib.import_module('site_helper').SCORE",
        top='NAMES = json.loads((HERE / "names.json").read_text())',
    )

    assert site.score() == (0.25, 1)
    monkeypatch.setenv("SITE_SCORE", "0.75")
    assert site.score() == (0.75, 1)
    site.write("names.json", '["thing", "other"]')
    assert site.score() == (0.75, 1)
    site.write("site_helper.py", "SCORE = 0.5\n")
    assert site.score() == (0.5, 1)
    assert site.score() == (0.5, 0)


def test_a_second_model_of_the_same_process(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its modules are imported already; what they looked at then is part of it, too."""
    site.write("site_helper.py", 'import os\nSCORE = float(os.environ.get("SITE_SCORE", "0.25"))\n')
    site.detector("return importlib.import_module('site_helper').SCORE")
    first = site.write("first.txt", "1")
    second = site.write("second.txt", "2")

    def both() -> list[int]:
        site.detect(first)
        gate = CachedDetector(
            ModelSource(
                second, framework="python", entry="site_detector:Detector", folder=site.folder
            ),
            cache_dir=site.folder / "cache",
            device="cpu",
            progress=NoProgress(),
        )
        detections = gate.detect([site.image])[site.image]
        assert isinstance(detections, ImageDetections)
        return [gate.detect([site.image]).inferred, round(float(detections.score[0]) * 100)]

    assert both() == [0, 25]
    monkeypatch.setenv("SITE_SCORE", "0.75")
    assert both() == [0, 75]


def test_a_module_that_appears_later(site: Site) -> None:
    site.detector(
        """
        try:
            import site_extra
        except ImportError:
            return 0.25
        return 0.75
        """
    )

    assert site.score() == (0.25, 1)
    site.write("site_extra.py", "")
    assert site.score() == (0.75, 1)


def test_contents_that_are_swapped(site: Site) -> None:
    """The same contents under other names are another model."""
    site.detector(
        """
        low, high = ((HERE / f"{name}.txt").read_text() for name in ("low", "high"))
        return float(low)
        """
    )
    site.write("low.txt", "0.25")
    site.write("high.txt", "0.75")

    assert site.score() == (0.25, 1)
    site.write("low.txt", "0.75")
    site.write("high.txt", "0.25")
    assert site.score() == (0.75, 1)


@pytest.mark.usefixtures("later")
def test_weights_of_the_same_size_and_time(site: Site) -> None:
    site.detector('return float((HERE / "w.txt").read_text())')
    weights = site.write("w.txt", "0.25")
    before = weights.stat()

    assert site.score() == (0.25, 1)
    weights.write_text("0.75")
    os.utime(weights, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert site.score() == (0.75, 1)


def test_what_the_model_made_itself_is_no_part_of_it(site: Site) -> None:
    site.detector(
        """
        import tempfile
        (HERE / "log.txt").write_text(str(os.getpid()))
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "scratch").write_text("x")
            Path(folder, "scratch").read_text(), os.listdir(folder)
        os.environ["SITE_OWN"] = str(os.getpid())
        return float(len((HERE / "log.txt").read_text() + os.environ["SITE_OWN"]) > 0) / 2
        """
    )

    assert site.score() == (0.5, 1)
    assert site.score() == (0.5, 0)


def test_options_and_checkpoint(site: Site) -> None:
    site.detector("return 0.25 if checkpoint is None else float(checkpoint.read_text())")
    weights = site.write("w.txt", "0.5")

    assert site.score() == (0.25, 1)
    assert site.score(size=3) == (0.25, 1)
    assert site.detect(weights).inferred == 1
    weights.write_text("0.75")
    assert site.detect(weights).inferred == 1
    assert site.detect(weights).inferred == 0


@pytest.mark.parametrize(
    ("detect", "what"),
    [
        ('self.score = float((HERE / "w.txt").read_text())', "w.txt"),
        ('self.score = float(os.environ.get("SITE_SCORE", "0.25"))', "SITE_SCORE"),
        ('self.score = 0.25 * (1 + len(glob.glob(f"{HERE}/more/*.txt")))', "more/*.txt"),
        ("import site_late; self.score = site_late.SCORE", "w.txt"),
        ('self.score = importlib.import_module("site_late").SCORE', "site_late.py"),
    ],
)
def test_what_is_first_looked_at_while_detecting_is_not_cached(
    site: Site, detect: str, what: str
) -> None:
    site.write("w.txt", "0.25")
    site.write("site_late.py", f"SCORE = float(open({str(site.folder / 'w.txt')!r}).read())\n")
    site.detector(detect=detect)

    for _ in range(2):
        run = site.detect()
        result = run[site.image]
        assert isinstance(result, ImageDetections)
        assert (run.inferred, result.score.tolist()) == (1, [0.25])
        (note,) = run.notes
        assert note.startswith("its detections are not cached: ")
        assert note.endswith(" is first accessed during detection")
        assert what in note


def test_what_is_asked_for_in_vain_while_detecting(site: Site) -> None:
    """Detections hold while it is still not there."""
    site.detector(detect='self.score = 0.75 if (HERE / "flag").exists() else 0.25')

    assert [site.score(), site.score()] == [(0.25, 1), (0.25, 0)]
    flag = site.write("flag", "")
    for _ in range(2):
        run = site.detect()
        result = run[site.image]
        assert isinstance(result, ImageDetections)
        assert (run.inferred, result.score.tolist()) == (1, [0.75])
        assert "flag is first accessed during detection" in run.notes[0]
    flag.unlink()
    assert site.score() == (0.25, 0)


def test_later_detections_depend_on_what_was_looked_at_before(site: Site) -> None:
    """The weights are read for the second image, and decide about the third, too."""
    site.write("w.txt", "0.25")
    site.detector(
        detect="""
        if any("b" in image.name for image in images):
            self.score = float((HERE / "w.txt").read_text())
        """
    )
    images = [draw(site.folder / "images" / f"{n}.png", (8, 8 + i)) for i, n in enumerate("abc")]

    def inferred() -> list[int]:
        forget_modules()
        gate = CachedDetector(
            ModelSource(
                None, framework="python", entry="site_detector:Detector", folder=site.folder
            ),
            cache_dir=site.folder / "cache",
            device="cpu",
            progress=NoProgress(),
            batch_size=1,
        )
        return [gate.detect([image]).inferred for image in images]

    assert inferred() == [1, 1, 1]
    assert inferred() == [0, 1, 1]


def test_what_changes_while_the_model_is_made(site: Site) -> None:
    """Nobody knows which of the two contents counts."""
    site.write("w.txt", "0.25")
    site.detector(
        """
        score = float((HERE / "w.txt").read_text())
        (HERE / "w.txt").write_text("0.5")
        return score
        """
    )

    run = site.detect()

    assert run.inferred == 1
    (note,) = run.notes
    assert note.startswith("its detections are not cached: ")
    assert "w.txt has changed" in note


def test_weights_that_change_between_making_and_detecting(site: Site) -> None:
    site.write("w.txt", "0.25")
    site.detector(
        'return float((HERE / "w.txt").read_text())',
        detect="""
        (HERE / "w.txt").write_text("0.75")
        self.score = float((HERE / "w.txt").read_text())
        """,
    )

    (note,) = site.detect().notes

    assert "w.txt has changed since the model was made" in note


@pytest.mark.parametrize(
    ("detect", "what"),
    [
        ("import subprocess; subprocess.run(['true'], check=True)", "the program true"),
        ("os.system('true')", "the program true"),
        (
            """
            import socket
            with socket.socket() as server:
                server.bind(("127.0.0.1", 0))
                server.listen()
                socket.create_connection(server.getsockname()).close()
            """,
            "a connection to 127.0.0.1:",
        ),
    ],
)
def test_what_others_answer_is_not_cached(site: Site, detect: str, what: str) -> None:
    """A program or another machine may answer otherwise tomorrow, and nobody would see why."""
    site.detector(detect=detect)

    for _ in range(2):
        run = site.detect()
        assert run.inferred == 1
        assert what in run.notes[0]


@pytest.mark.parametrize("watches", [False, True])
def test_a_model_of_modules_that_were_imported_before(site: Site, watches: bool) -> None:
    """It is made in another process: here they may have any state by now."""
    site.write("site_helper.py", 'import os\nSCORE = float(os.environ.get("SITE_SCORE", "0.25"))\n')
    site.detector("return importlib.import_module('site_helper').SCORE", top="import site_helper")
    script = """
import sys
from pathlib import Path
sys.path.insert(0, str(Path.cwd()))
{before}
import site_helper
site_helper.SCORE = 0.125
from pytest_detgate.detector.cached.detector import CachedDetector
from pytest_detgate.detector.protocol import ModelSource
from pytest_detgate.progress import NoProgress
gate = CachedDetector(
    ModelSource(None, framework="python", entry="site_detector:Detector", folder=Path.cwd()),
    cache_dir=Path("cache"), device="cpu", progress=NoProgress())
run = gate.detect([Path("images/a.png").absolute()])
print(run.inferred, *(one.score[0] for one in run.values()), *run.notes)
"""
    watch = (
        "from pytest_detgate.detector.dependencies.recorder import watch_imports\nwatch_imports()"
    )

    def run(before: str, **environment: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", script.replace("{before}", before)],
            capture_output=True,
            check=True,
            text=True,
            env={**os.environ, **environment},
        ).stdout.strip()

    before = watch if watches else ""
    assert [run(before), run(before)] == ["1 0.25", "0 0.25"]
    assert run(before, SITE_SCORE="0.75") == "1 0.75"


def test_only_modules_that_are_imported_are_watched(site: Site) -> None:
    """The script that starts everything, as the command `pytest` does, is none of them: pytest asks
    for the status of thousands of files."""
    site.write("site_helper.py", 'import os\nos.path.exists("helper.txt")\n')
    script = site.write(
        "script.py",
        """
import os
from pytest_detgate.detector.dependencies import recorder
recorder.watch_imports()
asked = []
recorder._watching[0].on_lookup = lambda path: asked.append(os.path.basename(path))
os.path.exists("before.txt")
import site_helper
os.path.exists("after.txt")
recorder.stop_watching_imports()
print(*asked)
""",
    )

    run = subprocess.run([sys.executable, script], capture_output=True, check=True, text=True)

    assert run.stdout.split() == ["helper.txt"]


def test_an_entry_of_an_installed_package(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it looks at is part of the model; what packages look at that it uses is not."""
    packages = tmp_path / "lib" / "site-packages"
    site.write("lib/site-packages/site_package.py", 'import os\nos.environ.get("OTHER_LIBRARY")\n')
    site.detector('return float(os.environ.get("SITE_SCORE", "0.25"))', top="import site_package")
    (site.folder / "site_detector.py").rename(packages / "site_detector.py")
    monkeypatch.syspath_prepend(packages)

    assert [site.score(), site.score()] == [(0.25, 1), (0.25, 0)]
    monkeypatch.setenv("OTHER_LIBRARY", "1")
    assert site.score() == (0.25, 0)
    monkeypatch.setenv("SITE_SCORE", "0.75")
    assert site.score() == (0.75, 1)


def test_what_packages_ask_the_machine_is_no_part_of_it(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where its home is, or which GPU a worker was given, unless the project itself asks."""
    site.write(
        "lib/site-packages/site_package.py",
        'import os\ndef ask(name): return os.environ.get(name, "")\n',
    )
    monkeypatch.syspath_prepend(tmp_path / "lib" / "site-packages")
    site.detector(
        """
        import site_package
        site_package.ask("CUDA_VISIBLE_DEVICES"), site_package.ask("HOME")
        return float(site_package.ask("SITE_SCORE") or os.environ.get("RANK", "0.25"))
        """
    )
    monkeypatch.delenv("RANK", raising=False)

    assert site.score() == (0.25, 1)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert site.score() == (0.25, 0)
    monkeypatch.setenv("RANK", "0.5")
    assert site.score() == (0.5, 1)
    monkeypatch.setenv("SITE_SCORE", "0.75")
    assert site.score() == (0.75, 1)


def test_what_cannot_be_cached_is_shared_within_a_run(site: Site) -> None:
    """Workers of one run infer once, whatever the model depends on; the next run does again."""
    site.detector(detect="os.environ.get('SITE_SCORE')")

    def gate(run: str) -> CachedDetector:
        forget_modules()
        return CachedDetector(
            ModelSource(
                None, framework="python", entry="site_detector:Detector", folder=site.folder
            ),
            cache_dir=site.folder / "cache",
            device="cpu",
            progress=NoProgress(),
            run=run,
        )

    assert [gate("1").detect([site.image]).inferred for _ in range(2)] == [1, 0]
    assert "site_detector" not in sys.modules  # nor made again
    assert [gate("2").detect([site.image]).inferred for _ in range(2)] == [1, 0]
    assert gate("").detect([site.image]).inferred == 1


def test_two_projects_whose_entries_read_alike(tmp_path: Path) -> None:
    """Under one cache, each is answered with its own detections."""
    scores = {}
    for name, score in (("north", "0.25"), ("south", "0.75")):
        site = Site(tmp_path / name)
        site.detector(f"return {score}")
        forget_modules()
        gate = CachedDetector(
            ModelSource(
                None, framework="python", entry="site_detector:Detector", folder=site.folder
            ),
            cache_dir=tmp_path / "cache",
            device="cpu",
            progress=NoProgress(),
        )
        detections = gate.detect([site.image])[site.image]
        assert isinstance(detections, ImageDetections)
        scores[name] = detections.score.tolist()
    forget_modules()

    assert scores == {"north": [0.25], "south": [0.75]}


def test_copies_of_a_project_that_know_where_they_are(tmp_path: Path) -> None:
    """Code may read its own path: equal files in two folders may answer differently."""
    collected = []
    for name in ("north", "south"):
        site = Site(tmp_path / name)
        site.detector('return 0.25 if HERE.name == "north" else 0.75')
        forget_modules()
        gate = CachedDetector(
            ModelSource(
                None, framework="python", entry="site_detector:Detector", folder=site.folder
            ),
            cache_dir=tmp_path / "cache",
            device="cpu",
            progress=NoProgress(),
        )
        detections = gate.detect([site.image])[site.image]
        assert isinstance(detections, ImageDetections)
        collected += detections.score.tolist()
    forget_modules()

    assert collected == [0.25, 0.75]


def test_files_that_compiled_code_opens(site: Site, tmp_path: Path) -> None:
    """The detector names them, as nobody sees how they are opened."""
    site.write("w.bin", "1")
    site.detector()
    text = (site.folder / "site_detector.py").read_text()
    site.write(
        "site_detector.py", text.replace('["thing"]', '["thing"]\n    files = [HERE / "w.bin"]')
    )

    assert site.score() == (0.5, 1)
    assert site.score() == (0.5, 0)
    site.write("w.bin", "2")
    assert site.score() == (0.5, 1)


def test_nothing_is_left_behind(site: Site) -> None:
    """Python's own functions are themselves again."""
    before = (os.stat, type(os.environ), list(sys.meta_path))
    site.detector('return float(os.environ.get("SITE_SCORE", "0.25"))')
    site.score()

    assert (os.stat, type(os.environ), list(sys.meta_path)) == before
