"""`comment`: the summary of a run as the one comment on its pull or merge request."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_detgate.commands.shared.subcommands import Commands


def add(commands: Commands) -> None:
    """Declare the command."""
    comment = commands.add_parser(
        "comment",
        help="write the summary of a run as a comment on its pull or merge request",
        description="Write the summary of a run as the one comment on the pull request (GitHub, "
        "token in GITHUB_TOKEN) or merge request (GitLab, token in DETGATE_GITLAB_TOKEN) that this "
        "CI job belongs to. The next run replaces it. Print its address.",
    )
    comment.add_argument(
        "summary",
        type=Path,
        nargs="?",
        default=Path("detgate-report", "summary.md"),
        metavar="SUMMARY.md",
        help="default: %(default)s",
    )
    comment.add_argument(
        "--key",
        default="detgate.toml",
        help="tells the comments of several gates apart (default: %(default)s)",
    )
    # A job that uploads no page has none.
    comment.add_argument(
        "--link",
        type=str,
        default="",
        metavar="URL",
        help="address of the page, for a link in the comment",
    )
    comment.add_argument(
        "--exit-code",
        type=int,
        default=0,
        metavar="N",
        help="exit code of the run, which the comment names where there is no summary",
    )
    comment.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> None:
    """Write the comment and print its address; without a request only say so."""
    from pytest_detgate.publishing.comment import (
        NoRequestError,
        comment_body,
        host_of,
        write_comment,
    )
    from pytest_detgate.regular_file import read_regular_text

    try:
        host = host_of(os.environ)
    except NoRequestError as error:
        print(error, file=sys.stderr)
        return
    try:
        summary = read_regular_text(chosen.summary)
    except (OSError, UnicodeDecodeError):
        summary = ""
    body = comment_body(summary, key=chosen.key, link=chosen.link, exit_code=chosen.exit_code)
    print(write_comment(host, body))
