"""The recipes under packaging/: held to the project, and the script of the nf-core module run."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import bayes_mirglmm as bm
from bayes_mirglmm.methods.registry import METHODS
from bayes_mirglmm.simulation.export import write_simulation

ROOT = Path(__file__).resolve().parents[1]
RECIPES = ROOT / "packaging"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
#: conda-forge parts these packages into a library and what it needs for drawing or compiling.
CONDA = {"matplotlib": "matplotlib-base", "pymc": "pymc-base", "pytensor": "pytensor-base"}


def text(name: str) -> str:
    return (RECIPES / name).read_text(encoding="utf-8")


def test_the_conda_recipe_asks_for_what_the_package_asks_for():
    recipe = text("bioconda/meta.yaml")
    wanted = {re.match(r"[\w-]+", one)[0]: re.sub(r"^[\w-]+", "", one) for one in PROJECT["dependencies"]}  # type: ignore[index]
    wanted = {CONDA.get(name, name): limits for name, limits in wanted.items()} | {"python": ">=3.12"}
    listed = re.search(r"  run:\n(.*?)\n\n", recipe, re.DOTALL)[1]  # type: ignore[index]
    found = dict(re.findall(r"- (\S+) (\S+)", listed))
    assert found == wanted
    assert f'version = "{PROJECT["version"]}"' in recipe
    assert PROJECT["requires-python"] == ">=3.12"
    entry = PROJECT["scripts"]["bayes-mirglmm"]
    assert f"bayes-mirglmm = {entry}" in recipe


def test_the_image_has_a_python_that_the_package_is_tried_with():
    bases = re.findall(r"^FROM python:(\d+\.\d+)-\S+", text("Dockerfile"), re.MULTILINE)
    assert len(set(bases)) == 1
    assert f"Programming Language :: Python :: {bases[0]}" in PROJECT["classifiers"]
    assert (ROOT / ".python-version").read_text().strip() == bases[0] or bases[0] > "3.12"


def test_the_image_has_the_machine_code_of_every_method():
    """Maximum likelihood is where the others start from."""
    fitted = re.search(r"for method in ([\w ]+);", text("Dockerfile"))[1].split()  # type: ignore[index]
    assert {"ml", *fitted} == set(METHODS)
    assert '--method "$method"' in text("Dockerfile")


def test_the_module_has_an_output_for_each_that_its_description_names():
    module, meta = (text(f"nf-core/bayesmirglmm/fit/{name}") for name in ("main.nf", "meta.yml"))
    emitted = re.findall(r"emit: (\w+)", module)
    outputs = meta.partition("\noutput:\n")[2].partition("\ntopics:\n")[0]
    assert re.findall(r"^  (\w+):$", outputs, re.MULTILINE) == emitted
    for name in ("counts.tsv", "samples.tsv"):
        assert f"${{moduleDir}}/tests/{name}" in text("nf-core/bayesmirglmm/fit/tests/main.nf.test")
        assert (RECIPES / "nf-core/bayesmirglmm/fit/tests" / name).exists()


@pytest.mark.parametrize("block", ["script", "stub"])
def test_the_script_of_the_module_makes_the_files_that_it_declares(block, tmp_path):
    module = text("nf-core/bayesmirglmm/fit/main.nf")
    write_simulation(bm.simulate(3, ("ctrl", "case"), n_mirnas=4, n_isomirs=4, seed=2), tmp_path)
    body = re.search(rf'    {block}:.*?"""\n(.*?)"""', module, re.DOTALL)[1]  # type: ignore[index]
    values = {
        "counts": "counts.tsv", "samples": "samples.tsv", "design": "~ group", "level": "--reference 'group=ctrl'",
        "task.cpus": "1", "prefix": "one", "args": "--no-filter", "task.process": "BAYESMIRGLMM_FIT",
    }  # fmt: skip
    for name, value in values.items():
        body = body.replace("${" + name + "}", value)
    body = "\n".join(
        line.removeprefix("    ") for line in body.replace("\\$", "$").replace("\\\\", "\\").splitlines()
    )
    assert "${" not in body
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-eu", "-c", body],
        cwd=tmp_path,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for declared in re.findall(r'path\("\$\{prefix\}([^"]*)"\)', module):
        assert (tmp_path / f"one{declared}").exists(), declared
    command = re.search(r"""eval\("(.*?)"\), topic: versions""", module)[1]  # type: ignore[index]
    said = subprocess.run(
        ["bash", "-eu", "-c", command],
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.strip() == bm.__version__
    assert f'"{command}":' in text("nf-core/bayesmirglmm/fit/meta.yml")
