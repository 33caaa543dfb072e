"""What a file is that is none of what it should be."""

from __future__ import annotations

from collections.abc import Container

from pytest_detgate.git import merge_conflict

_HTML = (b"<!doctype html", b"<html", b"<head", b"<body")
_POINTERS = (
    (b"version https://git-lfs.", "a pointer of Git LFS: `git lfs pull` fetches the file"),
    (b"/annex/objects/", "a pointer of git-annex: `git annex get` fetches the file"),
)
_POINTER_BEGINNINGS = tuple(beginning for beginning, _ in _POINTERS)
_BEGINNINGS = (
    *_POINTERS,
    (b"%PDF", "a PDF file"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a compressed file (gzip)"),
    (b"\x1aE\xdf\xa3", "a video (Matroska or WebM)"),
)
_HEAD = 1024
"""First bytes of a file that show what it is."""
_BRANDS = {b"heic": "HEIC", b"heix": "HEIC", b"mif1": "HEIC", b"msf1": "HEIC", b"avif": "AVIF"}
_NEEDS = {"HEIC": "pillow-heif", "AVIF": "a newer Pillow or pillow-avif-plugin"}


def pointer_in_place(content: bytes) -> str:
    """Return of which tool a pointer is that is in place of a file, and what fetches the file;
    nothing where the content is no such pointer. Its lines may be taken for those of a list."""
    if not content.startswith(_POINTER_BEGINNINGS):
        return ""
    return next(what for beginning, what in _POINTERS if content.startswith(beginning))


def not_json(content: bytes) -> str:
    """Return why the content of a file is no JSON, where it shows that: it is something else, or a
    merge that nobody finished; nothing where it does not."""
    other = what_else(content[:_HEAD])
    return f"not JSON{other}" if other else merge_conflict(content)


def what_else(head: bytes, suffixes: Container[str] = ()) -> str:
    """Return what the first bytes of a file show it to be: ` but a ZIP archive`; nothing where they
    do not. `suffixes` are those of the formats that are read."""
    text = head.lstrip()
    lower = text[:200].lower()
    if head and not head.strip(b"\0"):
        return " but zeros, as a copy leaves that was not finished"
    if lower.startswith(_HTML):
        return " but a web page, as a download leaves that was refused"
    if lower.startswith((b"<?xml", b"<svg")):
        return " but an SVG drawing" if b"<svg" in head.lower() else " but an XML text"
    for beginning, what in _BEGINNINGS:
        if text.startswith(beginning):
            return f" but {what}"
    if head[4:8] == b"ftyp":
        name = _BRANDS.get(head[8:12])
        if name is not None:
            if f".{name.lower()}" in suffixes:
                return f": {name} that is damaged"
            return f" that is read here: {name}, which needs {_NEEDS[name]}"
        return " but a video (MP4 or MOV)"
    return ""
