"""Handing images out to workers that may die."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from pytest_detgate.detector.protocol import Detected
from pytest_detgate.detector.workers.messages import (
    Answers,
    Batch,
    Described,
    Failed,
    Message,
    SentImage,
    unpacked,
)
from pytest_detgate.errors import DetectorError

ATTEMPTS = 3
"""How often a batch is begun before the workers that died of it are too many, and how many
workers may die one after the other while they load the model."""

# One at work and one on its way, so that a worker does not wait for the next.
_DEPTH = 2


class Heard(NamedTuple):
    """What a worker said. Without a message it has died, or cannot be had, for this `reason`."""

    worker: int
    message: Message | None
    reason: str = ""


class Crew(Protocol):
    """Workers that can be had: processes of this machine, or actors of Ray."""

    def hire(self) -> int:
        """Start a worker that loads the model; `Described` is the first that it says."""

    def send(self, worker: int, message: Message) -> None:
        """Hand it a message; it takes one after the other."""

    def listen(self) -> Heard:
        """Wait for whoever says something next."""

    def dismiss(self, worker: int) -> None:
        """End a worker; it is not heard any more."""

    def sent(self, image: Path) -> SentImage:
        """An image as these workers need it."""


@dataclass(slots=True)
class _Hand:
    is_ready: bool = False
    begun: deque[int] = field(default_factory=deque)
    """Batches that it was handed and has not answered; it works at the first."""


class Dispatch:
    """Has images looked at by at most `n_workers` workers of a crew, `batch` images at a time.

    Where a worker dies, another takes its place, and the batch that it was at is done again; what
    it had answered before is kept. An error that the model itself raises is not tried again.
    """

    def __init__(self, crew: Crew, *, n_workers: int, batch: int) -> None:
        self._crew = crew
        self._n_workers = n_workers
        self._n_images = batch
        self._hands: dict[int, _Hand] = {}
        self._described: Described | None = None
        self._died_loading = 0
        self._last_number = 0
        self.notes: list[str] = []
        """What a reader must know: which workers were lost, and what the others say."""

    def described(self) -> Described:
        """The model, as the first worker has loaded it."""
        if self._described is None:
            try:
                if not self._hands:
                    self._hire()
                while self._described is None:
                    self._listen({})
                    if not self._hands:
                        self._hire()
            except BaseException:
                self.end()
                raise
        return self._described

    def detect(self, images: Sequence[Path]) -> Generator[Detected, None, None]:
        """Yield what is found on each image, as batches are answered."""
        cut = [
            images[start : start + self._n_images]
            for start in range(0, len(images), self._n_images)
        ]
        batches = {self._last_number + at: part for at, part in enumerate(cut, start=1)}
        self._last_number += len(batches)
        waiting = deque(batches)
        attempts = dict.fromkeys(batches, 0)
        try:
            while batches:
                while len(self._hands) < min(self._n_workers, len(batches)):
                    self._hire()
                self._hand_out(waiting, batches, attempts)
                heard = self._listen(attempts, waiting, batches)
                if heard is not None:
                    answered = batches.pop(heard.number)
                    for image, answer in zip(answered, heard.answers, strict=True):
                        yield unpacked(image, answer)
        finally:  # also where the caller has heard enough: they would answer what nobody asks
            for worker in [one for one, hand in self._hands.items() if hand.begun]:
                self._dismiss(worker)

    def end(self) -> None:
        """End all workers."""
        for worker in list(self._hands):
            self._dismiss(worker)

    def _hire(self) -> None:
        self._hands[self._crew.hire()] = _Hand()

    def _dismiss(self, worker: int) -> None:
        del self._hands[worker]
        self._crew.dismiss(worker)

    def _hand_out(
        self, waiting: deque[int], batches: dict[int, Sequence[Path]], attempts: dict[int, int]
    ) -> None:
        ready = {worker: hand for worker, hand in self._hands.items() if hand.is_ready}
        for depth in range(1, _DEPTH + 1):
            for worker, hand in ready.items():
                # One that workers have died of goes alone, so that it is known which it was. And
                # towards the end nothing is laid up with one worker that another could do.
                if (
                    not waiting
                    or len(hand.begun) >= depth
                    or (hand.begun and (attempts[waiting[0]] or attempts[hand.begun[0]]))
                    or (hand.begun and len(waiting) < len(self._hands))
                ):
                    continue
                number = waiting.popleft()
                hand.begun.append(number)
                sent = tuple(self._crew.sent(image) for image in batches[number])
                self._crew.send(worker, Batch(number=number, images=sent))

    def _listen(
        self,
        attempts: dict[int, int],
        waiting: deque[int] | None = None,
        batches: dict[int, Sequence[Path]] | None = None,
    ) -> Answers | None:
        worker, message, reason = self._crew.listen()
        hand = self._hands.get(worker)
        if hand is None:
            return None
        if isinstance(message, Failed):
            if hand.begun:
                hand.begun.popleft()
            raise DetectorError(message.error)
        if isinstance(message, Described):
            self._agree(message)
            self._died_loading = 0
            hand.is_ready = True
        elif isinstance(message, Answers):
            hand.begun.remove(message.number)
            self.notes += [note for note in message.notes if note not in self.notes]
            return message
        else:
            self._dismiss(worker)
            self._lost(hand, reason, attempts, waiting, batches)
        return None

    def _lost(
        self,
        hand: _Hand,
        reason: str,
        attempts: dict[int, int],
        waiting: deque[int] | None,
        batches: dict[int, Sequence[Path]] | None,
    ) -> None:
        if not hand.is_ready:
            self._died_loading += 1
            if self._died_loading >= ATTEMPTS:
                raise DetectorError(
                    f"{ATTEMPTS} workers were lost before they had loaded the model, the last: "
                    f"{reason}"
                )
            return
        done_again = 0
        if hand.begun and waiting is not None and batches is not None:
            number = hand.begun[0]
            attempts[number] += 1
            if attempts[number] >= ATTEMPTS:
                raise DetectorError(
                    f"{ATTEMPTS} workers died of the same {len(batches[number])} images, "
                    f"{_some(batches[number])}; the last: {reason}"
                )
            done_again = len(batches[number])
            waiting.extendleft(reversed(hand.begun))
        self.notes.append(f"a worker was lost ({reason}); {done_again} images were done again")

    def _agree(self, described: Described) -> None:
        if self._described is None:
            self._described = described
            return
        first = self._described
        if (described.info.key, described.device.partition(":")[0]) == (
            first.info.key,
            first.device.partition(":")[0],
        ):
            return
        differ = [
            f"{name} {first.versions.get(name) or 'none'} and {version or 'none'}"
            for name, version in described.versions.items()
            if first.versions.get(name) != version
        ]
        raise DetectorError(
            "the workers do not load the same model: "
            f"{', '.join(differ) or 'the code that it is built from differs'}"
        )


def _some(images: Sequence[Path]) -> str:
    more = f" and {len(images) - 10} more" if len(images) > 10 else ""
    return ", ".join(str(image) for image in images[:10]) + more
