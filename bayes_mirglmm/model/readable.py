"""A PyMC model that prints as the model that it is. Importing this module imports PyMC."""

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pymc as pm

from bayes_mirglmm.model.priors import LogNormal, Normal, SdPrior
from bayes_mirglmm.model.scaling import isomir_sd_priors
from bayes_mirglmm.model.spec import ModelSpec
from bayes_mirglmm.model.term_priors import term_labels

if TYPE_CHECKING:
    from bayes_mirglmm.design.build import Design


class ReadableModel(pm.Model):
    """A :class:`pymc.Model` with a description, which it shows in place of its address.

    The description is of the model as it was built; ``model.str_repr()`` lists the variables that it has now. What
    PyMC makes of it (``copy``, ``pm.do``, ``pm.observe``) is a plain :class:`pymc.Model`.

    Parameters
    ----------
    description : str
    *args, **kwargs
        Of :class:`pymc.Model`.
    """

    def __init__(self, description: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.description = description

    def __repr__(self) -> str:
        return self.description

    __str__ = __repr__

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.description)}</pre>"


def description(
    spec: ModelSpec,
    design: "Design",
    mirna: str,
    slope_terms: Sequence[str],
    blocks: Sequence[int],
    *,
    n_isomirs: int,
    has_covariance: bool = False,
) -> str:
    """Return the model in words and symbols: what is observed, its mean, and every prior with its numbers.

    Parameters
    ----------
    spec : ModelSpec
    design : Design
    mirna : str
    slope_terms : sequence of str, length K
        Columns with isomiR effects, of this model.
    blocks : sequence of int, length K
        Their covariance blocks.
    n_isomirs : int
    has_covariance : bool
        Whether the sample effects have a covariance that was given.
    """
    priors, sample = spec.priors, spec.priors.sd_sample is not None
    labels = term_labels(design.random)
    shared = [
        f"effect_{label}[{term.group}]"
        + (f" ({', '.join(term.names)})'" if term.names != ("Intercept",) else "")
        for label, term in zip(labels, design.random, strict=True)
    ]
    likelihood = "NegativeBinomial(mu, theta)" if priors.log_theta is not None else "Poisson(mu)"
    lines: list[tuple[str, str, str]] = [
        ("counts[isomir, sample_id]", "~", likelihood),
        ("log mu", "=", " + ".join(["offset", "x beta", "b z'", *(["u"] if sample else []), *shared])),
    ]
    for k, term in enumerate(design.terms):
        lines.append((f"beta[{term}]", "~", _normal(priors.beta if k else priors.intercept)))
    lines.append(("b[isomir]", "~", "MvNormal(0, omega)"))
    for term, own_prior in zip(slope_terms, isomir_sd_priors(priors, blocks), strict=True):
        lines.append((f"sd_isomir[{term}]", "~", _sd(own_prior)))
    for block in sorted(set(blocks)):
        own = [term for term, other in zip(slope_terms, blocks, strict=True) if other == block]
        if len(own) > 1:
            lines.append((f"correlation[{', '.join(own)}]", "~", f"LKJ({priors.correlation.eta:g})"))
    if priors.sd_sample is not None:
        of_samples = (
            "MvNormal(0, sd_sample^2 sample_covariance)" if has_covariance else "Normal(0, sd_sample)"
        )
        lines += [("u[sample_id]", "~", of_samples), ("sd_sample", "~", _sd(priors.sd_sample))]
    for label, random in zip(labels, design.random, strict=True):
        several = len(random.names) > 1
        prior = "MvNormal(0, sd and correlation)" if several else f"Normal(0, sd_effect_{label})"
        lines.append((f"effect_{label}[{len(random.levels)} levels]", "~", prior))
        lines += [(f"sd_effect_{label}[{name}]", "~", _sd(priors.sd_term)) for name in random.names]
        if several:
            correlation = f"correlation_effect_{label}[{', '.join(random.names)}]"
            lines.append((correlation, "~", f"LKJ({priors.correlation.eta:g})"))
    if priors.log_theta is not None:
        lines.append(("log theta", "~", _normal(priors.log_theta)))
    width = max(len(left) for left, _, _ in lines)
    body = "\n".join(f"{left:>{width}} {sign} {right}" for left, sign, right in lines)
    return (
        f"Model {spec.name} of {mirna}: {n_isomirs} isomiRs in {len(design.samples)} samples, {design.formula}\n\n"
        f"{body}\n\n"
        "Natural logs; the offset is log millions of reads. Priors of continuous columns are of one standard deviation."
    )


def _normal(prior: Normal) -> str:
    return f"Normal({prior.mean:g}, {prior.sd:g})"


def _sd(prior: SdPrior) -> str:
    if isinstance(prior, LogNormal):
        return f"LogNormal({prior.mean:g}, {prior.sd:g})"
    return f"HalfNormal({prior.scale:g})"
