"""Directives that write the reference from the package itself, so that it cannot fall behind.

``public-names`` documents public names of the package; ``command-line`` all commands.
"""

from fnmatch import fnmatchcase
from inspect import isclass

import typer
import typer.cli
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from typer.main import get_command

import bayes_mirglmm
from bayes_mirglmm.cli.app import app


class PublicNames(SphinxDirective):
    """Document the public names that match the patterns in the content and stand in no directive before it."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return what autodoc makes of them, in the order of the patterns."""
        done = self.env.temp_data.setdefault("public_names", {"__version__"})
        patterns = " ".join(self.content).split()
        names = [
            name
            for pattern in patterns
            for name in bayes_mirglmm.__all__
            if fnmatchcase(name, pattern) and name not in done
        ]
        lines = []
        for name in dict.fromkeys(names):
            done.add(name)
            kind = _kind(getattr(bayes_mirglmm, name))
            lines += [f".. auto{kind}:: bayes_mirglmm.{name}", ""]
        return self._as_rest(lines)

    def _as_rest(self, lines: list[str]) -> list[nodes.Node]:
        if not lines:
            return []
        block = ["```{eval-rst}", *lines, "```"]
        node = nodes.Element()
        self.state.nested_parse(StringList(block, self.get_source_info()[0]), self.content_offset, node)
        return node.children


def _kind(thing: object) -> str:
    if not isclass(thing):
        return "function"
    return "exception" if issubclass(thing, Exception) else "class"


class CommandLine(SphinxDirective):
    """Document every command, as ``--help`` does."""

    def run(self) -> list[nodes.Node]:
        """Return a section for each command."""
        command = get_command(app)
        context = typer.Context(command, info_name="bayes-mirglmm")
        text = typer.cli.get_docs_for_click(obj=command, ctx=context, name="bayes-mirglmm")
        _, _, body = text.partition("\n")  # its title is the page's
        node = nodes.section()
        node.document = self.state.document
        lines = StringList(body.splitlines(), self.get_source_info()[0])
        self.state.nested_parse(lines, self.content_offset, node, match_titles=True)
        return node.children


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    app.add_directive("public-names", PublicNames)
    app.add_directive("command-line", CommandLine)
    return {"parallel_read_safe": True}
