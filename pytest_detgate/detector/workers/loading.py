"""Load and run a detector within a worker."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from pytest_detgate.detector.dependencies.model_making import make_model
from pytest_detgate.detector.devices import device_type
from pytest_detgate.detector.name_lists import shown_name
from pytest_detgate.detector.protocol import Detected, Detector, LoadedModel, ModelSource
from pytest_detgate.detector.registry import framework
from pytest_detgate.errors import DetectorError, DetgateError
from pytest_detgate.printable import is_unicode, printable

_LONGEST = 300
"""Letters of an error that is not ours."""


def load_detector(
    source: ModelSource,
    *,
    sha256: str,
    device: str,
    batch_size: int | None = None,
    project: str | None = None,
) -> LoadedModel:
    """Load the model of `source` onto a device of this process, and record its dependencies.

    `project` is the folder of its project on the machine of the gate, if that is another one.
    Torch uses `source.threads`: with another number of threads, numbers are added in another order,
    which changes the last digits of detections on a CPU.
    """
    model_framework = framework(source.framework)

    def load() -> LoadedModel:
        with _one_message(source):
            loaded = model_framework.load(
                source, sha256=sha256, device=device, batch_size=batch_size
            )
            _require_unicode(loaded.detector.info.classes, source)
        return loaded

    loaded = make_model(load, source, model_framework.own_modules(source), project)
    torch = sys.modules.get("torch")
    if source.threads is not None and torch is not None:
        torch.set_num_threads(source.threads)
    return loaded


@contextlib.contextmanager
def _one_message(source: ModelSource) -> Iterator[None]:
    """Make each error of a model one `DetectorError` without control characters.

    What is in a file of a model becomes part of its errors, and can make any package that reads it
    raise any error.
    """
    try:
        yield
    except DetectorError as error:
        if (text := printable(str(error))) == str(error):
            raise
        raise DetectorError(text, of_data=error.of_data) from error
    except DetgateError:
        raise
    except UnicodeEncodeError as error:
        raise _not_unicode(error.object, source) from error
    except Exception as error:
        what = printable(f"{type(error).__name__}: {error}")[:_LONGEST]
        raise DetectorError(f"{source.name}: the model cannot be loaded: {what}") from error


def _require_unicode(classes: Sequence[str], source: ModelSource) -> None:
    for name in classes:
        if not is_unicode(name):
            raise _not_unicode(name, source)


def _not_unicode(name: str, source: ModelSource) -> DetectorError:
    return DetectorError(
        f"{source.name}: the name '{shown_name(name)}', of a class or a part of the model, is not "
        "Unicode text"
    )


def detect_in_worker(
    detector: Detector, images: Sequence[Path], *, forks: bool
) -> Iterator[Detected]:
    """Run a detector within a worker; without `forks` it starts no processes."""
    in_turn = getattr(detector, "in_turn", None)
    # A worker uses its core alone: on a CPU, reading ahead would slow down the model.
    if in_turn is None or (forks and device_type(detector.device) == "cuda"):
        return detector.detect(images)
    detected: Iterator[Detected] = in_turn(images)
    return detected
