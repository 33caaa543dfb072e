"""Cases: a sound project with exactly one thing damaged."""

from __future__ import annotations

from pathlib import PurePosixPath

from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from tests.campaign.damage.commands import damage_command
from tests.campaign.damage.files import damage_file
from tests.campaign.damage.plugins import damage_plugins
from tests.campaign.damage.structures import KINDS, damage_structure
from tests.campaign.damage.texts import damage_bytes, damage_lines
from tests.campaign.project import Case, Entry, Project
from tests.campaign.projects import earlier_project, projects

_TARGETS = (
    "data",
    "data",
    "data",
    "results",
    "results",
    "configuration",
    "command line",
    "plugins",
)
_CONFIG = "detgate.toml"
_RESULTS = ("found", "answers.json", "epoch_1.pth", "epoch_2.pth", "baseline.json")
_NO_DATA = (_CONFIG, "pytest.ini", "detector.py", *_RESULTS)


@st.composite
def cases(draw: DrawFn) -> Case:
    """A case; one in thirty is not damaged at all, so that the oracle itself is tried."""
    project: Project = draw(projects())
    target = draw(st.sampled_from((*_TARGETS * 4, "none")))
    if target == "none":
        return Case(project, first=earlier_project(project))
    sound = project.copy()
    baseline = earlier_project(project)
    if target == "plugins":
        kind, what = "plugin", damage_plugins(draw, project)
    else:
        kind = draw(st.sampled_from(KINDS))
        text = _damage(draw, kind, target, project)
        assume(text is not None)
        what = str(text)
    # Now and then the sound project was gated before, in the same folder, with the same cache.
    is_second = draw(st.sampled_from((False,) * 7 + (True,)))
    return Case(project, kind, target, what, first=baseline or (sound if is_second else None))


def _damage(draw: DrawFn, kind: str, target: str, project: Project) -> str | None:
    if target == "command line":
        return damage_command(draw, kind, project)
    files = project.files
    names = sorted(name for name in files if _place_of(name) == target)
    if not names:
        return None
    # First what a file is, so that ten images weigh no more than one annotation file.
    sort = draw(st.sampled_from(sorted({_sort(name) for name in names})))
    name = draw(st.sampled_from([name for name in names if _sort(name) == sort]))
    how = draw(st.sampled_from(("inside", "inside", "inside", "bytes", "file")))
    text: str | None = None
    if how == "inside":
        text = _damage_inside(draw, kind, files, name)
    elif how == "file" or sort == "image":
        text = damage_file(draw, kind, files, name)
    if text is None:
        damaged = damage_bytes(draw, kind, files[name])
        if damaged is not None and "pipe" in damaged[0] and name == "answers.json":
            return None  # which the project's own detector opens, and waits for
        if damaged is None:
            return None
        files[name], text = damaged
    return f"{sort} {text}"


def _damage_inside(draw: DrawFn, kind: str, files: dict[str, Entry], name: str) -> str | None:
    entry = files[name]
    for form in ("json", "toml"):
        if form in entry:
            damaged = damage_structure(draw, kind, entry[form], is_toml=form == "toml")
            if damaged is None:
                return None
            content, path, how = damaged
            files[name] = {"text": content} if how == "key twice" else {form: content}
            return f"{path}, {how}"
    if "text" in entry:
        changed = damage_lines(draw, kind, entry["text"])
        if changed is None:
            return None
        files[name] = {"text": changed[0]}
        return changed[1]
    if "picture" in entry and kind in ("rename", "relink"):
        # Another image, or the same turned by EXIF.
        picture = dict(entry["picture"])
        change = draw(st.sampled_from(("look", "width", "orientation")))
        picture[change] = {"look": 5, "width": 64, "orientation": 6}[change]
        files[name] = {"picture": picture}
        return f"another {change}"
    return None


def _place_of(name: str) -> str:
    first = PurePosixPath(name).parts[0]
    if first == _CONFIG:
        return "configuration"
    if first in _RESULTS:
        return "results"
    return "other" if first in _NO_DATA else "data"


def _sort(name: str) -> str:
    """What a file is, without the names of this case."""
    path = PurePosixPath(name)
    if path.parts[0] == "images":
        return "image of a probe" if path.parts[1] in ("calm", "new") else "image"
    if path.parts[0] == "found":
        return "results"
    if path.parts[0] == "data":
        return f"{'probe' if path.stem in ('calm', 'new') else 'labels'} {path.suffix}"
    return f"{path.parts[0]} {path.suffix}"
