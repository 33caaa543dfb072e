"""The frameworks that the gate itself has."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

from pytest_detgate.config.tables.torchvision_options import TorchvisionOptions
from pytest_detgate.config.tables.transformers_options import TransformersOptions
from pytest_detgate.detector.dependencies.project_code import of_project
from pytest_detgate.detector.devices import gpu_count
from pytest_detgate.detector.framework import Framework
from pytest_detgate.detector.mmdet.config_files import load_config, plain_digest
from pytest_detgate.detector.onnx.file import read_onnx_file, weight_files
from pytest_detgate.detector.openvino.files import metadata_file, network_in, weights_beside
from pytest_detgate.detector.packages import quiet, require_mmdetection, require_packages
from pytest_detgate.detector.protocol import LoadedModel, ModelSource
from pytest_detgate.detector.python.code import code_of, importable
from pytest_detgate.detector.torch_models.model_folder import folder_files, weights_of


class MMDetection(Framework):
    """Checkpoints of MMDetection."""

    takes_config = True
    takes_precision = True
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
        return plain_digest(source.config)

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


class _FilesAlone(Framework):
    """A framework whose models have no configuration besides their files and the options."""

    def configured(self, source: ModelSource) -> str | None:
        return ""


class Onnx(_FilesAlone):
    """ONNX files, run by ONNX Runtime."""

    takes_every_gpu = True

    def load(
        self, source: ModelSource, *, sha256: str, device: str, batch_size: int | None
    ) -> LoadedModel:
        from pytest_detgate.detector.onnx.model import load_model

        return load_model(source, sha256=sha256, device=device)

    def files(self, source: ModelSource) -> tuple[Path, ...]:
        """Return the files with its weights."""
        if source.checkpoint is None:
            return ()
        return weight_files(source.checkpoint, read_onnx_file(source.checkpoint))

    def gpu_count(self) -> int:
        from pytest_detgate.detector.onnx.model import runs_on_gpus

        return super().gpu_count() if runs_on_gpus() else 0


class OpenVino(_FilesAlone):
    """Models of OpenVINO, run on the CPU."""

    def load(
        self, source: ModelSource, *, sha256: str, device: str, batch_size: int | None
    ) -> LoadedModel:
        from pytest_detgate.detector.openvino.model import load_model

        return load_model(source, sha256=sha256, device=device)

    def checkpoint(self, path: Path) -> Path:
        """Return the network of a folder, as Ultralytics exports it."""
        return network_in(path)

    def files(self, source: ModelSource) -> tuple[Path, ...]:
        """Return the file with its weights, and the one that describes them."""
        if source.checkpoint is None:
            return ()
        described = metadata_file(source.checkpoint)
        weights = weights_beside(source.checkpoint)
        return (weights,) if described is None else (weights, described)

    def gpu_count(self) -> int:
        return 0


class Torchvision(_FilesAlone):
    """State dictionaries of the detectors of torchvision."""

    options = TorchvisionOptions
    takes_precision = True
    takes_every_gpu = True

    def load(
        self, source: ModelSource, *, sha256: str, device: str, batch_size: int | None
    ) -> LoadedModel:
        require_packages(
            ("torch", "torchvision"), what="running a model of torchvision", extra="torchvision"
        )
        with quiet():
            from pytest_detgate.detector.torch_models.torchvision import load_model
        return load_model(source, sha256=sha256, device=device, batch_size=batch_size)

    def gpu_count(self) -> int:
        return gpu_count()


class Transformers(_FilesAlone):
    """Folders that `save_pretrained` of transformers wrote."""

    options = TransformersOptions
    takes_precision = True
    takes_every_gpu = True

    def load(
        self, source: ModelSource, *, sha256: str, device: str, batch_size: int | None
    ) -> LoadedModel:
        require_packages(
            ("torch", "safetensors", "transformers"),
            what="running a model of transformers",
            extra="transformers",
        )
        with quiet():
            from pytest_detgate.detector.torch_models.transformers import load_model
        return load_model(source, sha256=sha256, device=device, batch_size=batch_size)

    def checkpoint(self, path: Path) -> Path:
        """Return the file with the weights in a folder."""
        return weights_of(path) if path.is_dir() else path

    def files(self, source: ModelSource) -> tuple[Path, ...]:
        """Return its configurations, and the parts of its weights."""
        return () if source.checkpoint is None else folder_files(source.checkpoint)

    def gpu_count(self) -> int:
        return gpu_count()


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
