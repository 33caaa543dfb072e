"""Comments on requests, in this process: whose is replaced, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_detgate.errors import ConfigError, DetgateError
from pytest_detgate.publishing.comment import (
    NoRequestError,
    comment_body,
    host_of,
    mark_of,
    write_comment,
)
from pytest_detgate.publishing.http import HttpError, send
from tests.ci.api import Comments, comments_api

GITLAB = {"GITLAB_CI": "true", "CI_PROJECT_ID": "42", "CI_MERGE_REQUEST_IID": "3"}
BODY = f"{mark_of('site')}\npassed\n"


@pytest.fixture
def api() -> Iterator[Comments]:
    with comments_api() as server:
        yield server


@pytest.fixture
def github(tmp_path: Path, api: Comments) -> dict[str, str]:
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 7}}))
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_REPOSITORY": "ada/site",
        "GITHUB_API_URL": api.url,
        "GITHUB_TOKEN": "secret",
    }


def test_a_body_has_a_mark_and_a_link() -> None:
    assert comment_body("passed\n", key="a b") == "<!-- pytest-detgate a_b -->\npassed\n"
    linked = comment_body("passed", key="site", link="https://h.org/a b")
    assert linked.endswith("passed\n\n[The page of this run](https://h.org/a%20b)\n")
    assert "ended with exit code 3, without a record." in comment_body("", key="x", exit_code=3)


def test_a_comment_of_ours_on_a_later_page_is_replaced(
    github: dict[str, str], api: Comments
) -> None:
    """A hundred comments of others, one of them with our mark, come before it."""
    for number in range(100):
        api.add(BODY if number == 7 else f"{number}", "somebody")
    own = api.add(f"{mark_of('site')}\nfailed\n", "github-actions[bot]")

    address = write_comment(host_of(github), BODY)

    assert address == own["html_url"]
    assert own["body"] == BODY
    assert len(api.comments) == 101


def test_a_host_that_fails_is_told(github: dict[str, str], api: Comments) -> None:
    api.add(BODY, "github-actions[bot]")
    api.refuses = 500

    with pytest.raises(DetgateError, match=r"the comment could not be written: GET .*: 500 "):
        write_comment(host_of(github), BODY)


@pytest.mark.parametrize(
    ("environment", "error", "reason"),
    [
        ({}, NoRequestError, "neither a job of GitHub Actions nor of GitLab CI"),
        ({"GITHUB_ACTIONS": "true"}, NoRequestError, "this run belongs to no pull request"),
        (
            {"GITLAB_CI": "true", "CI_MERGE_REQUEST_IID": "x"},
            NoRequestError,
            "this job belongs to no merge request",
        ),
        (GITLAB, ConfigError, "the comment needs a token in the variable DETGATE_GITLAB_TOKEN"),
        ({**GITLAB, "DETGATE_GITLAB_TOKEN": "a\nb"}, ConfigError, "needs a token in the variable"),
    ],
)
def test_jobs_without_a_request_or_token(
    environment: dict[str, str], error: type[ConfigError], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        host_of(environment)


def test_only_addresses_of_the_web_are_asked(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")

    with pytest.raises(HttpError, match="not an address of the web"):
        send("GET", (tmp_path / "a.json").as_uri(), {})
