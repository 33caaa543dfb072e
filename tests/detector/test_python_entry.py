"""Detectors that a function of the project makes; here one that looks for colours in NumPy."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.detections import ImageDetections, ImageResult, OutputNotFinite, UnreadableImage
from pytest_detgate.detector.cached.detector import CachedDetector
from pytest_detgate.detector.devices import exclusive, visible_gpus
from pytest_detgate.detector.latency.timing import measure_latency
from pytest_detgate.detector.protocol import ModelSource
from pytest_detgate.detector.registry import framework
from pytest_detgate.detector.workers.run_options import RunPlan
from pytest_detgate.errors import DetectorError
from pytest_detgate.progress import NoProgress
from tests.detector.onnx_models import BLUE, RED, draw

MODULE = '''
"""Finds the red and the blue rectangle of a picture."""
import numpy as np
from PIL import Image
from colours.limits import LIMIT

class Colours:
    classes = ["red", "blue"]

    def __init__(self, checkpoint, device, score=0.9):
        self.score = score if checkpoint is None else float(checkpoint.read_text())

    def detect(self, images):
        from colours.names import NAMES
        for image in images:
            pixels = np.asarray(Image.open(image).convert("RGB"), int)
            boxes, names = [], []
            for name, channel in NAMES.items():
                mask = 2 * pixels[..., channel] - pixels.sum(axis=2) > LIMIT
                if mask.any():
                    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
                    boxes.append([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
                    names.append(name)
            yield boxes, [self.score] * len(boxes), names
'''


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a package that finds colours, and two pictures."""
    files = {
        "colours/__init__.py": "",
        "colours/finder.py": MODULE,
        "colours/limits.py": "LIMIT = 128\n",
        "colours/names.py": 'NAMES = {"red": 0, "blue": 2}\n',
        "colours/unused.py": "",
        "other.py": "",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        os.utime(path, ns=(10**18, 10**18))  # long settled, so that its digest may be kept
    draw(tmp_path / "both.png", (64, 48), (RED, (4, 6, 20, 10)), (BLUE, (40, 30, 8, 9)))
    draw(tmp_path / "calm.png", (64, 48))
    return tmp_path


@pytest.fixture
def forget_modules() -> Iterator[Callable[[], None]]:
    """A function that makes this process import the project's modules again, as another would."""
    import sys

    def forget() -> None:
        for name in list(sys.modules):
            if name.split(".")[0] in ("colours", "one"):
                del sys.modules[name]

    forget()
    yield forget
    forget()


@pytest.fixture
def gate(project: Path, forget_modules: Callable[[], None]) -> Callable[..., CachedDetector]:
    """A function that starts a new gate, with modules as they are now."""

    def start(
        entry: str = "colours.finder:Colours",
        checkpoint: Path | None = None,
        batch_size: int | None = None,
        **options: Any,
    ) -> CachedDetector:
        forget_modules()
        return CachedDetector(
            ModelSource(
                checkpoint, framework="python", entry=entry, options=options, folder=project
            ),
            cache_dir=project / "cache",
            device="cpu",
            progress=NoProgress(),
            batch_size=batch_size,
        )

    return start


def test_what_the_function_finds_is_what_is_gated(
    project: Path, gate: Callable[..., CachedDetector]
) -> None:
    images = [project / "both.png", project / "calm.png"]
    detector = gate(score=0.75)

    run = detector.detect(images)

    both, calm = (run[image] for image in images)
    assert isinstance(both, ImageDetections)
    assert isinstance(calm, ImageDetections)
    assert both.xyxy.tolist() == [[4, 6, 24, 16], [40, 30, 48, 39]]
    assert (both.score.tolist(), both.label.tolist()) == ([0.75, 0.75], [0, 1])
    assert calm.xyxy.shape == (0, 4)
    info = detector.info()
    assert (info.classes, info.checkpoint) == (("red", "blue"), "colours.finder:Colours")
    assert len(info.sha256) == 64
    assert run.devices == {"cpu"}


def test_what_decides_the_detections_decides_what_is_inferred(
    project: Path, gate: Callable[..., CachedDetector]
) -> None:
    images = [project / "both.png", project / "calm.png"]

    def inferred(**how: Any) -> int:
        return gate(**how).detect(images).inferred

    assert inferred() == 2
    assert inferred() == 0
    assert inferred(score=0.5) == 2
    (project / "other.py").write_text("changed = True\n")
    assert inferred() == 0
    # Imported at the top, within a function, and the module of the entry itself.
    for name in ("limits", "names", "finder"):
        path = project / "colours" / f"{name}.py"
        path.write_text(path.read_text() + "# changed\n")
        assert (name, inferred()) == (name, 2)
    weights = project / "weights.txt"
    weights.write_text("0.25")
    assert inferred(checkpoint=weights) == 2
    weights.write_text("0.50")
    detector = gate(checkpoint=weights)
    detections = detector.detect(images)[images[0]]
    assert isinstance(detections, ImageDetections)
    assert detections.score.tolist() == [0.5, 0.5]
    assert detector.info().checkpoint == str(weights)


def test_what_the_function_reads_is_part_of_it(
    project: Path, gate: Callable[..., CachedDetector]
) -> None:
    settings = project / "settings.json"
    settings.write_text("128")
    limits = project / "colours" / "limits.py"
    limits.write_text(f"LIMIT = int(open({str(settings)!r}).read())\n")
    images = [project / "both.png"]

    assert gate().detect(images).inferred == 1
    assert gate().detect(images).inferred == 0
    settings.write_text("250")
    assert gate().detect(images).inferred == 1


ONE_CLASS_FILE = """
import numpy as np
class Detector:
    classes = ["red", "blue"]
    {more}
    def __init__(self, checkpoint, device):
        pass
    def detect(self, images):
        {detect}
"""


@pytest.fixture
def answering(project: Path, gate: Callable[..., CachedDetector]) -> Callable[..., ImageResult]:
    """A function from the body of `detect` to what the gate takes from it on one picture."""

    def answer(detect: str, more: str = "") -> ImageResult:
        text = ONE_CLASS_FILE.replace("{detect}", textwrap.indent(detect, " " * 8).strip())
        (project / "one.py").write_text(text.replace("{more}", more))
        image = project / "both.png"
        return gate("one:Detector").detect([image])[image]

    return answer


@pytest.mark.parametrize(
    ("detect", "message"),
    [
        ("return [([[0, 0, 1, 1]], [1.5], [0])]", r"both\.png: a score is from 0 to 1, found 1\.5"),
        ("return [([[0, 0, 1, 1]], [-0.5], [0])]", r"both\.png: a score is from 0 to 1"),
        ("return [([[0, 0, 1, 1]], np.array([0.5]).astype(np.int8), [0])]",
         r"both\.png: its scores are int8, and a score from 0 to 1 is 0 after a cast"),
        ("return [([[0, 0, 1, 1]], np.array([True]), [0])]", "its scores are not numbers: .* bool"),
        ("return [([[0, 0, 1, 1]], [0.5 + 2j], [0])]", "scores are not numbers: .* complex128"),
        ("return [([[0, 0, 1, 1j]], [0.5], [0])]", "boxes are not numbers: .* complex128"),
        ("return [([[0, 0, 1, 1]], [0.5], [2])]", "a label is a whole number from 0 to 1, found 2"),
        ("return [([[0, 0, 1, 1]], [0.5], [0.5])]", "a label is a whole number"),
        ("return [([[0, 0, 1, 1]], [0.5], ['rad'])]",
         "'rad' is not one of its classes; did you mean 'red'"),
        ("return [([[0, 0, 1, 1]], [0.5, 0.5], [0, 0])]",
         r"expected boxes \(n, 4\).* found \(1, 4\), \(2,\) and \(2,\)"),
        ("return [([0, 0, 1, 1], [0.5], [0])]", r"expected boxes \(n, 4\)"),
        ("return [([['a', 0, 1, 1]], [0.5], [0])]", "its boxes are not numbers"),
        ("return [([[0, 0, 1, 1]], [0.5], [['red']])]", r"not numbers"),
        ("return [([[0, 0, 1, 1]] * 2, [0.5, 0.5], ['red', 0])]", "0 is not one of its classes"),
        ("return [([[0, 0, 1, 1]] * 2, [0.5, 0.5], [[0], [0, 1]])]", "its labels are not numbers"),
        ("class Held:\n    def __array__(self, *_): raise RuntimeError('on the GPU')\n"
         "return [(Held(), [0.5], [0])]", "both\\.png: its boxes are not numbers: on the GPU"),
        ("import sys; sys.exit(0)", r"one:Detector fails on .*both\.png: SystemExit: 0"),
        ("return [None]", "expected boxes, scores and labels, found a NoneType"),
        ("return []", "got 1 image and returned 0 results"),
        ("raise OSError('no camera')", r"one:Detector fails on .*both\.png: OSError: no camera"),
    ],
)  # fmt: skip
def test_answers_that_mean_nothing_are_refused(
    answering: Callable[..., Any], detect: str, message: str
) -> None:
    with pytest.raises(DetectorError, match=message):
        answering(detect)


@pytest.mark.parametrize(
    ("answer", "output"),
    [
        ("[[0, 0, 1, 1]], [np.nan], [0]", "scores"),
        ("[[0, 0, 1, 1]], [np.inf], [0]", "scores"),
        ("[[0, 0, 1, np.inf]], [0.5], [0]", "boxes"),
        ("[[0, 0, 1, 1e300]], [0.5], [0]", "boxes"),
        ("[[0, 0, 1, 1]], [0.5], [np.nan]", "labels"),
    ],
)
def test_of_an_image_with_nan_or_infinity_nothing_is_known(
    answering: Callable[..., Any], answer: str, output: str
) -> None:
    assert answering(f"return [({answer})]") == OutputNotFinite(output)


def test_answers_may_be_arrays_of_any_number(answering: Callable[..., Any]) -> None:
    result = answering(
        "return [(np.array([[0, 1, 2, 3], [4, 5, 6, 7]], np.int16), np.array([0.25, 0.5]), "
        "np.array([1, 0], np.uint8))]"
    )

    assert result.xyxy.tolist() == [[4, 5, 6, 7], [0, 1, 2, 3]]  # best first
    assert (result.score.tolist(), result.label.tolist()) == ([0.5, 0.25], [0, 1])


def test_it_is_timed_with_the_threads_that_run_says(
    project: Path, forget_modules: Callable[[], None]
) -> None:
    pytest.importorskip("torch")
    (project / "one.py").write_text(
        ONE_CLASS_FILE.replace(
            "{detect}",
            "import torch\n"
            "        assert torch.get_num_threads() == 3, torch.get_num_threads()\n"
            "        return [([], [], [])]",
        ).replace("{more}", "import torch")
    )
    detector = CachedDetector(
        ModelSource(None, framework="python", entry="one:Detector", folder=project),
        cache_dir=project / "cache",
        device="cpu",
        progress=NoProgress(),
        plan=RunPlan(threads=3),
    )

    assert len(detector.latency([project / "both.png"], 1).times_ms) == 1


@pytest.mark.parametrize(
    ("entry", "text", "message"),
    [
        ("two:Detector", "", r"module 'two' .* cannot be imported: .*it must be installed or in"),
        ("one:Detectr", "class Detector: pass", r"one has no 'Detectr'; did you mean 'Detector'"),
        ("one:Detector", "import gone", r"cannot be imported: ModuleNotFoundError: .*'gone'$"),
        ("one:Detector", "Detector = 3", "is a int, not a function"),
        ("one:make", "def make(checkpoint, device): return 3", "whose classes are None"),
        ("one:make", "def make(checkpoint): pass", "one:make fails: TypeError"),
        ("one:make", "def make(checkpoint, device): exit()", "one:make fails: SystemExit"),
        ("one:make", "class make:\n def __init__(*_): pass\n classes = property(lambda s: 1 / 0)",
         "one:make: its classes fails: ZeroDivisionError"),
        ("one:M", "class M:\n classes=['a']\n def __init__(*_): pass", "without a method detect"),
        ("one:M", "class M:\n classes=['a', 'a']\n def __init__(*_): pass", "each once"),
        ("one:M", "class M:\n classes=['a']\n score_floor=2\n def __init__(*_): pass\n"
         " def detect(s, i): pass", "score_floor is from 0 to 1, found 2"),
        ("one:M", "class M:\n classes=['a']\n device='cuda'\n def __init__(*_): pass\n"
         " def detect(s, i): pass", "should run on cpu, but reports that it runs on cuda"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_entry_is_said(
    project: Path, gate: Callable[..., CachedDetector], entry: str, text: str, message: str
) -> None:
    (project / "one.py").write_text(text)

    with pytest.raises(DetectorError, match=message):
        gate(entry).info()


@pytest.mark.skipif(visible_gpus() > 0, reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_not_said_to_be_used(
    project: Path, forget_modules: Callable[[], None]
) -> None:
    source = ModelSource(None, framework="python", entry="colours.finder:Colours", folder=project)
    with pytest.raises(DetectorError, match="device 'cuda:1': there is no such CUDA device here"):
        framework("python").load(source, sha256="", device="cuda:1", batch_size=None)


@pytest.mark.skipif(visible_gpus() > 0, reason="there is a GPU")
def test_a_gpu_that_torch_does_not_know_of_is_held_all_the_same() -> None:
    """As of ONNX Runtime beside a torch that was built for the CPU."""
    with exclusive("cuda:3"):
        pass


def test_pictures_that_cannot_be_read_are_no_failure(
    project: Path, gate: Callable[..., CachedDetector]
) -> None:
    (project / "text.png").write_text("no picture at all")
    (project / "cut.png").write_bytes((project / "both.png").read_bytes()[:60])
    images = [project / name for name in ("both.png", "text.png", "cut.png", "missing.png")]

    run = gate().detect(images)

    assert [type(run[image]) for image in images] == [ImageDetections, *[UnreadableImage] * 3]


def test_pictures_are_handed_over_in_batches(
    project: Path, gate: Callable[..., CachedDetector]
) -> None:
    for number in range(5):
        draw(project / f"{number}.png", (64, 48), (RED, (4, 6, 20, 10 + number)))
    images = [project / f"{number}.png" for number in range(5)]
    (project / "one.py").write_text(
        "class Sizes:\n"
        "    classes = ['box']\n"
        "    def __init__(self, checkpoint, device): pass\n"
        "    def detect(self, images):\n"
        "        return [([[0, 0, len(images), 1]], [0.5], ['box']) for image in images]\n"
    )

    run = gate("one:Sizes", batch_size=2).detect(images)

    listed = [run[image] for image in images]
    assert all(isinstance(entry, ImageDetections) for entry in listed)
    assert [entry.xyxy[0, 2] for entry in listed if isinstance(entry, ImageDetections)] == [
        2,
        2,
        2,
        2,
        1,
    ]


def test_a_picture_that_changes_in_between_is_looked_at_again(
    project: Path, gate: Callable[..., CachedDetector]
) -> None:
    image = project / "both.png"
    (project / "one.py").write_text(
        "from pathlib import Path\n"
        "from colours.finder import Colours\n"
        "class Changing(Colours):\n"
        "    asked = 0\n"
        "    def detect(self, images):\n"
        "        found = list(super().detect(images))\n"
        "        self.asked += 1\n"
        "        if self.asked == 1:\n"
        "            images[0].write_bytes(images[0].with_name('calm.png').read_bytes())\n"
        "        return found\n"
    )

    run = gate("one:Changing").detect([image])

    result = run[image]
    assert isinstance(result, ImageDetections)
    assert len(result.score) == 0  # what the file holds now


def test_it_is_timed_in_a_process_of_its_own(project: Path) -> None:
    timed = measure_latency(
        ModelSource(
            None,
            framework="python",
            entry="colours.finder:Colours",
            options={"score": 0.5},
            folder=project,
        ),
        [project / "both.png"] * 3,
        1,
        sha256="",
        device="cpu",
        progress=NoProgress(),
    )

    assert len(timed.times_ms) == 3
    assert all(time > 0 for time in timed.times_ms)
    assert timed.model_ms is None
    assert timed.model_share is None
    assert timed.model.classes == ("red", "blue")


def test_the_files_that_a_machine_without_the_project_needs(
    project: Path, forget_modules: Callable[[], None]
) -> None:
    (project / "colours" / "alone.py").write_text("import json\n", encoding="utf-8")

    def files(entry: str) -> set[str]:
        source = ModelSource(None, framework="python", entry=entry, folder=project)
        return {str(file.relative_to(project)) for file in framework("python").files(source)}

    own = {"colours/__init__.py", "colours/finder.py"}
    assert files("colours.finder:Colours") == own | {"colours/limits.py", "colours/names.py"}
    assert files("colours.alone:Made") == {"colours/__init__.py", "colours/alone.py"}
    assert files("json:load") == set()
