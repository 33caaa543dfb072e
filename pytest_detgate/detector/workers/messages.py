"""What goes between a gate and its workers: plain data in MessagePack, nothing pickled."""

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


class Order(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """To a worker: the model that it is to load.

    `sha256` is that of the checkpoint, empty without one. With `verify` the worker makes sure that
    the file which it reads is that one, with `holds_gpu` that no other gate uses its GPU during a
    batch. `project` is what the folder of the model's project is called where the gate runs, if
    that is another machine.
    """

    source: ModelSource
    sha256: str
    device: str
    batch_size: int | None = None
    verify: bool = False
    holds_gpu: bool = False
    project: str | None = None


class Described(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """From a worker: the model is loaded, and this is what it was loaded from.

    `gate` is the version of pytest-detgate there.
    """

    gate: str
    info: ModelInfo
    device: str
    dependencies: Dependencies
    versions: dict[str, str]

    @property
    def files(self) -> tuple[str, ...]:
        """The files that it was loaded from, beside the checkpoint."""
        return tuple(sorted(self.dependencies.files))


class SentImage(msgspec.Struct, frozen=True, kw_only=True):
    """An image to look at: its file, and its content where the worker may not have that file.

    `problem` says why there is no content to send.
    """

    path: str
    content: bytes | None = None
    problem: str | None = None


class Batch(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """To a worker: images to look at."""

    number: int
    images: tuple[SentImage, ...]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What was found on one image: arrays as the bytes of little-endian numbers, and for how long
    that holds, as `UncacheableDetected` and `ProvisionalDetected` have it. `problem` says why it
    cannot be read, `not_finite` which output was not."""

    sha256: str = ""
    xyxy: bytes = b""
    score: bytes = b""
    label: bytes = b""
    problem: str | None = None
    not_finite: str | None = None
    uncacheable: str = ""
    missing: tuple[str, ...] | None = None


class Answers(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """From a worker: what was found on each image of a batch, in its order. `notes` are what a
    reader must know of how it was found."""

    number: int
    answers: tuple[Answer, ...]
    notes: tuple[str, ...] = ()


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """From a worker: it cannot do that, and nobody else could."""

    error: str


class RayOrder(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """To the process that speaks with Ray: what its workers load, and where they are."""

    order: Order
    workers: int | None
    batch: int | None
    address: str | None
    gpus_per_worker: float
    shared_files: bool


class Images(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """To the process that speaks with Ray: all images to look at."""

    paths: tuple[str, ...]


class Found(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """From the process that speaks with Ray: what was found on some of the images."""

    answers: dict[str, Answer]


class Finished(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """From the process that speaks with Ray: every image is answered."""

    notes: tuple[str, ...] = ()


Message: TypeAlias = (
    Order | Described | Batch | Answers | Failed | RayOrder | Images | Found | Finished
)


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    raise NotImplementedError(f"{type(value).__name__} is not sent")


def _typed(kind: type, value: Any) -> Any:
    if kind is Path:
        return Path(value)
    raise NotImplementedError(f"{kind.__name__} is not sent")


_encoder = msgspec.msgpack.Encoder(enc_hook=_plain)
_decoder: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message, dec_hook=_typed)


def encode(message: Message) -> bytes:
    """A message as bytes."""
    return _encoder.encode(message)


def decode(content: bytes) -> Message:
    """The message that `encode` was given."""
    return _decoder.decode(content)


def write(file: IO[bytes], message: Message) -> None:
    """Write one message to a pipe."""
    content = encode(message)
    file.write(len(content).to_bytes(8, "little") + content)
    file.flush()


def read(file: IO[bytes]) -> Message | None:
    """Read one message from a pipe; None at its end, also where it breaks off in a message."""
    head = file.read(8)
    if len(head) < 8:
        return None
    length = int.from_bytes(head, "little")
    content = file.read(length)
    return decode(content) if len(content) == length else None


def moved(answers: Answers, here: str, there: str) -> Answers:
    """The same with all that lies in one folder in another one."""

    def named(answer: Answer) -> Answer:
        if not answer.missing:
            return answer
        missing = tuple(path.replace(here, there, 1) for path in answer.missing)
        return msgspec.structs.replace(answer, missing=missing)

    return msgspec.structs.replace(answers, answers=tuple(map(named, answers.answers)))


def packed(detected: Detected) -> Answer:
    """What was found on an image, for sending."""
    result = detected.result
    if isinstance(result, UnreadableImage):
        return Answer(problem=result.reason)
    if isinstance(result, OutputNotFinite):
        return Answer(not_finite=result.output)
    return Answer(
        sha256=detected.sha256,
        xyxy=result.xyxy.astype("<f4").tobytes(),
        score=result.score.astype("<f4").tobytes(),
        label=result.label.astype("<i4").tobytes(),
        uncacheable=detected.reason if isinstance(detected, UncacheableDetected) else "",
        missing=detected.missing if isinstance(detected, ProvisionalDetected) else None,
    )


def unpacked(image: Path, answer: Answer) -> Detected:
    """What `packed` was given."""
    if answer.problem is not None:
        return Detected(image, "", UnreadableImage(answer.problem))
    if answer.not_finite is not None:
        return Detected(image, "", OutputNotFinite(answer.not_finite))
    detected = Detected(
        image,
        answer.sha256,
        ImageDetections(
            xyxy=np.frombuffer(answer.xyxy, "<f4").reshape(-1, 4).astype(np.float32),
            score=np.frombuffer(answer.score, "<f4").astype(np.float32),
            label=np.frombuffer(answer.label, "<i4").astype(np.int32),
        ),
    )
    if answer.uncacheable:
        uncacheable = UncacheableDetected(*detected)
        uncacheable.reason = answer.uncacheable
        return uncacheable
    if answer.missing is None:
        return detected
    provisional = ProvisionalDetected(*detected)
    provisional.missing = answer.missing
    return provisional
