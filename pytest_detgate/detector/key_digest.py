"""The digest of the parts of a key."""

from __future__ import annotations

import hashlib

import msgspec


def key_digest(parts: object) -> str:
    """Return the SHA-256 of parts in JSON with sorted names, in hexadecimal."""
    return hashlib.sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()
