"""The package as others meet it: its names, its import, its wheel."""

import ast
import importlib
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import bayes_mirglmm as bm

ROOT = Path(__file__).resolve().parent.parent


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=120, check=False
    )


def test_every_public_name_is_there_and_typed():
    for name in bm.__all__:
        assert getattr(bm, name) is not None
    assert set(bm.__all__) == {"__version__", *bm._HOME}
    tree = ast.parse(Path(bm.__file__).read_text(encoding="utf-8"))
    seen = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert set(bm._HOME) <= seen  # type checkers read the imports, not __getattr__
    assert set(bm.__all__) <= set(dir(bm))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'fitt'"):
        bm.fitt  # noqa: B018


def test_no_public_name_is_also_a_module_of_the_package():
    # Importing such a module would put it in the place of the name.
    modules = {path.stem for path in Path(bm.__file__).parent.iterdir()}
    assert not modules & set(bm.__all__)


def test_importing_the_package_loads_nothing_heavy():
    code = (
        "import sys, bayes_mirglmm; "
        "print(*(m for m in ('numpy', 'pandas', 'numba', 'pymc', 'matplotlib') if m in sys.modules))"
    )
    assert python("-c", code).stdout.split() == []


def test_version_has_one_source():
    metadata = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = re.search(
        r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert bm.__version__ == metadata["version"]
    assert citation is not None
    assert citation[1] == metadata["version"]


def test_constraints_name_versions_only():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert len(pins) > 50
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+]+", line) for line in pins)
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    pinned = {re.sub(r"[-_.]+", "-", line.split("==")[0]).lower() for line in pins}
    assert {re.split(r"[>=<\[]", name)[0] for name in wanted} <= pinned


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_wheel_has_models_types_and_licence_and_nothing_else(built: Path):
    with zipfile.ZipFile(next(built.glob("*.whl"))) as archive:
        names = archive.namelist()
    shipped = {f"bayes_mirglmm/models/{path.name}" for path in (ROOT / "models").glob("*.toml")}
    assert shipped
    assert shipped <= set(names)
    assert "bayes_mirglmm/py.typed" in names
    templates = ROOT / "bayes_mirglmm" / "report" / "templates"
    page = {f"bayes_mirglmm/report/templates/{path.name}" for path in templates.iterdir()}
    assert {path.rsplit(".")[-1] for path in page} == {"html", "css", "js"}
    assert page <= set(names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"bayes_mirglmm"}
    assert not [name for name in names if "__pycache__" in name]


def test_the_description_on_a_package_index_links_nothing_that_is_not_there(built: Path):
    with zipfile.ZipFile(next(built.glob("*.whl"))) as archive:
        name = next(name for name in archive.namelist() if name.endswith("METADATA"))
        description = archive.read(name).decode().split("\n\n", 1)[1]
    targets = re.findall(r"\]\(([^)]+)\)", description)
    assert targets
    assert [target for target in targets if not target.startswith("https://")] == []
    assert "<!--" not in description
    assert "![" not in description
    # The examples are the README's, character by character.
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    code = re.compile(r"^```\w+\n.*?^```", re.MULTILINE | re.DOTALL)
    assert code.findall(description) == code.findall(readme)


def test_every_declared_minimum_can_be_installed_as_such():
    """`make test-lowest` reads ``name>=lowest[,<bound]``; internals that are used have an upper bound."""
    metadata = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    form = re.compile(r"[\w-]+>=[\d.]+(,<[\d.]+)?")
    assert all(form.fullmatch(line) for line in metadata["dependencies"])
    bounded = {re.split(r">=", line)[0] for line in metadata["dependencies"] if ",<" in line}
    assert bounded >= {"numba", "nutpie", "rdata"}


def test_the_source_distribution_has_tests_and_models(built: Path):
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "tests/test_packaging.py"} <= names
    assert {f"models/{path.name}" for path in (ROOT / "models").glob("*.toml")} <= names


def test_every_module_imports():
    package = Path(bm.__file__).parent
    for path in sorted(package.rglob("*.py")):
        name = ".".join(path.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__")
        if not name.endswith("__main__"):
            importlib.import_module(name)
