"""Model files: where they are, and from TOML to :class:`~doseline.model.spec.Model`."""

from __future__ import annotations

import importlib.resources
import re
import tomllib
from pathlib import Path
from typing import Any

from doseline.errors import InputError, ModelError, did_you_mean
from doseline.model.sections import read_sections
from doseline.model.spec import Model
from doseline.model.validate import validate

LARGEST = 1_000_000
"""Bytes of one file."""
_MODEL, _STUDY = ".toml", ".study.toml"
MOST_DOTS = 100
"""Dots of one line: the TOML reader takes the square of the number of dots in a key."""


def library_folder() -> Path:
    """Give the folder of the models and studies that ship with doseline."""
    packed = Path(str(importlib.resources.files("doseline") / "models"))
    return packed if packed.is_dir() else Path(__file__).resolve().parents[3] / "models"


def library() -> dict[str, Path]:
    """Give the models of the library, by name.

    >>> "isotretinoin" in library()
    True
    """
    files = [path for path in library_folder().glob(f"*{_MODEL}") if not path.name.endswith(_STUDY)]
    # by name and not by file: "-micro" sorts before ".toml"
    return {path.stem: path for path in sorted(files, key=lambda path: path.stem)}


def studies() -> dict[str, Path]:
    """Give the studies of the library, by name."""
    files = library_folder().glob(f"*{_STUDY}")
    return dict(sorted((path.name.removesuffix(_STUDY), path) for path in files))


def load_model(name_or_path: str | Path | Model) -> Model:
    """Load a model of the library by its name, or one of your own by the path of its file.

    Parameters
    ----------
    name_or_path : str or Path   "isotretinoin" is looked up in the library; what ends in .toml or has a
        folder in it is a file. A Model is given back as it is.

    Raises
    ------
    InputError : no such model or file.   ModelError : the file has mistakes; all of them are named.

    >>> load_model("isotretinoin").default_output
    'plasma'
    """
    if isinstance(name_or_path, Model):
        return name_or_path
    if not isinstance(name_or_path, (str, Path)):
        raise InputError(
            f"found {type(name_or_path).__name__}",
            place="model",
            advice="give a name, the path of a file, or a model from dl.load_model",
        )
    name = str(name_or_path)
    if isinstance(name_or_path, Path) or name.endswith(_MODEL) or "/" in name or "\\" in name:
        return read_model(read_text(Path(name)), place=name)
    shipped = library()
    if name not in shipped:
        known = did_you_mean(name, shipped, "models")
        raise InputError(
            f"unknown model '{name}'",
            advice=f"{known}\na model of your own: give its path, such as './{name}.toml'",
        )
    return read_model(read_text(shipped[name]), place=f"models/{name}{_MODEL}")


def read_text(path: Path) -> str:
    """Give the text of a TOML file. Raises InputError where there is none, ModelError where it is no text."""
    try:
        if not path.is_file():
            shipped = library()
            stem = path.name.removesuffix(_MODEL)
            named = f"'{stem}' is in the library: give the name without {_MODEL}" if stem in shipped else ""
            raise InputError(
                "no such file",
                place=str(path),
                advice=named or "look at the path, or give the name of a model: " + ", ".join(shipped),
            )
        if path.stat().st_size > LARGEST:
            raise ModelError(
                f"{path.stat().st_size} bytes", place=str(path), advice=f"a model file has at most {LARGEST}"
            )
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ModelError(
            f"byte {error.start} is not UTF-8 text", place=str(path), advice="save the file as UTF-8"
        ) from None
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}", place=str(path), advice="look at its permissions"
        ) from None


def read_toml(text: str, *, place: str) -> dict[str, Any]:
    """Parse TOML. Raises :class:`~doseline.errors.ModelError` with line and column."""
    if len(text) > LARGEST:
        raise ModelError(f"{len(text)} characters", place=place, advice=f"a file has at most {LARGEST}")
    for number, line in enumerate(text.split("\n"), start=1):
        if line.count(".") > MOST_DOTS:
            raise ModelError(
                f"line {number} has more than {MOST_DOTS} dots", place=place, advice="break the line"
            )
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ModelError(
            "brackets nested too deeply", place=place, advice="a model file needs three levels"
        ) from None
    except ValueError as error:
        raise ModelError(
            f"not readable as TOML: {error}",
            place=place,
            advice="texts stand in quotes, each key = value on a line of its own",
        ) from None


def read_model(text: str, *, place: str = "model text") -> Model:
    """Read and check the text of a model file.

    Raises
    ------
    ModelError : with every mistake of the file, each with its section.
    """
    raw = read_toml(text, place=place)
    if "study" in raw and "parameters" not in raw:
        raise ModelError("this is a study, not a model", place=place, advice=f"run it: doseline run {place}")
    draft = read_sections(raw, place)
    validate(draft)
    if draft.problems or draft.header is None or draft.source is None:
        raise ModelError.collect(draft.problems)
    return Model(
        name=draft.header.name or _name_of(place),
        title=draft.header.title,
        version=draft.header.version,
        source=draft.source,
        covariates=draft.covariates,
        parameters=draft.parameters,
        individual=draft.individual,
        compartments=draft.compartments,
        variables=draft.variables,
        flows=tuple(draft.flows.values()),
        rates=draft.rates,
        initial=draft.initial,
        routes=draft.routes,
        formulations=draft.formulations,
        outputs=draft.outputs,
        variability=draft.variability,
        occasions=draft.occasions,
        blocks=draft.blocks,
        residual=draft.residual,
        uncertainty=draft.uncertainty,
        checks=tuple(check for _, check in draft.checks),
        text=text,
        path=place,
    )


def _name_of(place: str) -> str:
    """Name of a model that its file does not name: that of the file, in the letters that names have."""
    letters = re.sub(r"[^A-Za-z0-9_-]+", "-", Path(place).name.removesuffix(_MODEL))
    return letters.strip("-_") or "model"
