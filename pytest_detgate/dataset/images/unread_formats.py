"""Images in formats that are not read here, by their suffixes."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_detgate.dataset.images.paths import parts_of, stem_of, suffix_of
from pytest_detgate.dataset.keys import near_key

_PLUGINS = {
    **dict.fromkeys((".heic", ".heif", ".hif"), "pillow-heif"),
    ".avif": "a newer Pillow or pillow-avif-plugin",
    ".jxl": "pillow-jxl-plugin",
}
_CONVERTED = frozenset(
    {
        *(".svg", ".svgz", ".psd", ".ai", ".eps", ".pdf", ".exr", ".dcm", ".xcf"),
        *(".cr2", ".cr3", ".nef", ".arw", ".dng", ".raf", ".orf", ".rw2"),
    }
)


def is_unread_image(name: str) -> bool:
    """Whether the suffix of a file is that of an image that is not read here."""
    suffix = suffix_of(name).lower()
    return suffix in _PLUGINS or suffix in _CONVERTED


def how_to_read(name: str) -> str:
    """What to do about an image that is not read here."""
    plugin = _PLUGINS.get(suffix_of(name).lower())
    convert = "save it as JPEG or PNG"
    return convert if plugin is None else f"install {plugin}, or {convert}"


def unread_image_of(text: str, others: Iterable[str]) -> str:
    """Say which image of a format that is not read here somebody may have meant by a name that is
    not there, and the way out: ` (there is b.heic, which cannot be read: ...)`."""
    meant = _stem(text)
    for name in others:
        if is_unread_image(name) and _stem(name) == meant:
            return f" (there is {name}, which cannot be read: {how_to_read(name)})"
    return ""


def _stem(text: str) -> str:
    parts = parts_of(near_key(text))
    return stem_of(parts[-1]) if parts else ""
