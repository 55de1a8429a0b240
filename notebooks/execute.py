"""Run the notebooks of this folder and store their outputs: `python notebooks/execute.py [NOTEBOOK ...]`.

What is stored is the same on every machine: no times, no counters of the kernel, no paths, keys sorted.
"""

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).resolve().parent
#: Where Jupyter reads and writes: a new folder, so that the user's own configuration plays no part.
PRIVATE = ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")


def execute(path: Path, *, timeout: float = 1200.0) -> nbformat.NotebookNode:
    """Run a notebook in a new folder that has a copy of ``data``, and return it with its outputs.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        A cell raises.
    """
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as private:
        shutil.copytree(HERE / "data", Path(folder) / "data")
        client = NotebookClient(
            notebook, timeout=timeout, kernel_name="python3", resources={"metadata": {"path": folder}}
        )
        manager = client.create_kernel_manager()
        manager.transport, manager.ip = "ipc", f"{private}/kernel"  # files in place of ports
        manager.connection_file = f"{private}/kernel.json"
        client.execute(env=os.environ | dict.fromkeys(PRIVATE, private))
    return tidy(notebook)


def tidy(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return a notebook with what a reader needs and nothing else."""
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    code = 0
    for i, cell in enumerate(notebook.cells):
        cell.id = f"cell-{i + 1:02d}"
        cell.metadata = nbformat.from_dict({k: v for k, v in cell.metadata.items() if k == "tags"})
        if cell.cell_type == "code":
            code += 1
            cell.execution_count = code
            cell.outputs = joined(cell.outputs)
            for output in cell.outputs:
                output.pop("transient", None)
                if "execution_count" in output:
                    output.execution_count = code
                if "metadata" in output:
                    output.metadata = nbformat.from_dict({})
    return notebook


def joined(outputs: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Return outputs with what follows on the same stream in one piece: how it was cut is a matter of time."""
    found: list[nbformat.NotebookNode] = []
    for output in outputs:
        last = found[-1] if found else None
        if last and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
        else:
            found.append(output)
    return found


def stderr(notebook: nbformat.NotebookNode) -> list[str]:
    """Return what cells wrote to standard error, warnings among it."""
    return [
        output.text
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type == "stream" and output.name == "stderr"
    ]


def main() -> None:
    """Run the notebooks that the command line names, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("notebooks", nargs="*", type=Path)
    for path in parser.parse_args().notebooks or sorted(HERE.glob("*.ipynb")):
        notebook = execute(path)
        if messages := stderr(notebook):
            sys.exit(f"{path} writes to standard error:\n{''.join(messages)}")
        nbformat.validate(notebook)
        path.write_text(nbformat.writes(notebook, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
