"""The table `[project]`: what the detector is for, in the words of who is responsible for it."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct


class ProjectTable(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """What the detector is for. The dossier repeats it; no rule reads it."""

    name: Annotated[str, Meta(description="Name of the detector or the product.")] = ""
    version: Annotated[str, Meta(description="Version that is tested.")] = ""
    owner: Annotated[str, Meta(description="Who is responsible for it.")] = ""
    purpose: Annotated[str, Meta(description="Intended purpose, in sentences.")] = ""
    not_for: Annotated[
        tuple[str, ...], Meta(description="Uses that it is not made or tested for.")
    ] = ()
