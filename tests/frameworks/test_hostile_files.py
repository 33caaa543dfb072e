"""Files that would run code or read elsewhere, through the loader of every framework."""

from __future__ import annotations

import builtins
import importlib.util
import json
import os
import pickle
import struct
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_detgate.detector.mmdet.checkpoint import read_checkpoint
from pytest_detgate.detector.packages import quiet
from pytest_detgate.detector.protocol import ModelSource
from pytest_detgate.detector.registry import framework
from pytest_detgate.detector.workers.loading import load_detector
from pytest_detgate.errors import DetectorError
from tests.detector.onnx_models import write_model
from tests.hostile.make import write_weights

_watched: list[str] = []
_outside: list[str] = []
_events: list[str] = []


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watched:
        return
    if event in ("os.system", "subprocess.Popen", "socket.connect", "socket.getaddrinfo"):
        _events.append(event)
    if event == "open" and any(str(arguments[0]).startswith(entry) for entry in _outside):
        _events.append(f"open {arguments[0]}")


sys.addaudithook(_note)


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Path]:
    """A folder for a model, beside a secret that nothing may read and a mark nothing may make."""
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "weights.bin").write_bytes(b"\0" * 4096)
    _events.clear()
    _outside[:] = [str(tmp_path / "secret")]
    yield folder
    _watched.clear()
    _outside.clear()
    assert not (tmp_path / "ran").exists()
    assert _events == []


class _Runs:
    """An object whose pickle makes a folder when it is loaded."""

    def __init__(self, call: Callable[..., Any], *arguments: Any) -> None:
        self._reduced = (call, arguments)

    def __reduce__(self) -> Any:
        return self._reduced


def _pickles(mark: Path) -> dict[str, bytes]:
    code = f"__import__('os').mkdir({str(mark)!r})"
    system = pickle.dumps(_Runs(importlib.import_module("os").system, f"mkdir {mark}"), 2)
    return {
        "system": system,
        "eval": pickle.dumps({"state_dict": _Runs(builtins.eval, code)}, 2),
        "exec": pickle.dumps({"model": _Runs(builtins.exec, code)}, 2),
        "getattr": pickle.dumps(
            {"model": _Runs(builtins.getattr, importlib.import_module("pathlib").Path, "mkdir")}, 2
        ),
        "import": pickle.dumps({"model": _Runs(importlib.import_module, "antigravity")}, 2),
    }


