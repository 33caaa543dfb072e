"""The bytes of a picture, before anybody decodes them."""

from __future__ import annotations

import io
import warnings


def cut_short(content: bytes) -> str | None:
    """Say why a picture is incomplete: OpenCV fills what is missing with grey and says nothing.

    Complete files are recognised by their end marks; only a doubtful one is decoded for it.
    """
    if not content:
        return "the file is empty"
    if content.startswith(b"\xff\xd8"):
        complete = content.rfind(b"\xff\xd9") > content.rfind(b"\xff\xda")
    elif content.startswith(b"\x89PNG"):
        complete = b"IEND" in content[-64:]
    else:
        return None
    if complete:
        return None
    from PIL import Image

    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(content)) as picture:
            warnings.simplefilter("ignore")
            picture.load()
    except Exception as error:  # Pillow's decoders raise many kinds
        return reason_of(error)
    return None


def reason_of(error: Exception) -> str:
    """Say in one line why a picture could not be read."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = (str(error).strip().splitlines() or [""])[0]
    return text[:300] or type(error).__name__
