"""A conftest, a test or a detector of the project's own that gets in the way of the gate."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from tests.campaign.damage.conftests import CONFTESTS
from tests.campaign.damage.own_code import BY_HAND, DETECTORS
from tests.campaign.project import Project


def damage_plugins(draw: DrawFn, project: Project) -> str:
    """Put one such thing into a project and say which."""
    choices = ["conftest", "conftest", "test"]
    if "detector.py" in project.files:
        choices.append("detector")
    match draw(st.sampled_from(choices)):
        case "conftest":
            return _conftest(draw, project)
        case "test":
            name = draw(st.sampled_from(sorted(BY_HAND)))
            text, may_pass = BY_HAND[name]
            head = (
                "import numpy as np\nimport pytest\n\n\n"
                if "np." in text
                else "import pytest\n\n\n"
            )
            project.files["test_hand.py"] = {"text": head + text}
            project.arguments.append("test_hand.py")
            if may_pass:
                project.by_hand.append("test_hand.py::test_it")
            else:
                project.blocked = True
            return f"a test that {name}"
        case _:
            name = draw(st.sampled_from(sorted(DETECTORS)))
            project.files["detector.py"] = {"text": DETECTORS[name]}
            return f"detector, {name}"


def _conftest(draw: DrawFn, project: Project) -> str:
    name = draw(st.sampled_from(sorted(CONFTESTS)))
    conftest = CONFTESTS[name]
    rules = project.files["detgate.toml"]["toml"]["rules"]
    code = draw(st.sampled_from(sorted(rules)))
    text = conftest.text.replace("CODE", code)
    project.files["conftest.py"] = {"text": f"import pytest\n{text}"}
    project.killed = conftest.kills
    if conftest.loses_all:
        project.lost.append("")
    elif conftest.loses:
        project.lost.append(code)
    return f"conftest that {name}"