def _torch_file(path: Path, program: bytes, *, method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("archive/data.pkl", program)
        archive.writestr("archive/version", "3\n")
    return path


def _load(
    name: str, path: Path, options: dict[str, Any] | None = None, *, trust: bool = False
) -> None:
    if name == "mmdetection":
        read_checkpoint(path, trust=trust)
        return
    needed = {"torchvision": "torchvision", "transformers": "transformers", "openvino": "openvino"}
    needed["onnx"] = "onnxruntime"
    if importlib.util.find_spec(needed[name]) is None:
        pytest.skip(f"{needed[name]} is not installed")
    made = framework(name)
    if name == "transformers":
        # Its lazy modules ask for the machine's properties, some in a process, when first used.
        with quiet():
            from transformers import AutoImageProcessor, YolosForObjectDetection  # noqa: F401

            from pytest_detgate.detector.torch_models import transformers  # noqa: F401
    _watched.append(name)
    try:
        source = ModelSource(
            made.checkpoint(path), framework=name, options=options or {}, trust=trust
        )
        made.load(source, sha256="0" * 64, device="cpu", batch_size=None)
    finally:
        _watched.clear()


TORCHVISION = {"builder": "ssdlite320_mobilenet_v3_large", "classes": ["red", "blue"]}
CHECKPOINTS: dict[str, dict[str, Any]] = {"mmdetection": {}, "torchvision": TORCHVISION}


@pytest.mark.parametrize("kind", ["system", "eval", "exec", "getattr", "import"])
@pytest.mark.parametrize("name", CHECKPOINTS)
def test_pickles_run_nothing(name: str, kind: str, box: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    program = _pickles(box.parent / "ran")[kind]

    for path in (_torch_file(box / "zip.pth", program), box / "bare.pth"):
        if path.name == "bare.pth":
            path.write_bytes(program)
        with pytest.raises(DetectorError) as caught:
            _load(name, path, CHECKPOINTS[name])
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["mmdetection", "torchvision", "transformers", "onnx", "openvino"])
def test_hostile_checkpoints_run_nothing_anywhere(name: str, box: Path) -> None:
    """Those that are made for the reader of checkpoints, through every loader.

    Takes some seconds: there are many of them.
    """
    pytest.importorskip("torch", reason="torch is not installed")
    written = [
        weights_file
        for weights_file in write_weights(box.parent / "secret")
        if weights_file.content
    ]
    assert len(written) > 100

    for entry in written:
        content = entry.path.read_bytes()
        path = box / f"{entry.name}.pth"
        if name == "transformers":
            _write_folder(box)
            path = box
            (box / "model.safetensors").write_bytes(content)
        elif name in ("onnx", "openvino"):
            path = box / {"onnx": "model.onnx", "openvino": "model.xml"}[name]
            path.write_bytes(content)
            (box / "model.bin").write_bytes(content)
        else:
            path.write_bytes(content)
        with pytest.raises(DetectorError) as caught:
            _load(name, path, CHECKPOINTS.get(name))
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 700
        assert not entry.canary.exists(), entry.name


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_zip_bombs_are_not_unpacked(name: str, box: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    path = _torch_file(box / "bomb.pth", b"\0" * 200_000_000, method=zipfile.ZIP_DEFLATED)

    with pytest.raises(DetectorError, match=r"unpack to 200,000,002 bytes"):
        _load(name, path, CHECKPOINTS[name])


@pytest.mark.parametrize("trust", [False, True])
@pytest.mark.parametrize("module", ["ultralytics.nn.tasks", "models.yolo"])
@pytest.mark.parametrize("name", CHECKPOINTS)
def test_a_file_of_ultralytics_names_its_export(
    name: str, module: str, trust: bool, box: Path
) -> None:
    """What `best.pt` holds: the pickled model, whose layers are asked for before its class ends."""
    pytest.importorskip("torch", reason="torch is not installed")
    program = (
        b"\x80\x02}(X\x05\x00\x00\x00epochK\x07X\x05\x00\x00\x00model"
        + f"c{module}\nDetectionModel\n".encode()
        + b")\x81}X\x08\x00\x00\x00_modules"
        + b"ctorch.nn.modules.container\nSequential\n)\x81sbu."
    )
    path = _torch_file(box / "best.pt", program)

    with pytest.raises(DetectorError, match=r"yolo export model=best\.pt format=onnx$"):
        _load(name, path, CHECKPOINTS[name], trust=trust)


def _write_folder(folder: Path, **config: Any) -> None:
    content = {"model_type": "yolos", "architectures": ["YolosForObjectDetection"], **config}
    (folder / "config.json").write_text(json.dumps(content))
    (folder / "preprocessor_config.json").write_text(
        json.dumps({"image_processor_type": "YolosImageProcessor"})
    )
    header = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    (folder / "model.safetensors").write_bytes(
        struct.pack("<Q", len(header)) + header + np.zeros(1, np.float32).tobytes()
    )


CONFIGURATIONS: dict[str, tuple[dict[str, Any], str]] = {
    "remote code": ({"auto_map": {"AutoConfig": "evil.Evil"}}, "auto_map .* asks for code"),
    "nested": (
        {"backbone_config": {"auto_map": {"AutoModel": "e.E"}}},
        "auto_map .* asks for code",
    ),
    "kernel": ({"_attn_implementation": "someone/kernel"}, "names code that is not in"),
    "kernels": ({"attn_implementation": {"": "someone/kernel"}}, "names code that is not in"),
    "quantised": ({"quantization_config": {"quant_method": "x"}}, "quantization_config .* code"),
    "weights": ({"transformers_weights": "../secret/weights.bin"}, "weights that are elsewhere"),
    "backbone": ({"backbone": "../secret"}, "its backbone '../secret' is elsewhere"),
    "folder of timm": ({"backbone": "local-dir:secret"}, "'local-dir:secret' is elsewhere"),
    "hub of timm": (
        {"backbone_config": {"model_type": "timm_wrapper", "architecture": "hf-hub:a"}},
        "its architecture 'hf-hub:a' is elsewhere",
    ),
    "other configurations": (
        {"configuration_files": ["config.4.0.0.json"]},
        "configuration_files in it names other configurations",
    ),
}


@pytest.mark.parametrize("kind", CONFIGURATIONS)
def test_configurations_name_no_code(kind: str, box: Path) -> None:
    changes, message = CONFIGURATIONS[kind]
    _write_folder(box, **changes)
    (box / "evil.py").write_text(f"import os; os.mkdir({str(box.parent / 'ran')!r})")

    with pytest.raises(DetectorError, match=message):
        _load("transformers", box)


def test_processors_name_no_code(box: Path) -> None:
    _write_folder(box)
    (box / "evil.py").write_text(f"import os; os.mkdir({str(box.parent / 'ran')!r})")
    content = {"auto_map": {"AutoImageProcessor": "evil.Evil"}}
    (box / "preprocessor_config.json").write_text(json.dumps(content))

    with pytest.raises(
        DetectorError, match=r"preprocessor_config\.json: refused, because auto_map"
    ):
        _load("transformers", box)


def test_pickled_weights_are_not_read(box: Path) -> None:
    _write_folder(box)
    (box / "model.safetensors").unlink()
    (box / "pytorch_model.bin").write_bytes(_pickles(box.parent / "ran")["system"])

    with pytest.raises(DetectorError, match=r"pytorch_model\.bin, a pickle, which is not read"):
        _load("transformers", box)


@pytest.mark.parametrize(
    "part",
    ["../secret/weights.safetensors", "..\\secret\\a.safetensors", "a.bin", "C:a.safetensors"],
)
def test_parts_of_weights_stay_in_the_folder(part: str, box: Path) -> None:
    _write_folder(box)
    (box / "model.safetensors").unlink()
    (box / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": part}}))

    with pytest.raises(DetectorError, match=r"refused, because '.*' is (outside|no safetensors)"):
        _load("transformers", box)


@pytest.mark.parametrize(
    "part", ["a" * 5000 + ".safetensors", "a\0.safetensors", "\ud800.safetensors"]
)
def test_parts_of_weights_have_names_of_files(part: str, box: Path) -> None:
    _write_folder(box)
    (box / "model.safetensors").unlink()
    (box / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": part}}))

    with pytest.raises(DetectorError, match=r"there is no file '") as caught:
        _load("transformers", box)

    assert len(str(caught.value)) < 700
    assert str(caught.value).isprintable()


HEADERS = {
    "empty": b"",
    "short": b"\x01",
    "longer than the file": struct.pack("<Q", 2**40) + b"{}",
    "most": struct.pack("<Q", 2**64 - 1),
    "no JSON": struct.pack("<Q", 4) + b"}}}}",
    "offsets": struct.pack("<Q", 57) + b'{"a":{"dtype":"F32","shape":[9],"data_offsets":[0,9999]}}',
}


@pytest.mark.parametrize("kind", HEADERS)
def test_wrong_headers_of_safetensors(kind: str, box: Path) -> None:
    _write_folder(box)
    (box / "model.safetensors").write_bytes(HEADERS[kind])

    with pytest.raises(DetectorError, match=r"header is cut off|cannot load it") as caught:
        _load("transformers", box)

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "expected an object"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("", "not JSON"),
    ],
)
def test_damaged_configurations(content: str, message: str, box: Path) -> None:
    _write_folder(box)
    (box / "config.json").write_text(content)

    with pytest.raises(DetectorError, match=rf"config\.json: .*{message}"):
        _load("transformers", box)


def test_onnx_weights_stay_in_the_folder(box: Path) -> None:
    pytest.importorskip("onnx", reason="onnx is not installed")
    write_model(box / "colours.onnx", weights_in="weights.bin")
    content = (box / "colours.onnx").read_bytes()
    (box / "colours.onnx").write_bytes(content.replace(b"weights.bin", b"../secret/w"))

    with pytest.raises(DetectorError, match=r"refused, because it takes weights from '\.\./secret"):
        _load("onnx", box / "colours.onnx")


@pytest.mark.parametrize(
    "location", ["a\0b", "a" * 5000, ".", "loop", "pipe", "*/_ORT_MEM_ADDR_/*"]
)
def test_onnx_weights_are_files(location: str, box: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    write_model(box / "colours.onnx", weights_in="weights.bin")
    (box / "loop").symlink_to("loop")
    if hasattr(os, "mkfifo"):
        os.mkfifo(box / "pipe")
    model = onnx.load(box / "colours.onnx", load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = location
    (box / "colours.onnx").write_bytes(model.SerializeToString())

    with pytest.raises(
        DetectorError, match=r"colours\.onnx: (refused|its weights are in)"
    ) as caught:
        _load("onnx", box / "colours.onnx")

    assert len(str(caught.value)) < 700
    assert str(caught.value).isprintable()


SETTINGS = {
    "detgate.layout": "boxes-scores-labels",
    "detgate.channel-order": "rgb",
    "detgate.divide-by": "1",
    "detgate.resize": "stretch",
    "detgate.score-floor": "0.1",
}
LONG = f"0x{'f' * 5000}"


def test_names_in_onnx_of_more_digits_than_python_shows(box: Path) -> None:
    pytest.importorskip("onnx", reason="onnx is not installed")
    write_model(box / "colours.onnx", metadata={**SETTINGS, "names": f"{{0: {LONG}, 1: 'b'}}"})

    with pytest.raises(DetectorError, match=r"colours\.onnx: classes is missing"):
        _load("onnx", box / "colours.onnx")


@pytest.mark.parametrize(
    "more", [{"imgsz": f"[{LONG}, 1]"}, {"imgsz": "[-1, 0]"}, {"detgate.epoch": "9" * 5000}]
)
def test_numbers_in_onnx_that_nothing_can_have_are_left_out(
    more: dict[str, str], box: Path
) -> None:
    pytest.importorskip("onnx", reason="onnx is not installed")
    metadata = {**SETTINGS, "names": "{0: 'red', 1: 'blue'}", **more}
    write_model(box / "colours.onnx", metadata=metadata)

    _load("onnx", box / "colours.onnx")


def test_half_letters_in_onnx_are_no_class(box: Path) -> None:
    pytest.importorskip("onnx", reason="onnx is not installed")
    metadata = {**SETTINGS, "names": r"{0: '\ud800', 1: 'b'}"}
    write_model(box / "colours.onnx", metadata=metadata)
    source = ModelSource(box / "colours.onnx", framework="onnx")

    with pytest.raises(
        DetectorError, match=r"colours\.onnx: the name '\\ud800', of .* is not Unicode"
    ):
        load_detector(source, sha256="0" * 64, device="cpu")


def test_openvino_reads_no_other_format(box: Path) -> None:
    """OpenVINO looks at the content of a file, and would read an ONNX file with this name."""
    pytest.importorskip("openvino", reason="openvino is not installed")
    pytest.importorskip("onnx", reason="onnx is not installed")
    write_model(box / "colours.onnx")
    (box / "colours.onnx").rename(box / "colours.xml")
    (box / "colours.bin").write_bytes(b"")

    with pytest.raises(DetectorError, match=r"colours\.xml: .* it is no XML$"):
        _load("openvino", box / "colours.xml")


@pytest.mark.parametrize("dtype", ["int8", "complex64", "bool"])
def test_torchvision_converts_no_weights(dtype: str, box: Path) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    state = _ssd_state()
    first = next(iter(state))
    state[first] = state[first].to(getattr(torch, dtype))
    torch.save(state, box / "ssd.pth")

    with pytest.raises(
        DetectorError, match=rf"1 weight is of another type .*\({dtype} for float32\)"
    ):
        _load("torchvision", box / "ssd.pth", TORCHVISION)


@pytest.mark.parametrize("name", ["a\n\x1b[31m::error", "k" * 100_000, "\ud800"])
def test_names_of_weights_are_shown_on_a_line(name: str, box: Path) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    torch.save({**_ssd_state(), name: torch.zeros(1)}, box / "more.pth")
    torch.save({name: 1}, box / "other.pth")

    for path in (box / "more.pth", box / "other.pth"):
        with pytest.raises(DetectorError, match=r"in addition|it holds") as caught:
            _load("torchvision", path, TORCHVISION)
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 700


def _ssd_state() -> dict[str, Any]:
    models = pytest.importorskip("torchvision", reason="torchvision is not installed").models
    builder = models.get_model_builder(TORCHVISION["builder"])
    state: dict[str, Any] = builder(weights=None, weights_backbone=None, num_classes=3).state_dict()
    return state


NETWORKS = {
    "nothing": "",
    "no XML": "<<<",
    "an entity": '<!DOCTYPE a [<!ENTITY x SYSTEM "file://{secret}/weights.bin">]><net>&x;</net>',
    "unknown": '<net name="a" version="11"><layers><layer id="0" name="a" type="Evil" '
    'version="extension"><data library="{secret}/evil.so"/></layer></layers><edges/></net>',
    "weights elsewhere": '<net name="a" version="11"><layers><layer id="0" name="a" type="Const" '
    'version="opset1"><data element_type="f32" shape="1" offset="1099511627776" size="4"/>'
    '<output><port id="0" precision="FP32"><dim>1</dim></port></output></layer></layers>'
    "<edges/></net>",
}


@pytest.mark.parametrize("kind", NETWORKS)
def test_networks_of_openvino(kind: str, box: Path) -> None:
    secret = str(box.parent / "secret")
    (box / "net.xml").write_text(NETWORKS[kind].replace("{secret}", secret))
    (box / "net.bin").write_bytes(b"\0" * 64)

    with pytest.raises(DetectorError, match=r"net\.xml: ") as caught:
        _load("openvino", box / "net.xml")

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        "a: &a [1]\nb: [*a, *a]\n",
        "!!python/object/apply:os.mkdir [ran]\n",
        "[1, 2]\n",
        "a: [\n",
        f"names: {{0: 0x{'f' * 5000}}}\n",
        "[" * 100_000,
        "a: b\n" * 50_000,
    ],
)
def test_descriptions_beside_openvino(content: str, box: Path) -> None:
    pytest.importorskip("openvino", reason="openvino is not installed")
    pytest.importorskip("onnx", reason="onnx is not installed")
    from tests.frameworks.test_openvino import convert

    convert(box / "colours.xml")
    (box / "metadata.yaml").write_text(content)

    with pytest.raises(DetectorError, match=r"metadata\.yaml: ") as caught:
        _load("openvino", box / "colours.xml")

    assert "\n" not in str(caught.value)
