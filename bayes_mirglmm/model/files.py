"""Finding and reading model files."""

import os
import tomllib
from pathlib import Path

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.model import check
from bayes_mirglmm.model.spec import ModelSpec

MAX_BYTES = 50_000  # a model file has some 60 lines
LONGEST_LINE = 2_000  # characters; tomllib takes half a minute for a key with 20,000 dots


def load_model(model: str | Path | ModelSpec) -> ModelSpec:
    """Read a model specification.

    Parameters
    ----------
    model : str, Path or ModelSpec
        The name of a shipped model (``"mirglmm"``, ``"poisson"``, ``"reduced"``), the path of a TOML file in
        the same layout, or a specification, which is returned as it is. A shipped name wins over a file of
        the same name in the working directory; ``"./mirglmm"`` is the file.

    Returns
    -------
    ModelSpec

    Raises
    ------
    InputError
        There is no such model or file, or the file is not a valid specification; the message names the file,
        the key (or, where the TOML itself is broken, the line) and what is allowed.
    """
    if isinstance(model, ModelSpec):
        return model
    if not isinstance(model, str | Path):
        raise InputError(f"model is {model!r}: give the name of a shipped model or the path of a TOML file.")
    shipped = shipped_models()
    path = shipped.get(model, Path(model)) if isinstance(model, str) else model
    if not os.path.exists(path):
        names = ", ".join(shipped)
        if isinstance(model, Path) or os.sep in model or path.suffix:
            raise InputError(f"there is no model file {str(path)!r}. Check the path, or use one of: {names}.")
        raise InputError(
            f"{check.unknown('model', 'name', model, list(shipped))} For a model of your own, copy one of "
            "their files, change it and give its path."
        )
    return ModelSpec.from_dict(_read_toml(path), where=str(path))


def shipped_models() -> dict[str, Path]:
    """Return the model files that come with the package, by name, the default first."""
    files = {path.stem: path for path in sorted(_models_folder().glob("*.toml"))}
    return {name: files[name] for name in sorted(files, key=lambda name: (name != "mirglmm", name))}


def _models_folder() -> Path:
    package = Path(__file__).resolve().parent.parent
    in_wheel, in_repository = package / "models", package.parent / "models"
    # The wheel's first: beside an installed package stands site-packages, whose "models" is somebody else's.
    return in_wheel if in_wheel.is_dir() else in_repository


def _read_toml(path: Path) -> dict[str, object]:
    if not path.is_file():
        raise InputError(f"model file {str(path)!r} is not a file: give the path of a TOML file.")
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path} is larger than {MAX_BYTES} bytes: this is not a model file.")
        text = path.read_bytes().decode("utf-8-sig")
        for number, line in enumerate(text.splitlines(), 1):
            if len(line) > LONGEST_LINE:
                raise InputError(
                    f"{path}, line {number}: {len(line):,} characters, and no model file has a line of more than "
                    f"{LONGEST_LINE:,}. Compare it with models/mirglmm.toml."
                )
        return tomllib.loads(text)
    except OSError as error:
        raise InputError(f"cannot read model file {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: byte {error.start} is not UTF-8 text: save the file as UTF-8.") from error
    except RecursionError:
        raise InputError(
            f"{path} is nested too deeply to be a model file. Compare it with models/mirglmm.toml."
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(
            f"{path} is not valid TOML: {error}. Compare that line with models/mirglmm.toml."
        ) from error
