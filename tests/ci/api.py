"""The API of a code host on loopback: comments of one request, in memory."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

GITHUB = "/repos/ada/site/issues/7/comments"
GITLAB = "/projects/42/merge_requests/3/notes"


class Comments(ThreadingHTTPServer):
    """Keeps comments as GitHub and GitLab do: `author` is who the token belongs to, None for the
    token of a job, which is no user. `refuses` is the status of every answer, if it is set."""

    author: str | None = None
    refuses: int | None = None

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.comments: list[dict[str, Any]] = []
        self.requests: list[tuple[str, str]] = []
        self.tokens: set[str] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def add(self, body: str, author: str) -> dict[str, Any]:
        """Add a comment of somebody, as the API shows it."""
        number = 100 + len(self.comments)
        entry = {
            "id": number, "body": body, "user": {"login": author}, "author": {"id": author},
            "html_url": f"https://example.org/{number}",
        }  # fmt: skip
        self.comments.append(entry)
        return entry

    def bodies(self, author: str) -> list[str]:
        """What somebody has written."""
        return [comment["body"] for comment in self.comments if comment["user"]["login"] == author]


class _Handler(BaseHTTPRequestHandler):
    server: Comments

    def _answer(self) -> None:
        server, url = self.server, urlsplit(self.path)
        server.requests.append((self.command, url.path))
        server.tokens.add(
            self.headers.get("Authorization") or self.headers.get("PRIVATE-TOKEN") or ""
        )
        length = int(self.headers.get("Content-Length") or 0)
        content = json.loads(self.rfile.read(length)) if length else {}
        status, answer = self._respond(url.path, parse_qs(url.query), content)
        data = json.dumps(answer).encode()
        self.send_response(server.refuses or status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _respond(
        self, path: str, query: dict[str, list[str]], content: dict[str, Any]
    ) -> tuple[int, Any]:
        server = self.server
        me = server.author or "github-actions[bot]"
        if path == "/user":
            return (403, {}) if server.author is None else (200, {"login": me, "id": me})
        if self.command == "GET" and path in (GITHUB, GITLAB):
            size, page = int(query["per_page"][0]), int(query["page"][0])
            return 200, server.comments[size * (page - 1) : size * page]
        if self.command == "POST" and path in (GITHUB, GITLAB):
            return 201, server.add(content["body"], me)
        number = int(path.rpartition("/")[2])
        entry = next(comment for comment in server.comments if comment["id"] == number)
        entry["body"] = content["body"]
        return 200, entry

    do_GET = do_POST = do_PATCH = do_PUT = _answer  # noqa: N815 (names that the base class reads)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Print nothing."""


@contextmanager
def comments_api() -> Iterator[Comments]:
    """A server that runs until the end of the block."""
    with Comments() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
