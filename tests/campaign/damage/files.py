"""Damage to files as such: their names, their places, what a link leads to."""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from tests.campaign.project import Entry

Files = dict[str, Entry]


def damage_file(draw: DrawFn, kind: str, files: Files, name: str) -> str | None:
    """Damage one file in place and say how; None where nothing of the kind can be done."""
    path = PurePosixPath(name)
    match kind:
        case "drop":
            if draw(st.booleans()):
                return _drop_folder(files, name)
            del files[name]
            return "no file"
        case "duplicate":
            new = draw(
                st.sampled_from(
                    (
                        path.with_stem(f"{path.stem}0"),
                        path.with_suffix(".jpg"),
                        path.parent / "more" / path.name,
                        path.parent / "notes.txt",
                        path.with_suffix(f"{path.suffix}.bak"),
                    )
                )
            )
            if str(new) in files:
                return None
            files[str(new)] = dict(files[name])
            return f"a copy called {'.'.join(['*', *new.name.split('.')[1:]])}"
        case "rename":
            new = draw(
                st.sampled_from(
                    (
                        path.with_suffix(f"{path.suffix}.bak"),
                        path.with_stem(f"{path.stem}x"),
                        path.with_suffix(".jfif"),
                        path.parent / "deeper" / path.name,
                        path.parent / f".{path.name}",
                    )
                )
            )
            return _move(files, name, str(new), "other name")
        case "recase":
            new_name = draw(
                st.sampled_from((path.with_suffix(path.suffix.upper()).name, path.name.upper()))
            )
            return _move(files, name, str(path.with_name(new_name)), "letter case of its name")
        case "renormalise":
            new_name = unicodedata.normalize("NFD", path.name)
            return _move(files, name, str(path.with_name(new_name)), "NFD name")
        case "relink":
            return _relink(draw, files, name)
        case "reorder":
            others = [
                other
                for other in files
                if PurePosixPath(other).suffix == path.suffix
                and other != name
                and PurePosixPath(other).parts[0] == path.parts[0]
            ]
            if not others:
                return None
            other = draw(st.sampled_from(others))
            files[name], files[other] = files[other], files[name]
            return "exchanged with another"
    return None


def _move(files: Files, name: str, new: str, how: str) -> str | None:
    if new in files or new == name:
        return None
    files[new] = files.pop(name)
    return how


def _drop_folder(files: Files, name: str) -> str:
    folder = f"{PurePosixPath(name).parent}/"
    for other in [other for other in files if other.startswith(folder)]:
        del files[other]
    files[folder.rstrip("/")] = {"folder": True}
    return "all of its folder gone"


def _relink(draw: DrawFn, files: Files, name: str) -> str | None:
    path = PurePosixPath(name)
    up = "../" * (len(path.parts) - 1)
    match draw(st.sampled_from(("moved", "other", "nowhere", "itself", "folder"))):
        case "moved":
            location = f"store/{path.name}"
            files[location] = files[name]
            files[name] = {"link": f"{up}{location}"}
            return "a link to where it is now"
        case "other":
            others = [
                other
                for other in files
                if PurePosixPath(other).parent == path.parent and other != name
            ]
            if not others:
                return None
            files[name] = {"link": PurePosixPath(draw(st.sampled_from(others))).name}
            return "a link to another"
        case "nowhere":
            files[name] = {"link": "nowhere"}
            return "a link to nothing"
        case "itself":
            files[name] = {"link": path.name}
            return "a link to itself"
        case _:
            if len(path.parts) < 3:
                return None
            # The sub-folder of the file becomes a link to where its files are now.
            folder = str(path.parent)
            for other in [other for other in files if other.startswith(f"{folder}/")]:
                files[f"store/{other}"] = files.pop(other)
            files[folder] = {"link": f"{'../' * (len(path.parts) - 2)}store/{folder}"}
            return "a link to its folder"
