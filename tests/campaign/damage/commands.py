"""Damage to the command line, and choices that a user may make on it."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from tests.campaign.project import Project

_OPTION = "--detgate-predictions="
_CHOICES = (
    ["-k", "mean-ap"],
    ["-k", "not probe-fp"],
    ["-m", "detgate_data"],
    ["-m", "detgate_model"],
    ["--deselect", "detgate.toml::mean-ap"],
    ["-x"],
    ["--maxfail", "1"],
    ["--collect-only"],
    ["-k", "nothing-at-all"],
    ["-p", "no:cacheprovider"],
    ["--lf"],
    ["-v"],
    ["--tb", "short"],
)


def damage_command(draw: DrawFn, kind: str, project: Project) -> str | None:
    """Damage the arguments in place and say how; None where nothing of the kind can be done."""
    arguments = project.arguments
    position = draw(st.integers(0, len(arguments) - 1))
    named = [index for index, argument in enumerate(arguments) if argument.startswith(_OPTION)]
    match kind:
        case "reorder":
            arguments.reverse()
            return "reversed"
        case "empty":
            choice = draw(st.sampled_from(_CHOICES))
            arguments += choice
            return f"{' '.join(choice)} as well"
    if not named:
        return None
    position = draw(st.sampled_from(named))
    name, _, path = arguments[position].removeprefix(_OPTION).partition("=")
    match kind:
        case "drop":
            del arguments[position]
            return "one result file less"
        case "duplicate":
            paths = [arguments[index].rpartition("=")[2] for index in named]
            arguments.append(f"{_OPTION}{name}={draw(st.sampled_from(paths))}")
            return "one name twice"
        case "rename":
            other = draw(st.sampled_from((f"{name}x", "train", "", name.upper())))
            arguments[position] = f"{_OPTION}{other}={path}"
            return "another name"
        case "relink":
            others = [file for file in project.files if file.endswith(".json") and file != path]
            if not others:
                return None
            arguments[position] = f"{_OPTION}{name}={draw(st.sampled_from(others))}"
            return "another file"
        case "truncate":
            cut = draw(st.integers(1, len(path)))
            arguments[position] = f"{_OPTION}{name}={path[:-cut]}"
            return "part of a path"
        case "retype":
            arguments[position] = draw(
                st.sampled_from(
                    (f"{_OPTION}{path}", f"{_OPTION}{name}=found", f"{_OPTION}{name}={path}={path}")
                )
            )
            return "no NAME=FILE"
        case "recase":
            arguments[position] = f"{_OPTION}{name}={path.upper()}"
            return "letter case of a path"
        case "renormalise":
            arguments[position] = f"{_OPTION}{name}=./{path}"
            return "another form of a path"
    return None
