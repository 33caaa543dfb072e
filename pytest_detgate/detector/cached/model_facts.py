"""Cached descriptions of models, and whether they are still valid."""

from __future__ import annotations

import msgspec

from pytest_detgate.cache.cache import Cache
from pytest_detgate.detections import ModelInfo
from pytest_detgate.detector.dependencies.state import Dependencies, file_signature
from pytest_detgate.detector.key_digest import key_digest
from pytest_detgate.detector.protocol import LoadedModel, ModelSource

# Raised when keys or dependencies are made in another way, so that earlier entries are not used.
_FORMAT = 2


class _ModelFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The description of a model, and everything that must be unchanged for it to be valid.

    `request` is the digest of the request for the model. `configured` is the digest of its
    configuration; it is None if only loading the model can tell. In that case, and if there may be
    dependencies that the gate does not see, the description is valid in one `run` alone.
    """

    format: int = 1
    request: str
    info: ModelInfo
    dependencies: Dependencies
    configured: str | None
    run: str


def add_info(
    cache: Cache,
    source: ModelSource,
    identity: str,
    loaded: LoadedModel,
    *,
    loaded_after_ns: int,
    configured: str | None = None,
    run: str = "",
) -> None:
    """Cache the description of a model, under the `identity` of what it was loaded from.

    If a file changed after `loaded_after_ns`, the model may have been built from its old content:
    then nothing is cached.
    """
    dependencies = loaded.dependencies or Dependencies()
    for path in dependencies.files:
        seen = file_signature(path)
        if seen is not None and seen.changed_ns >= loaded_after_ns:
            return
    request = _request(source, identity)
    facts = _ModelFacts(
        format=_FORMAT,
        request=request,
        info=loaded.detector.info,
        dependencies=dependencies,
        configured=configured,
        run=run,
    )
    cache.add_facts(request, msgspec.json.encode(facts))
    cache.add_facts(description_request(facts.info.key), msgspec.json.encode(facts.info))


def load_info(
    cache: Cache,
    source: ModelSource,
    identity: str,
    *,
    configured: str | None = None,
    run: str = "",
) -> ModelInfo | None:
    """Return the cached description of the model, if nothing that it was built from has changed.

    `configured` is the digest of its configuration as it is now. If that is None, only the entry
    of another process of the same `run` counts.
    """
    request = _request(source, identity)
    content = cache.facts(request)
    if content is None:
        return None
    try:
        facts = msgspec.json.decode(content, type=_ModelFacts)
    except msgspec.MsgspecError:
        return None  # written by another version of the gate
    if not _is_valid(facts, request, configured, run) or not facts.dependencies.are_unchanged(
        cache
    ):
        return None
    cache.facts(description_request(facts.info.key))  # marks the entry as used
    return msgspec.structs.replace(
        facts.info,
        checkpoint=source.name,
        config=str(source.config) if source.config else None,
    )


def _is_valid(facts: _ModelFacts, request: str, configured: str | None, run: str) -> bool:
    """Return whether a cached description answers the request, apart from its dependencies."""
    is_complete = configured is not None and not facts.dependencies.hidden
    is_of_this_run = bool(run) and run == facts.run
    return (
        facts.format == _FORMAT
        and facts.request == request
        and (is_complete or is_of_this_run)
        and facts.configured == configured
        and _is_possible(facts.info)
    )


def _is_possible(info: ModelInfo) -> bool:
    """Return whether a model can have this description: cache entries may be damaged."""
    classes = info.classes
    has_classes = bool(classes) and all(classes) and len(set(classes)) == len(classes)
    return has_classes and 0 <= info.score_floor <= 1


def description_request(key: str) -> str:
    """Return the key of the bare description of a model.

    It names the model of cached detections even if the facts of a changed configuration have
    replaced its own.
    """
    return f"model {key}"


def decode_description(facts: bytes) -> ModelInfo | None:
    """Decode facts that are a bare description; None if they are something else."""
    try:
        return msgspec.json.decode(facts, type=ModelInfo)
    except msgspec.MsgspecError:
        return None


def _request(source: ModelSource, identity: str) -> str:
    config = str(source.config.absolute()) if source.config else ""
    parts = [
        *(identity, config, source.trust, source.precision, source.compile),
        *(source.framework, source.entry, source.options, source.image_options.is_upright),
        # An entry names another module in another project.
        "" if source.folder is None else str(source.folder.absolute()),
    ]
    return key_digest(parts)
