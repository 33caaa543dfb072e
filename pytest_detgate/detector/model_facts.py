"""What is known of a model without loading it, and whether that still holds."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from pytest_detgate.detector.digests import file_digests, signature
from pytest_detgate.detector.packages import package_versions
from pytest_detgate.detector.protocol import ModelInfo, ModelSource
from pytest_detgate.detector.store import Store


class _ModelFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A model's description and everything that must be as it was for it to hold."""

    info: ModelInfo
    files: dict[str, str]
    environment: dict[str, str | None]
    versions: dict[str, str]


def keep_info(
    store: Store,
    source: ModelSource,
    info: ModelInfo,
    *,
    files: Iterable[Path],
    environment: dict[str, str | None],
    loaded_after_ns: int,
) -> None:
    """Keep the description of a model that was built from these files of the project.

    Files that changed while it was built (since `loaded_after_ns`) may not be what it was built
    from: then nothing is kept.
    """
    digests = {}
    for path, answer in file_digests(files, store).items():
        if not isinstance(answer, str) or signature(path)[1] >= loaded_after_ns:
            return
        digests[str(path)] = answer
    facts = _ModelFacts(
        info=info, files=digests, environment=environment, versions=package_versions()
    )
    store.keep_facts(_request(source, info.sha256), msgspec.json.encode(facts))


def kept_info(store: Store, source: ModelSource, sha256: str) -> ModelInfo | None:
    """The description of the model, if it is kept and nothing it was built from has changed."""
    content = store.facts(_request(source, sha256))
    if content is None:
        return None
    try:
        facts = msgspec.json.decode(content, type=_ModelFacts)
    except msgspec.MsgspecError:
        return None  # kept by another version of the gate
    digests = file_digests(map(Path, facts.files), store)
    if (
        facts.versions != package_versions()
        or any(os.environ.get(name) != held for name, held in facts.environment.items())
        or any(digests[Path(path)] != sha256 for path, sha256 in facts.files.items())
    ):
        return None
    return msgspec.structs.replace(
        facts.info,
        checkpoint=str(source.checkpoint),
        config=str(source.config) if source.config else None,
    )


def _request(source: ModelSource, sha256: str) -> str:
    config = str(source.config.absolute()) if source.config else ""
    how = (source.trust, source.precision, source.compile)
    return hashlib.sha256("\0".join([sha256, config, *map(str, how)]).encode()).hexdigest()
