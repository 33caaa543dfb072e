"""Messages between a gate and its workers: plain data in MessagePack, nothing pickled."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any, TypeAlias

import msgspec
import numpy as np

from pytest_detgate.detections import ImageDetections, ModelInfo, OutputNotFinite, UnreadableImage
from pytest_detgate.detector.dependencies.state import Dependencies
from pytest_detgate.detector.protocol import (
    Detected,
    ModelSource,
    ProvisionalDetected,
    UncacheableDetected,
)


class LoadModel(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """To a worker: load this model.

    `sha256` is that of the checkpoint, empty without one. With `verify` the worker checks that its
    file has this digest, with `holds_gpu` it lets no other gate use its GPU during a batch.
    `project` is the folder of the model's project on the machine of the gate, if that is another
    one.
    """

    source: ModelSource
    sha256: str
    device: str
    batch_size: int | None = None
    verify: bool = False
    holds_gpu: bool = False
    project: str | None = None


class ModelLoaded(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """From a worker: the model is loaded, and this is what it was loaded from.

    `gate` is the version of pytest-detgate that the worker has.
    """

    gate: str
    info: ModelInfo
    device: str
    dependencies: Dependencies
    versions: dict[str, str]

    @property
    def files(self) -> tuple[str, ...]:
        """The files that it was loaded from, without the checkpoint."""
        return tuple(sorted(self.dependencies.files))


class SentImage(msgspec.Struct, frozen=True, kw_only=True):
    """An image file, with its content if the worker may not have the file.

    `problem` says why there is no content to send.
    """

    path: str
    content: bytes | None = None
    problem: str | None = None


class DetectBatch(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """To a worker: detect on these images."""

    number: int
    images: tuple[SentImage, ...]


class PackedResult(msgspec.Struct, frozen=True, kw_only=True):
    """The detections on one image: arrays as the bytes of little-endian numbers.

    `problem` says why the image cannot be read, `not_finite` which output was NaN or infinity.
    `uncacheable` and `missing` are those of `UncacheableDetected` and `ProvisionalDetected`.
    """

    sha256: str = ""
    xyxy: bytes = b""
    size: tuple[int, int] | None = None
    score: bytes = b""
    label: bytes = b""
    problem: str | None = None
    not_finite: str | None = None
    uncacheable: str = ""
    missing: tuple[str, ...] | None = None


class BatchDetected(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """From a worker: the results of a batch, in its order. `notes` are for the reader."""

    number: int
    results: tuple[PackedResult, ...]
    notes: tuple[str, ...] = ()


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """From a worker: the request failed, and would fail in any worker."""

    error: str


class StartRay(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """To the Ray process: the model that its workers load, and where they run."""

    load: LoadModel
    workers: int | None
    batch: int | None
    address: str | None
    gpus_per_worker: float
    shared_files: bool


class DetectImages(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """To the Ray process: detect on all these images."""

    paths: tuple[str, ...]


class ImagesDetected(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """From the Ray process: the results of some of the images, by path."""

    results: dict[str, PackedResult]


class Finished(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """From the Ray process: all images are done."""

    notes: tuple[str, ...] = ()


Message: TypeAlias = (
    LoadModel
    | ModelLoaded
    | DetectBatch
    | BatchDetected
    | Failed
    | StartRay
    | DetectImages
    | ImagesDetected
    | Finished
)


def _encode_path(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    raise NotImplementedError(f"{type(value).__name__} is not sent")


def _decode_path(kind: type, value: Any) -> Any:
    if kind is Path:
        return Path(value)
    raise NotImplementedError(f"{kind.__name__} is not sent")


_encoder = msgspec.msgpack.Encoder(enc_hook=_encode_path)
_decoder: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message, dec_hook=_decode_path)


def encode(message: Message) -> bytes:
    """Encode a message."""
    return _encoder.encode(message)


def decode(content: bytes) -> Message:
    """Decode a message."""
    return _decoder.decode(content)


def write_message(file: IO[bytes], message: Message) -> None:
    """Write one message to a pipe."""
    content = encode(message)
    file.write(len(content).to_bytes(8, "little") + content)
    file.flush()


def read_message(file: IO[bytes]) -> Message | None:
    """Read one message from a pipe; None at its end, even within a message."""
    head = file.read(8)
    if len(head) < 8:
        return None
    length = int.from_bytes(head, "little")
    content = file.read(length)
    return decode(content) if len(content) == length else None


def rename_folder(batch: BatchDetected, here: str, there: str) -> BatchDetected:
    """Replace the folder `here` by `there` in all paths of a batch."""

    def renamed(result: PackedResult) -> PackedResult:
        if not result.missing:
            return result
        missing = tuple(path.replace(here, there, 1) for path in result.missing)
        return msgspec.structs.replace(result, missing=missing)

    return msgspec.structs.replace(batch, results=tuple(map(renamed, batch.results)))


def pack_result(detected: Detected) -> PackedResult:
    """Pack the result of one image for sending."""
    result = detected.result
    if isinstance(result, UnreadableImage):
        return PackedResult(problem=result.reason)
    if isinstance(result, OutputNotFinite):
        return PackedResult(not_finite=result.output)
    return PackedResult(
        sha256=detected.sha256,
        xyxy=result.xyxy.astype("<f4").tobytes(),
        size=result.size,
        score=result.score.astype("<f4").tobytes(),
        label=result.label.astype("<i4").tobytes(),
        uncacheable=detected.reason if isinstance(detected, UncacheableDetected) else "",
        missing=detected.missing if isinstance(detected, ProvisionalDetected) else None,
    )


def unpack_result(image: Path, result: PackedResult) -> Detected:
    """Unpack what `pack_result` returned."""
    if result.problem is not None:
        return Detected(image, "", UnreadableImage(result.problem))
    if result.not_finite is not None:
        return Detected(image, "", OutputNotFinite(result.not_finite))
    detected = Detected(
        image,
        result.sha256,
        ImageDetections(
            xyxy=np.frombuffer(result.xyxy, "<f4").reshape(-1, 4).astype(np.float32),
            score=np.frombuffer(result.score, "<f4").astype(np.float32),
            label=np.frombuffer(result.label, "<i4").astype(np.int32),
            size=result.size,
        ),
    )
    if result.uncacheable:
        uncacheable = UncacheableDetected(*detected)
        uncacheable.reason = result.uncacheable
        return uncacheable
    if result.missing is None:
        return detected
    provisional = ProvisionalDetected(*detected)
    provisional.missing = result.missing
    return provisional
