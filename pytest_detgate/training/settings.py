"""Settings of randomness in a training configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from pytest_detgate.errors import DetectorError


class TrainingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of randomness: `seed` is None if a run draws one itself."""

    seed: int | None
    deterministic: bool


def settings_of(config: Mapping[str, Any], path: str) -> TrainingSettings:
    """Return the settings of a resolved configuration, an MMEngine `Config` or its values."""
    randomness = config.get("randomness") or {}
    if not isinstance(randomness, Mapping):
        raise DetectorError(f"{path}: randomness is {randomness!r}; MMEngine asks for dict(seed=…)")
    seed = randomness.get("seed")
    if seed is not None and type(seed) is not int:
        raise DetectorError(f"{path}: randomness.seed is {seed!r}, which is no whole number")
    return TrainingSettings(seed=seed, deterministic=bool(randomness.get("deterministic", False)))
