import numpy as np

import bayes_mirglmm as bm
from bayes_mirglmm.methods.group_free import group_free_means
from bayes_mirglmm.model import load_model


def test_means_are_those_of_a_fit_without_the_variable() -> None:
    drawn = bm.simulate(4, n_mirnas=3, n_isomirs=5, usage=0.5, seed=2).counts
    drawn = drawn.assign_coords(batch=("sample", np.tile(["p", "q"], 4).astype(object)))
    for nuisance in ((), "batch"):
        fit = bm.fit(drawn, "~ 1", nuisance=nuisance, progress=False)
        counts = [drawn["counts"].values[drawn["mirna"].values == name] for name in fit.mirnas]
        means = group_free_means(
            counts,
            fit.data["offset"].values,
            fit.design.x,
            fit.design.z,
            fit.design.blocks,
            load_model("mirglmm"),
        )
        for mirna, y, found in zip(fit.mirnas, counts, means, strict=True):
            assert found is not None
            np.testing.assert_allclose(found[0], y - fit.residuals(mirna, "response").values, rtol=1e-6)
            np.testing.assert_allclose(found[1], fit.data["theta"].sel(mirna=mirna, model="full"), rtol=1e-6)
