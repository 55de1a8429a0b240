"""Draw which room knows which, from the contracts that import-linter checks, into the page for developers.

python docs/rooms.py            # print it
python docs/rooms.py --write    # put it into docs/development.md; a test holds the page to it
"""

import argparse
import ast
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "development.md"
FRAME = re.compile(r"(<!-- rooms: docs/rooms.py --write -->\n```text\n).*?(```\n)", re.DOTALL)
WIDTH = 118


def layers(root: Path = ROOT) -> list[list[str]]:
    """Return the rooms of each layer, the uppermost first."""
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    (rooms,) = (contract for contract in contracts if contract["type"] == "layers")
    return [[name.strip(" ()") for name in layer.split("|")] for layer in rooms["layers"]]


def arrays_only(root: Path = ROOT) -> set[str]:
    """Return the rooms that may know neither labels nor tables."""
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    return {
        module.rpartition(".")[2]
        for contract in contracts
        if contract["id"] == "arrays"
        for module in contract["source_modules"]
    }


def purpose(room: str, root: Path = ROOT) -> str:
    """Return the first sentence of a room's docstring."""
    folder = root / "bayes_mirglmm" / room
    path = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split())


def picture(root: Path = ROOT) -> str:
    """Return the layers as text: a room knows those below the line under it."""
    plain = arrays_only(root)
    lines = []
    for place, rooms in enumerate(layers(root)):
        if place:
            lines.append("-" * WIDTH)
        for room in rooms:
            line = f"{room:<13} {'[]' if room in plain else '  '} {purpose(room, root)}"
            lines.append(line if len(line) <= WIDTH else line[: WIDTH - 4].rstrip(" ,;:") + " ...")
    return "\n".join(lines) + "\n"


def renewed(page: str, root: Path = ROOT) -> str:
    """Return the page with the picture as it is now."""
    return FRAME.sub(lambda found: found[1] + picture(root) + found[2], page)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="put it into docs/development.md")
    if parser.parse_args().write:
        PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        print(picture(), end="")
