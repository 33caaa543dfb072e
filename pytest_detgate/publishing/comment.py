"""One comment on a pull or merge request that every run replaces, by the API of its host.

https://docs.github.com/rest/issues/comments, https://docs.gitlab.com/api/notes/
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pytest_detgate.errors import ConfigError, DetgateError
from pytest_detgate.publishing.http import HttpError, send
from pytest_detgate.record.folder import RUNNING_MARK
from pytest_detgate.regular_file import read_regular

MOST_CHARACTERS = 65_000
"""GitHub takes 65,536 of a comment."""
_PAGE = 100
_MOST_PAGES = 50
# Who writes with the token that GitHub gives to a job.
_ACTIONS = "github-actions[bot]"


class NoRequestError(ConfigError):
    """The run belongs to no pull or merge request, so there is nothing to comment on."""


def comment_body(summary: str, *, key: str, link: str = "", exit_code: int = 0) -> str:
    """Return the text of a comment: a mark by which the next run finds it, and the summary.

    `key` tells the gates of one repository apart. `link` is where the page can be loaded from.
    """
    text = summary.strip()
    if not text or text.startswith(RUNNING_MARK):
        ended = f"The run ended with exit code {exit_code}, without a record."
        text = f"## ❔ detgate: no verdict\n\n{ended}"
    if link:
        text += f"\n\n[The page of this run]({quote(link, safe=':/?&=#%')})"
    return f"{mark_of(key)}\n{text[:MOST_CHARACTERS]}\n"


def mark_of(key: str) -> str:
    """Return the first line of a comment, which nobody sees."""
    plain = re.sub(r"[^A-Za-z0-9._/-]|--+", "_", key)
    return f"<!-- pytest-detgate {plain} -->"


def write_comment(host: CodeHost, body: str) -> str:
    """Replace our comment with the mark of `body`, or add it. Return its address.

    Comments of others are left alone, even those with our mark. Raises `DetgateError` where the
    host refuses.
    """
    mark = body.partition("\n")[0]
    try:
        own = host.own_comment(mark)
        return host.write(body, own)
    except HttpError as error:
        raise DetgateError(f"the comment could not be written: {error}") from error


@dataclass(frozen=True)
class CodeHost(ABC):
    """The comments of one request: `comments` is the address of their list."""

    comments: str
    headers: Mapping[str, str]
    user: str

    def own_comment(self, mark: str) -> str | None:
        """Return the address of our comment that begins with a mark; None if there is none."""
        me: object = None
        for page in range(1, _MOST_PAGES + 1):
            entries = send("GET", f"{self.comments}?per_page={_PAGE}&page={page}", self.headers)
            for entry in entries:
                if str(entry.get("body", "")).startswith(mark):
                    me = me or self.myself()
                    if self.author(entry) == me:
                        return self.address(entry)
            if len(entries) < _PAGE:
                break
        return None

    @abstractmethod
    def myself(self) -> object:
        """Who the token belongs to, as `author` says it."""

    @abstractmethod
    def author(self, entry: Mapping[str, Any]) -> object:
        """Who wrote a comment."""

    @abstractmethod
    def address(self, entry: Mapping[str, Any]) -> str:
        """The address in the API of a comment."""

    @abstractmethod
    def write(self, body: str, own: str | None) -> str:
        """Replace the comment at the address `own`, or add one. Return the address for people."""


class GitHub(CodeHost):
    """Comments on a pull request."""

    def myself(self) -> object:
        try:
            return send("GET", self.user, self.headers)["login"]
        except HttpError as error:
            # The token of a job is that of an app, which is no user.
            if error.status in (401, 403, 404):
                return _ACTIONS
            raise

    def author(self, entry: Mapping[str, Any]) -> object:
        return (entry.get("user") or {}).get("login")

    def address(self, entry: Mapping[str, Any]) -> str:
        root = self.comments.rpartition("/issues/")[0]
        return f"{root}/issues/comments/{int(entry['id'])}"

    def write(self, body: str, own: str | None) -> str:
        method, url = ("POST", self.comments) if own is None else ("PATCH", own)
        return str(send(method, url, self.headers, {"body": body})["html_url"])


class GitLab(CodeHost):
    """Notes on a merge request."""

    def myself(self) -> object:
        return send("GET", self.user, self.headers)["id"]

    def author(self, entry: Mapping[str, Any]) -> object:
        return (entry.get("author") or {}).get("id")

    def address(self, entry: Mapping[str, Any]) -> str:
        return f"{self.comments}/{int(entry['id'])}"

    def write(self, body: str, own: str | None) -> str:
        method, url = ("POST", self.comments) if own is None else ("PUT", own)
        return f"{self.comments}/{send(method, url, self.headers, {'body': body})['id']}"


def host_of(environment: Mapping[str, str]) -> CodeHost:
    """Return the request that a CI job belongs to, from the variables that its runner sets.

    `NoRequestError` where the job belongs to none, `ConfigError` where the token is missing.
    """
    if environment.get("GITLAB_CI") == "true":
        return _gitlab(environment)
    if environment.get("GITHUB_ACTIONS") == "true":
        return _github(environment)
    raise NoRequestError("neither a job of GitHub Actions nor of GitLab CI: nothing to comment on")


def _github(environment: Mapping[str, str]) -> CodeHost:
    number = _pull_request(environment.get("GITHUB_EVENT_PATH", ""))
    if number is None:
        raise NoRequestError("this run belongs to no pull request: nothing to comment on")
    api = environment.get("GITHUB_API_URL", "https://api.github.com")
    repository = quote(environment.get("GITHUB_REPOSITORY", ""))
    return GitHub(
        comments=f"{api}/repos/{repository}/issues/{number}/comments",
        headers={
            "Authorization": f"Bearer {_token(environment, 'GITHUB_TOKEN')}",
            "Accept": "application/vnd.github+json",
        },
        user=f"{api}/user",
    )


def _pull_request(event: str) -> int | None:
    try:
        number = json.loads(read_regular(Path(event)))["pull_request"]["number"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return number if isinstance(number, int) else None


def _gitlab(environment: Mapping[str, str]) -> CodeHost:
    number = environment.get("CI_MERGE_REQUEST_IID", "")
    if not number.isdecimal():
        raise NoRequestError("this job belongs to no merge request: nothing to comment on")
    api = environment.get("CI_API_V4_URL", "https://gitlab.com/api/v4")
    project = quote(environment.get("CI_PROJECT_ID", ""))
    return GitLab(
        comments=f"{api}/projects/{project}/merge_requests/{number}/notes",
        headers={"PRIVATE-TOKEN": _token(environment, "DETGATE_GITLAB_TOKEN")},
        user=f"{api}/user",
    )


def _token(environment: Mapping[str, str], name: str) -> str:
    token = environment.get(name, "")
    if not token or not token.isprintable():
        raise ConfigError(f"the comment needs a token in the variable {name}")
    return token
