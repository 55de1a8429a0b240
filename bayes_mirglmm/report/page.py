"""The page: the template, filled; styles, scripts and data inside it.

Three contexts, three rules. In HTML Jinja escapes every value. In the JSON block no ``<``, ``>`` or ``&`` is left, so
that no name can close the block. The scripts put names on the page as text, never as HTML. The Content-Security-Policy
allows this page's own style and script (by their hash) and nothing else: no network, no injected code.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

TEMPLATES = "bayes_mirglmm.report", "templates"
STYLE = "report.css"
#: In the order in which they need each other; ``start.js`` runs the page.
SCRIPTS = (
    "elements.js",
    "numbers.js",
    "axes.js",
    "saving.js",
    "table.js",
    "scatter.js",
    "filters.js",
    "mirna.js",
    "samples.js",
    "start.js",
)
#: What could end a script block, start an entity, or (U+2028, U+2029) end a line of JavaScript.
UNSAFE_IN_SCRIPT = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}


def render(content: Mapping[str, Any]) -> str:
    """Return the page.

    Parameters
    ----------
    content : mapping
        The template's variables; ``data`` is what the scripts read, as plain JSON-able values.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(*TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = _asset(STYLE)
    script = '(() => {\n"use strict";\n' + "\n".join(_asset(name) for name in SCRIPTS) + "})();\n"
    return environment.get_template("report.html").render(
        {
            **content,
            "data": embedded_json(content["data"]),
            "style": Markup(style),
            "script": Markup(script),
            "policy": f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; img-src data:",
        }
    )


def embedded_json(value: Any) -> Markup:
    """Return ``value`` as JSON that may stand inside a script element of an HTML page."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.translate(UNSAFE_IN_SCRIPT))


def _asset(name: str) -> str:
    package, folder = TEMPLATES
    return files(package).joinpath(folder, name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
    return f"'sha256-{digest}'"
