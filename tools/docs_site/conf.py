"""Settings of Sphinx for the documentation site; `make docs-site` assembles its pages first."""

from __future__ import annotations

import re
from pathlib import Path

_VERSION = Path(__file__).resolve().parents[2] / "pytest_detgate" / "__init__.py"

project = "pytest-detgate"
author = "the pytest-detgate contributors"
copyright = author  # noqa: A001 - Sphinx names it
release = re.findall(r'__version__ = "(.+)"', _VERSION.read_text(encoding="utf-8"))[0]

extensions = ["myst_parser"]
# Anchors of headings, as GitHub makes them: a link to a missing one is a warning, which fails.
myst_heading_anchors = 3
suppress_warnings = ["myst.header"]  # pages of rules begin with the rule's own headings
smartquotes = False  # they make a dash of the beginning of an option
html_theme = "furo"
html_title = "pytest-detgate"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
pygments_style = "friendly"
pygments_dark_style = "github-dark"
