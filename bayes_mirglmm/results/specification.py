"""The model that a dataset of a fit remembers: JSON in an attribute there, a value everywhere else."""

import json

import xarray as xr

from bayes_mirglmm.model import ModelSpec


def spec_of(data: xr.Dataset) -> ModelSpec:
    """Return the specification of the model that was fitted.

    Raises
    ------
    InputError
        What the dataset says is no model.
    """
    return ModelSpec.from_dict(json.loads(data.attrs["model"]), where="the model of the fit")


def spec_as_json(spec: ModelSpec) -> str:
    """Return what :func:`spec_of` reads."""
    return json.dumps(spec.to_dict())
