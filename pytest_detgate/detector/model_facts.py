"""What is known of a model without loading it, and whether that still holds."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import msgspec

from pytest_detgate.detector.digests import file_digests, signature
from pytest_detgate.detector.packages import installed_versions
from pytest_detgate.detector.protocol import LoadedModel, ModelInfo, ModelSource
from pytest_detgate.detector.store import Store


class _ModelFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A model's description and everything that must be as it was for it to hold."""

    info: ModelInfo
    files: dict[str, str]
    environment: dict[str, str | None]
    versions: dict[str, str]


def keep_info(
    store: Store, source: ModelSource, identity: str, loaded: LoadedModel, *, loaded_after_ns: int
) -> None:
    """Keep the description of a model, under the `identity` of what it was loaded from.

    Files that changed while it was built (since `loaded_after_ns`) may not be what it was built
    from: then nothing is kept.
    """
    digests = {}
    for path, answer in file_digests(loaded.files, store).items():
        if not isinstance(answer, str) or signature(path).changed_ns >= loaded_after_ns:
            return
        digests[str(path)] = answer
    facts = _ModelFacts(
        info=loaded.detector.info,
        files=digests,
        environment=dict(loaded.environment),
        versions=installed_versions(loaded.packages),
    )
    store.keep_facts(_request(source, identity), msgspec.json.encode(facts))
    store.keep_facts(description_request(facts.info.key), msgspec.json.encode(facts.info))


def kept_info(store: Store, source: ModelSource, identity: str) -> ModelInfo | None:
    """The description of the model, if it is kept and nothing it was built from has changed."""
    content = store.facts(_request(source, identity))
    if content is None:
        return None
    try:
        facts = msgspec.json.decode(content, type=_ModelFacts)
    except msgspec.MsgspecError:
        return None  # kept by another version of the gate
    digests = file_digests(map(Path, facts.files), store)
    if (
        facts.versions != installed_versions(facts.versions)
        or any(os.environ.get(name) != held for name, held in facts.environment.items())
        or any(digests[Path(path)] != sha256 for path, sha256 in facts.files.items())
    ):
        return None
    store.facts(description_request(facts.info.key))  # which marks it as used
    return msgspec.structs.replace(
        facts.info,
        checkpoint=source.name,
        config=str(source.config) if source.config else None,
    )


def description_request(key: str) -> str:
    """What a model's bare description is kept under: it tells whose detections are kept, also
    when those of a changed configuration have taken the place of its facts."""
    return f"model {key}"


def described(facts: bytes) -> ModelInfo | None:
    """The description, if these facts are one."""
    try:
        return msgspec.json.decode(facts, type=ModelInfo)
    except msgspec.MsgspecError:
        return None


def _request(source: ModelSource, identity: str) -> str:
    config = str(source.config.absolute()) if source.config else ""
    asked = [
        *(identity, config, source.trust, source.precision, source.compile),
        *(source.framework, source.entry, source.options, source.image_options.is_upright),
    ]
    return hashlib.sha256(msgspec.json.encode(asked, order="sorted")).hexdigest()
