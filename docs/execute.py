"""Run the code blocks of documents, and hold the output that they show to what comes out.

    python docs/execute.py docs/tutorial.md            # report what differs
    python docs/execute.py --write docs/tutorial.md    # put the output into the page

The blocks of a page run in order, in one new folder and one Python process. What a fence says decides:

========== =========================================================================================
sh         run by bash; an error ends the page
python     run, with warnings as errors and the names of earlier blocks
text       after one of these: what it printed. Numbers may differ by 2 %, or by 2 in the last digit
any other  left alone (R, bash, ...)
========== =========================================================================================

A block with the first line ``# file: NAME`` is written to that file and not run. A picture that the page shows and
that a block drew under the same file name is renewed with ``--write``.
"""

import argparse
import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^```([^\n`]*)\n(.*?)^```$\n?", re.MULTILINE | re.DOTALL)
IMAGE = re.compile(r"!\[[^\]]*\]\(([^)]+)\)")
NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?")
RELATIVE = 0.02


@dataclass
class Block:
    """A code block, with the output that the page shows for it."""

    language: str
    code: str
    end: int  #: where the block ends in the page
    shown: str | None = None
    shown_end: int = 0


def blocks(page: str) -> list[Block]:
    """Return the blocks of a page, each with the text block that follows it directly."""
    found: list[Block] = []
    for match in FENCE.finditer(page):
        language, code = match.groups()
        last = found[-1] if found else None
        if language == "text" and last and last.shown is None and not page[last.end : match.start()].strip():
            last.shown, last.shown_end = code, match.end()
        else:
            found.append(Block(language, code, match.end()))
    return found


def run(found: list[Block], folder: Path) -> Iterator[str]:
    """Run the blocks in ``folder`` and yield what each prints."""
    names: dict[str, object] = {"__name__": "__main__"}
    for block in found:
        out = io.StringIO()
        if block.code.startswith("# file: "):
            name = block.code.splitlines()[0].removeprefix("# file: ").strip()
            (folder / name).write_text(block.code, encoding="utf-8")
        elif block.language == "sh":
            out.write(_shell(block.code, folder))
        elif block.language == "python":
            with contextlib.redirect_stdout(out), contextlib.chdir(folder), warnings.catch_warnings():
                warnings.simplefilter("error")
                exec(compile(block.code, "<block>", "exec"), names)
        yield "\n".join(line.rstrip() for line in out.getvalue().strip("\n").splitlines())


def _shell(code: str, folder: Path) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-eu", "-c", code],
        cwd=folder,
        env=os.environ | {"PATH": path, "COLUMNS": "110"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"exit code {done.returncode} of\n{code}\n{done.stderr}")
    return done.stdout


def same(shown: str, printed: str) -> bool:
    """Tell whether two outputs agree: words exactly, numbers nearly, whatever the space between them."""
    if NUMBER.sub("0", shown).split() != NUMBER.sub("0", printed).split():
        return False
    pairs = zip(NUMBER.findall(shown), NUMBER.findall(printed), strict=True)
    return all(_near(a, b) for a, b in pairs)


def _near(shown: str, printed: str) -> bool:
    a, b = (float(text.replace(",", "")) for text in (shown, printed))
    decimals = len(shown.partition("e")[0].partition(".")[2])
    digit = 10.0**-decimals if "." in shown and "e" not in shown else 0.0
    return abs(a - b) <= max(RELATIVE * max(abs(a), abs(b)), 2 * digit)


def execute(path: Path, *, write: bool) -> list[str]:
    """Run a page; return what differs, or write the output into it."""
    page = path.read_text(encoding="utf-8")
    found = blocks(page)
    problems = []
    with tempfile.TemporaryDirectory() as folder:
        printed = list(run(found, Path(folder)))
        drawn = [path.parent / image for image in IMAGE.findall(page)]
        for image in drawn if write else ():
            if (Path(folder) / image.name).exists():
                shutil.copy(Path(folder) / image.name, image)
    for block, output in reversed(list(zip(found, printed, strict=True))):
        if block.shown is None:
            continue
        if write:
            start = page.index("```text\n", block.end)
            page = f"{page[:start]}```text\n{output}\n```\n{page[block.shown_end :]}"
        elif not same(block.shown, output):
            problems.append(f"{path}:\n{block.code}\nshows\n\n{block.shown}\nbut prints\n\n{output}\n")
    if write:
        path.write_text(page, encoding="utf-8")
    return problems[::-1]


def main() -> None:
    """Run the pages that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("pages", nargs="+", type=Path)
    parser.add_argument("--write", action="store_true", help="put the output into the pages")
    options = parser.parse_args()
    os.environ["MPLBACKEND"] = "Agg"
    problems = [problem for page in options.pages for problem in execute(page, write=options.write)]
    sys.exit("\n".join(problems) or None)


if __name__ == "__main__":
    main()
