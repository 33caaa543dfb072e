"""All hostile checkpoints, written to a folder."""

from __future__ import annotations

import copy
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.hostile import configurations, containers, pickles


@dataclass(frozen=True)
class Hostile:
    """A file, what is made where it runs, and a part of the message that refuses it: for its
    `content` as soon as it is read, for its `configuration` when a model is to be built of it.
    Where both are empty it is read and nothing in it does harm.

    `unguarded` says how it runs where nothing guards: by `pickle`, or by a `build` of the model.
    """

    path: Path
    canary: Path
    content: str = ""
    configuration: str = ""
    unguarded: str = ""

    @property
    def name(self) -> str:
        return self.path.stem


def write_all(folder: Path, checkpoint: Path) -> list[Hostile]:
    """Write every hostile file, made of a good `checkpoint` of MMDetection."""
    made = [*write_weights(folder), *_configurations(folder, checkpoint)]
    assert len({case.name for case in made}) == len(made)
    return made


def write_weights(folder: Path) -> list[Hostile]:
    """Write those whose configuration does no harm; this needs torch alone."""
    return [*_pickles(folder), *_containers(folder)]


def _pickles(folder: Path) -> list[Hostile]:
    made = []
    for name in pickles.touching(folder):
        canary = folder / f"{name}.canary"
        content = pickles.touching(canary)[name]
        _write_payloads(canary)
        (folder / f"{name}.pickle").write_bytes(content)
        for form, wrapped in (
            ("zip", containers.in_zip(content)),
            ("older", containers.in_older_format(content)),
        ):
            path = folder / f"{name}-in-{form}.pth"
            path.write_bytes(wrapped)
            unguarded = "pickle" if form == "zip" else ""
            made.append(Hostile(path, canary, content="x", unguarded=unguarded))
    odd = {**pickles.of_odd_steps(), **pickles.of_copies()}
    for name, content in {**pickles.of_extensions(), **pickles.broken(), **odd}.items():
        path = folder / f"{name}.pth"
        path.write_bytes(containers.in_zip(content))
        made.append(Hostile(path, folder / f"{name}.canary", content="x"))
    for name, content in pickles.of_tensors().items():
        path = folder / f"{name}.pth"
        path.write_bytes(containers.in_zip(content, data__0=bytes(16)))
        made.append(Hostile(path, folder / f"{name}.canary", content="x"))
    return made


def _write_payloads(canary: Path) -> None:
    """Files that some pickles have others run or unpickle."""
    import numpy as np

    class Touching:
        def __reduce__(self) -> tuple[Any, ...]:
            return exec, (f"open({str(canary)!r}, 'w').close()",)

    Path(f"{canary}.payload.py").write_text(f"open({str(canary)!r}, 'w').close()", "utf-8")
    np.save(f"{canary}.payload.npy", np.array([Touching()], dtype=object), allow_pickle=True)


def _containers(folder: Path) -> list[Hostile]:
    canary = folder / "containers.canary"
    call = pickles.touching(canary)["reduce-of-a-global"]
    harmless = b"}" + pickles.text("state_dict") + b"}s."
    contents = {
        "bare-pickle": call,
        "tar": containers.in_tar(call),
        "torch-script": containers.torch_script(folder),
        "bomb": containers.bomb(),
        **containers.altered(),
        **containers.of_odd_entries(harmless),
        "program-among-the-records": containers.in_zip(
            harmless, **{"constants.pkl": call, "code____torch__.py": b"import os"}
        ),
        "pickle-before-the-zip": call + containers.in_zip(call),
        **{
            f"older-{position}": containers.in_older_format(call, where=position)
            for position in ("magic", "protocol", "system", "keys")
        },
        "storage-too-short": containers.tensor_of(4, 4, stored=2),
        "storage-too-long": containers.tensor_of(4, 4, stored=40),
        "storage-of-a-terabyte": containers.tensor_of(1 << 40, 4, stored=4),
        "storage-below-zero": containers.tensor_of(-4, 4, stored=4),
        "tensor-beyond-its-storage": containers.tensor_of(4, 400, stored=4),
        "tensor-before-its-storage": containers.tensor_of(4, 4, stored=4, offset=-1000),
        "tensor-behind-its-storage": containers.tensor_of(4, 4, stored=4, offset=1000),
    }
    made = []
    for name, content in contents.items():
        path = folder / f"{name}.pth"
        path.write_bytes(content)
        made.append(Hostile(path, canary, content="x"))
    # Of which nothing is read: it is then a checkpoint without a configuration.
    unread = {
        "pickle-among-the-records": containers.in_zip(harmless, data__0=call, more__pkl=call),
        **containers.led_elsewhere(harmless),
    }
    for name, content in unread.items():
        path = folder / f"{name}.pth"
        path.write_bytes(content)
        made.append(Hostile(path, canary, configuration="holds no configuration of MMEngine"))
    return made


def _configurations(folder: Path, checkpoint: Path) -> list[Hostile]:
    import torch

    good = torch.load(checkpoint, map_location="cpu", weights_only=False)
    beside = folder / "beside.canary"
    configurations.write_beside(folder, beside)
    made = []
    for name in configurations.attacks(folder, folder):
        canary = folder / f"stored-{name}.canary"
        stored = configurations.attacks(folder, canary)[name]
        content = copy.deepcopy(good)
        content["meta"]["cfg"] = stored.within(content["meta"]["cfg"])
        if not stored.has_classes:
            del content["meta"]["dataset_meta"]
        path = folder / f"stored-{name}.pth"
        buffer = io.BytesIO()
        torch.save(content, buffer)
        path.write_bytes(buffer.getvalue())
        made.append(
            Hostile(
                path,
                canary,
                configuration=stored.why,
                unguarded="build" if stored.runs else "",
            )
        )
    return made
