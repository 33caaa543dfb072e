"""Pages from templates: one self-contained file each, everything escaped, nothing loaded.

What a page carries besides its markup, the style and the script, is named by its hash in the
content security policy, so that nothing else of that kind can take effect.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from pytest_detgate.record import formatting as words
from pytest_detgate.report.compiled_templates import CompiledTemplates

# The folder templates/ is mapped to this package by the build: it is reached by name only.
TEMPLATES = "pytest_detgate.templates"
STYLES = ("style.css", "charts.css")


def render(template: str, *, script: str = "", **context: object) -> str:
    """Render a template that extends `base.html.j2`.

    `script` is the name of the script the page carries, without which it carries none. The base
    template asks for `headline`, whose verdict colours the icon of the page.
    """
    style = Markup("\n".join(_asset(name) for name in STYLES))
    code = Markup(_asset(script)) if script else Markup("")
    return (
        _environment()
        .get_template(template)
        .render(
            style=style,
            style_hash=_hash(style),
            script=code,
            script_hash=_hash(code) if code else "",
            **context,
        )
    )


def render_plain(template: str, **context: object) -> str:
    """Render a template that is no page and carries neither style nor script."""
    return _environment().get_template(template).render(**context)


def _asset(name: str) -> str:
    return files(TEMPLATES).joinpath(name).read_text("utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(TEMPLATES, "."),
        bytecode_cache=CompiledTemplates((__name__, words.__name__)),
        auto_reload=False,
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=words.number,
        counted=words.counted,
        duration=words.duration,
        moment=words.moment,
        pixels=words.pixels,
        prose=prose,
    )
    return environment


def _visible(value: object) -> object:
    return words.visible(value) if isinstance(value, str) and type(value) is not Markup else value


def prose(text: str) -> Markup:
    """Set what is between backticks as code; where these do not pair, leave them."""
    parts = words.visible(text).split("`")
    if len(parts) % 2 == 0:
        return escape(words.visible(text))
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if index % 2 else escape(part)
        for index, part in enumerate(parts)
    )


def _hash(text: str) -> str:
    """Give the source expression that lets a content security policy accept this very text."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
