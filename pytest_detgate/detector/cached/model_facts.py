"""What is known of a model without loading it, and whether that still holds."""

from __future__ import annotations

import hashlib

import msgspec

from pytest_detgate.cache.store import Store
from pytest_detgate.detections import ModelInfo
from pytest_detgate.detector.dependencies.state import Dependencies, file_signature
from pytest_detgate.detector.packages import installed_versions
from pytest_detgate.detector.protocol import LoadedModel, ModelSource


class _ModelFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A model's description and everything that must be as it was for it to hold.

    `request` is what it was asked for with. `configured` is the digest of its configuration, None
    where only loading tells it; then, and where the dependencies may be more than is seen, they
    hold for one `run` alone.
    """

    request: str
    info: ModelInfo
    dependencies: Dependencies
    versions: dict[str, str]
    configured: str | None
    run: str


def keep_info(
    store: Store,
    source: ModelSource,
    identity: str,
    loaded: LoadedModel,
    *,
    loaded_after_ns: int,
    configured: str | None = None,
    run: str = "",
) -> None:
    """Keep the description of a model, under the `identity` of what it was loaded from.

    Files that changed while it was built (since `loaded_after_ns`) may not be what it was built
    from: then nothing is kept.
    """
    dependencies = loaded.dependencies or Dependencies()
    for path in dependencies.files:
        found = file_signature(path)
        if found is not None and found.changed_ns >= loaded_after_ns:
            return
    request = _request(source, identity)
    facts = _ModelFacts(
        request=request,
        info=loaded.detector.info,
        dependencies=dependencies,
        versions=installed_versions(loaded.packages),
        configured=configured,
        run=run,
    )
    store.keep_facts(request, msgspec.json.encode(facts))
    store.keep_facts(description_request(facts.info.key), msgspec.json.encode(facts.info))


def kept_info(
    store: Store,
    source: ModelSource,
    identity: str,
    *,
    configured: str | None = None,
    run: str = "",
) -> ModelInfo | None:
    """The description of the model, if it is kept and nothing it was built from has changed.

    `configured` is the digest of its configuration as it is now. Where that is None, only what
    another process of the same `run` has kept is taken.
    """
    request = _request(source, identity)
    content = store.facts(request)
    if content is None:
        return None
    try:
        facts = msgspec.json.decode(content, type=_ModelFacts)
    except msgspec.MsgspecError:
        return None  # kept by another version of the gate
    is_proven = configured is not None and not facts.dependencies.hidden
    if (
        facts.request != request
        or not (is_proven or (run and run == facts.run))
        or facts.configured != configured
        or facts.versions != installed_versions(facts.versions)
        or not is_description(facts.info)
        or not facts.dependencies.hold(store)
    ):
        return None
    store.facts(description_request(facts.info.key))  # which marks it as used
    return msgspec.structs.replace(
        facts.info,
        checkpoint=source.name,
        config=str(source.config) if source.config else None,
    )


def is_description(info: ModelInfo) -> bool:
    """Whether a description that was kept could be that of a model."""
    classes = info.classes
    has_classes = bool(classes) and all(classes) and len(set(classes)) == len(classes)
    return has_classes and 0 <= info.score_floor <= 1


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
        # An entry names another module in another project.
        "" if source.folder is None else str(source.folder.absolute()),
    ]
    return hashlib.sha256(msgspec.json.encode(asked, order="sorted")).hexdigest()
