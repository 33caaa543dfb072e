"""Small requests to a JSON API."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

_SECONDS = 30
_MOST_BYTES = 32 << 20


class HttpError(Exception):
    """A request that failed; `status` is None where there was no answer."""

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: it would send the token to another host."""

    def redirect_request(self, *_: object) -> None:
        return None


def send(method: str, url: str, headers: Mapping[str, str], content: object = None) -> Any:
    """Send a request with JSON and return the JSON of the answer; `HttpError` if it fails."""
    if not url.startswith(("https://", "http://")):
        raise HttpError(f"{url}: not an address of the web")
    request = urllib.request.Request(
        url,
        method=method,
        headers={"Content-Type": "application/json", "User-Agent": "pytest-detgate", **headers},
        data=None if content is None else json.dumps(content).encode(),
    )
    opener = urllib.request.build_opener(_NoRedirect)
    try:
        with opener.open(request, timeout=_SECONDS) as answer:
            return json.loads(answer.read(_MOST_BYTES))
    except urllib.error.HTTPError as error:
        raise HttpError(f"{method} {url}: {error.code} {error.reason}", error.code) from None
    except (OSError, http.client.HTTPException) as error:
        raise HttpError(f"{method} {url}: {getattr(error, 'reason', error)}") from None
    except ValueError:
        raise HttpError(f"{method} {url}: the answer is no JSON") from None
