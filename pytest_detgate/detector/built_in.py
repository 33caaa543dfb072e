"""The frameworks that the gate itself has: MMDetection, ONNX files and functions of the project."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

from pytest_detgate.detector.dependencies.project_code import of_project
from pytest_detgate.detector.devices import gpu_count
from pytest_detgate.detector.framework import Framework
from pytest_detgate.detector.mmdet.config import config_digest, custom_imports
from pytest_detgate.detector.mmdet.config_files import load_config, resolved_config
from pytest_detgate.detector.mmdet.plain_config import has_plain_values
from pytest_detgate.detector.onnx.file import read_onnx_file, weight_files
from pytest_detgate.detector.packages import quiet, require_mmdetection
from pytest_detgate.detector.protocol import LoadedModel, ModelSource
from pytest_detgate.detector.python.code import code_of, importable


class MMDetection(Framework):
    """Checkpoints of MMDetection."""

    takes_config = True
    takes_every_gpu = True

    def load(
        self, source: ModelSource, *, sha256: str, device: str, batch_size: int | None
    ) -> LoadedModel:
        require_mmdetection()
        with quiet():
            from pytest_detgate.detector.mmdet.loader import load_model
        return load_model(source, sha256=sha256, device=device, batch_size=batch_size)

    def configured(self, source: ModelSource) -> str | None:
        """Return a digest of the resolved configuration; empty if it is in the checkpoint.

        None if code of the project is part of the model.
        """
        if source.config is None:
            return None if source.trust else ""
        if importlib.util.find_spec("mmengine") is None:
            return None  # loading reports that it is not installed
        if not has_plain_values(source.config):
            return None
        values = resolved_config(source.config)
        if custom_imports(values):
            return None
        return config_digest(values)

    def files(self, source: ModelSource) -> tuple[Path, ...]:
        """Return the files that the configuration was made of; it is run for that."""
        if source.config is None:
            return ()
        require_mmdetection()
        files = load_config(source.config).files
        # It may have read other files, too; private files of the user elsewhere must not be sent to
        # other machines.
        code = [path for path in files if path.suffix == ".py"]
        common = Path(os.path.commonpath([path.parent for path in code]))
        return tuple(path for path in files if path.suffix == ".py" or common in path.parents)

    def gpu_count(self) -> int:
        return gpu_count()


class Onnx(Framework):
    """ONNX files, run by ONNX Runtime."""

    takes_every_gpu = True

    def load(
        self, source: ModelSource, *, sha256: str, device: str, batch_size: int | None
    ) -> LoadedModel:
        from pytest_detgate.detector.onnx.model import load_model

        return load_model(source, sha256=sha256, device=device)

    def configured(self, source: ModelSource) -> str | None:
        """Return empty text: the file and the options are the whole configuration."""
        return ""

    def files(self, source: ModelSource) -> tuple[Path, ...]:
        """Return the files with its weights."""
        if source.checkpoint is None:
            return ()
        return weight_files(source.checkpoint, read_onnx_file(source.checkpoint))

    def gpu_count(self) -> int:
        from pytest_detgate.detector.onnx.model import runs_on_gpus

        return super().gpu_count() if runs_on_gpus() else 0


class PythonEntry(Framework):
    """Functions of the project that make a detector."""

    needs_checkpoint = False

    def load(
        self, source: ModelSource, *, sha256: str, device: str, batch_size: int | None
    ) -> LoadedModel:
        from pytest_detgate.detector.python.entry import load_model

        return load_model(source, sha256=sha256, device=device, batch_size=batch_size)

    def own_modules(self, source: ModelSource) -> tuple[str, ...]:
        """Return the module of the entry."""
        from pytest_detgate.detector.python.entry import module_of

        return (module_of(source),)

    def files(self, source: ModelSource) -> tuple[Path, ...]:
        """Return the project modules of the entry, by their import statements."""
        from pytest_detgate.detector.python.entry import module_of

        with importable(source.folder):
            return code_of(module_of(source)).files

    def is_fresh(self, source: ModelSource) -> bool:
        """Return whether no module of the project is loaded, except tests."""
        from pytest_detgate.detector.python.entry import module_of

        name = module_of(source)
        if name in sys.modules:
            return False
        try:
            with importable(source.folder):
                code = {str(path) for path in code_of(name).files}
        except (SyntaxError, ValueError):  # loading says what is wrong
            code = set()
        loaded = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
        folder = "" if source.folder is None else f"{source.folder.absolute()}{os.sep}"
        return not any(
            str(path) in code or (folder and str(path).startswith(folder) and not _is_test(path))
            for path in of_project(loaded)
        )


def _is_test(path: Path) -> bool:
    return path.name == "conftest.py" or path.name.startswith("test_") or "tests" in path.parts
