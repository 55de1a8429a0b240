"""Reference posteriors and evidences of real miRNAs by NUTS, from the readable PyMC model alone.

    python benchmarks/agreement_nuts.py posterior --draws FOLDER    # samples; FOLDER keeps the draws
    python benchmarks/agreement_nuts.py evidence --draws FOLDER     # bridge sampling of those draws

Both write tables to benchmarks/results. Whatever FOLDER holds is not sampled again, so a run can be stopped and
resumed. The data folder is that of the tests: BAYES_MIRGLMM_SHARED, by default ../shared.
"""

import argparse
import json
import os
import platform
import time
import warnings
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.metadata import version
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

import bayes_mirglmm as bm
from bayes_mirglmm.evidence.bridge import bridge_sampling

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("BAYES_MIRGLMM_SHARED", ROOT.parent / "shared"))
RESULTS = ROOT / "benchmarks" / "results"
FORMULA = "~ group"
REFERENCE = {"mirdata": "cc", "tcga_hnsc": "normal"}
SEED = 20

# (data set, number of isomiRs): miRNAs, those with evidence marked. Chosen from the ML fit for their range: small and
# large J, slope variance at zero ("boundary") and not, likelihood-ratio statistics of 0 to 86. Few distinct J, because
# every shape is compiled anew.
SELECTION = {
    ("mirdata", 10): "miR-660-5p* let-7d-3p miR-150-5p miR-335-5p* miR-20a-5p*",
    ("tcga_hnsc", 5): "miR-141-5p* miR-126-5p miR-128-3p miR-193a-5p",
    ("mirdata", 4): "miR-323b-3p",
    ("tcga_hnsc", 9): "miR-200a-5p miR-532-5p miR-9-5p*",
    ("mirdata", 15): "miR-1249-3p miR-28-5p miR-574-3p miR-142-5p* miR-873-5p*",
    ("tcga_hnsc", 16): "miR-142-3p miR-451a miR-320a-3p*",
    ("tcga_hnsc", 12): "miR-17-5p* miR-29b-3p miR-27b-3p*",
    ("mirdata", 34): "miR-409-3p*",
    ("mirdata", 30): "miR-181a-3p miR-134-5p",
    ("tcga_hnsc", 30): "miR-182-5p",
    ("mirdata", 69): "miR-101-3p*",
    ("mirdata", 114): "miR-127-3p*",
}
MODELS = {"full": "mirglmm", "reduced": "reduced"}
# A second run with smaller steps where the first diverged, mixed badly or is too short for its quantiles.
SETTINGS = (
    {"tune": 1000, "draws": 3000, "target_accept": 0.95},
    {"tune": 2000, "draws": 8000, "target_accept": 0.99},
)
# Sampled longer, from another seed: after 3000 draws the ends of their intervals had Monte Carlo errors up to 0.07 SD
# and lay more than 0.1 SD away from those of method="laplace", or nearly so.
LONGER = ["let-7d-3p", "miR-1249-3p", "miR-873-5p", "miR-134-5p", "miR-409-3p", "miR-532-5p"]
LONG_SETTINGS = {"tune": 1000, "draws": 12000, "target_accept": 0.95}
CHAINS = 4
MOST_DRAWS = 3000  # of a chain that bridge sampling uses; longer chains are thinned


@dataclass(frozen=True)
class Task:
    dataset: str
    n_isomirs: int
    mirna: str
    model: str

    def file(self, folder: Path) -> Path:
        return folder / f"{self.dataset}_{self.mirna}_{self.model}.npz"


def tasks() -> list[Task]:
    """Every model to sample; those that share a compiled shape stand together."""
    found = []
    for (dataset, n_isomirs), names in SELECTION.items():
        found += [Task(dataset, n_isomirs, f"hsa-{name.rstrip('*')}", "full") for name in names.split()]
        found += [
            Task(dataset, n_isomirs, f"hsa-{name[:-1]}", "reduced")
            for name in names.split()
            if name[-1] == "*"
        ]
    return found


@cache
def counts(dataset: str) -> xr.Dataset:
    folder = SHARED / "data" / dataset
    return bm.filter_counts(bm.read_counts(folder / "counts.tsv.gz", samples=folder / "samples.tsv"))


def readable_model(task: Task):
    reference = {"group": REFERENCE[task.dataset]}
    model = bm.build_model(
        counts(task.dataset), task.mirna, FORMULA, reference=reference, model=MODELS[task.model]
    )
    assert len(model.coords["isomir"]) == task.n_isomirs, (task, len(model.coords["isomir"]))
    return model


def observed(model) -> np.ndarray:
    return np.asarray(model.rvs_to_values[model["counts"]].data)


def with_shared_counts(model):
    """Make the counts of a model exchangeable, so that all miRNAs with as many isomiRs use one compilation."""
    import pytensor

    rv = model["counts"]
    constant = model.rvs_to_values[rv]
    shared = pytensor.shared(observed(model), name="observed_counts")
    model.rvs_to_values[rv] = shared
    del model.values_to_rvs[constant]
    model.values_to_rvs[shared] = rv
    return model


# ---------------------------------------------------------------------------------------------- posterior


def sample_all(folder: Path, cores: int) -> None:
    import nutpie

    for _, group in groupby(tasks(), key=lambda t: (t.dataset, t.n_isomirs, t.model)):
        todo = list(group)
        if any(not task.file(folder).exists() for task in todo):
            start = time.perf_counter()
            compiled = nutpie.compile_pymc_model(
                with_shared_counts(readable_model(todo[0])),
                var_names=["sd_isomir", "correlation", "sd_sample", "theta"],
            )
            print(f"compiled {todo[0]} in {time.perf_counter() - start:.0f} s", flush=True)
            for task in todo:
                if not task.file(folder).exists():
                    sample(task, compiled, folder, cores)
        write_posterior(folder)


def sample(task: Task, compiled, folder: Path, cores: int) -> None:
    """Run NUTS until the diagnostics are clean or the settings used up, and keep the last run's draws."""
    import nutpie

    model = readable_model(task)
    compiled = compiled.with_data(observed_counts=observed(model))
    longer = task.model == "full" and task.mirna.removeprefix("hsa-") in LONGER
    seed = SEED + longer
    for settings in (LONG_SETTINGS,) if longer else SETTINGS:
        start = time.perf_counter()
        trace = nutpie.sample(
            compiled, chains=CHAINS, cores=cores, seed=seed, adaptation="low_rank", progress_bar=False,
            store_unconstrained=True, **settings,
        )  # fmt: skip
        seconds = time.perf_counter() - start
        values = quantities(trace.posterior)
        stats = trace.sample_stats
        checked_density(model, stats)
        diverging = int(stats["diverging"].sum())
        table = summarise(values)
        print(f"{task}: {seconds:.0f} s, {diverging} divergences, steps {float(stats['n_steps'].mean()):.0f}")
        print(table[["mean", "sd", "ess", "ess_tail", "rhat"]].to_string(), flush=True)
        clean = diverging <= 1e-3 * CHAINS * settings["draws"] and table["rhat"].max() < 1.01
        if clean and table.loc["log_fc", ["ess", "ess_tail"]].min() > 2000 and table["ess"].min() > 200:
            break
    np.savez(
        task.file(folder),
        unconstrained=stats["unconstrained_draw"].values,
        divergences=diverging, seconds=seconds, seed=seed, max_depth=int((stats["depth"] >= 10).sum()),
        **settings, **{f"value_{k}": v for k, v in values.items()},
    )  # fmt: skip


def quantities(posterior: xr.Dataset) -> dict[str, np.ndarray]:
    """What is compared, each (chain, draw)."""
    found = {
        "intercept": posterior["beta"][..., 0],
        "log_fc": posterior["beta"][..., 1],
        "sd_isomir_intercept": posterior["sd_isomir"][..., 0],
    }
    if posterior.sizes["slope_term"] > 1:
        found["sd_isomir_slope"] = posterior["sd_isomir"][..., 1]
        found["correlation"] = posterior["correlation"][..., 0, 1]
    found |= {"sd_sample": posterior["sd_sample"], "theta": posterior["theta"]}
    return {name: value.values for name, value in found.items()}


def checked_density(model, stats: xr.Dataset) -> None:
    """Stop unless the sampler's log density is that of the untouched model, up to nothing at all."""
    theirs = model.compile_logp(mode="FAST_COMPILE")
    for draw in (0, -1):
        point = to_point(model, stats["unconstrained_draw"].values[0, draw])
        np.testing.assert_allclose(stats["logp"].values[0, draw], theirs(point), rtol=1e-9)


def to_point(model, flat: np.ndarray) -> dict[str, np.ndarray]:
    """A flat draw as PyMC's dictionary of value variables, in the order of the free variables."""
    point, at = {}, 0
    for name, start in model.initial_point().items():
        point[name] = flat[at : at + start.size].reshape(start.shape)
        at += start.size
    assert at == len(flat)
    return point


def summarise(values: dict[str, np.ndarray]) -> pd.DataFrame:
    from arviz_stats.base import array_stats

    rows = {}
    for name, draws in values.items():
        q = {f"q{1000 * p:03.0f}": (np.quantile(draws, p), p) for p in (0.025, 0.975)}
        rows[name] = {
            "mean": draws.mean(), "sd": draws.std(ddof=1),
            **{key: value for key, (value, _) in q.items()},
            "mcse_mean": array_stats.mcse(draws, method="mean"),
            **{f"mcse_{key}": array_stats.mcse(draws, method="quantile", prob=p) for key, (_, p) in q.items()},
            "ess": array_stats.ess(draws, method="bulk"),
            "ess_tail": array_stats.ess(draws, method="tail", prob=(0.025, 0.975)),
            "rhat": array_stats.rhat(draws),
        }  # fmt: skip
    return pd.DataFrame(rows).T.astype(float)


def write_posterior(folder: Path) -> None:
    parts = []
    for task in tasks():
        if task.file(folder).exists():
            with np.load(task.file(folder)) as kept:
                values = {key[6:]: kept[key] for key in kept if key.startswith("value_")}
                part = summarise(values).rename_axis("parameter").reset_index()
                for key in ("divergences", "max_depth", "draws", "target_accept", "seconds"):
                    part[key] = kept[key].item()
                part["seed"] = kept["seed"].item() if "seed" in kept else SEED
            part.insert(0, "model", task.model)
            part.insert(0, "n_isomirs", task.n_isomirs)
            part.insert(0, "mirna", task.mirna)
            part.insert(0, "dataset", task.dataset)
            parts.append(part)
    write("nuts_reference_posterior.tsv", pd.concat(parts), f"agreement_nuts.py posterior, seed {SEED}")


def provenance() -> str:
    packages = ", ".join(f"{p} {version(p)}" for p in ("pymc", "pytensor", "nutpie", "numba", "numpy"))
    return (
        f"{date.today().isoformat()}; Python {platform.python_version()}, bayes_mirglmm {bm.__version__}, {packages}; "
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    )


def write(name: str, table: pd.DataFrame, note: str) -> None:
    RESULTS.mkdir(parents=True, exist_ok=True)
    text = table.to_csv(sep="\t", index=False, float_format="%.6g")
    (RESULTS / name).write_text(f"# {provenance()}; {note}\n{text}")


# ----------------------------------------------------------------------------------------------- evidence


def estimate_all(folder: Path) -> None:
    """Evidence of every miRNA whose reduced model was sampled; what was estimated since its draws is kept."""
    import pytensor
    from pytensor.graph.replace import graph_replace

    rows = []
    both = {(task.dataset, task.mirna) for task in tasks() if task.model == "reduced"}
    for _, group in groupby(tasks(), key=lambda t: (t.dataset, t.n_isomirs, t.model)):
        todo = [task for task in group if task.file(folder).exists() and (task.dataset, task.mirna) in both]
        if not all(is_estimated(task, folder) for task in todo):
            shared = with_shared_counts(readable_model(todo[0]))
            data = shared.rvs_to_values[shared["counts"]]
            joined, values = flat_inputs(shared)
            log_density = pytensor.function([joined], graph_replace(shared.logp(), values))
        for task in todo:
            if not is_estimated(task, folder):
                start = time.perf_counter()
                model = readable_model(task)
                data.set_value(observed(model))
                row = estimate(task, model, log_density, folder)
                task.file(folder).with_suffix(".json").write_text(json.dumps(row))
                print(row, f"{time.perf_counter() - start:.0f} s", flush=True)
            rows.append(json.loads(task.file(folder).with_suffix(".json").read_text()))
    write("nuts_reference_evidence.tsv", pd.DataFrame(rows), f"agreement_nuts.py evidence, seed {SEED}")


def is_estimated(task: Task, folder: Path) -> bool:
    kept = task.file(folder).with_suffix(".json")
    return kept.exists() and kept.stat().st_mtime > task.file(folder).stat().st_mtime


def flat_inputs(model):
    """A flat input and what it puts in the place of each value variable, in the sampler's order."""
    import pytensor.tensor as pt

    start = model.initial_point()
    joined = pt.dvector("joined")
    swaps, at = {}, 0
    for variable in model.free_RVs:
        value = model.rvs_to_values[variable]
        size, shape = start[value.name].size, start[value.name].shape
        swaps[value] = joined[at : at + size].reshape(shape)
        at += size
    return joined, swaps


def estimate(task: Task, model, log_density, folder: Path) -> dict[str, object]:
    """Bridge sampling in each choice of coordinates; the one that states the smallest error is kept."""
    with np.load(task.file(folder)) as kept:
        draws = kept["unconstrained"]
        draws = draws[:, :: max(1, draws.shape[1] // MOST_DRAWS)]
        slope_sd = kept.get("value_sd_isomir_slope")
    found = {}
    for centred in COORDINATES[task.model]:
        coordinates = Coordinates(model, centred)

        def density(points: np.ndarray, coordinates: "Coordinates" = coordinates) -> np.ndarray:
            flat, log_jacobian = coordinates.to_sampled(points)
            values = np.array([log_density(point) for point in flat])
            # Far out, exp overflows and the density is inf - inf: it is 0 there.
            return np.where(np.isnan(values), -np.inf, values) + log_jacobian

        there = coordinates.from_sampled(draws.reshape(-1, draws.shape[2])).reshape(draws.shape)
        found["+".join(centred) or "none"] = bridge_sampling(
            there, density, groups=coordinates.groups, seed=SEED
        )
    best = min(found, key=lambda name: found[name].error)
    parts = found[best].by_part
    row = {
        "dataset": task.dataset, "mirna": task.mirna, "n_isomirs": task.n_isomirs, "model": task.model,
        "log_evidence": found[best].log_evidence, "error": found[best].error,
        "first_half": np.mean(parts[:2]), "second_half": np.mean(parts[2:]), "centred": best,
        "others": "; ".join(f"{n} {e.log_evidence:.3f} ({e.error:.3f})" for n, e in found.items() if n != best),
    }  # fmt: skip
    if slope_sd is not None:
        row["savage_dickey"], row["savage_dickey_error"] = savage_dickey(slope_sd)
    return row


COORDINATES = {
    "full": [("v0",), ("v0", "w"), ("v0", "v1"), ("v0", "v1", "w")],
    "reduced": [("v0",), ("v0", "w")],
}


class Coordinates:
    """Draws with isomiR and sample effects in place of their standardised values, where the data determine them.

    The posterior of an effect that the data determine is nearly normal; that of the effect divided by its SD, in
    which the model is written, is not. Exact changes of variables: the evidence does not depend on them.
    """

    def __init__(self, model, centred: tuple[str, ...]) -> None:
        self.centred = centred
        self.at: dict[str, slice] = {}
        start, end = model.initial_point(), 0
        for name, value in start.items():
            self.at[name] = slice(end, end + value.size)
            end += value.size
        self.shape_v, self.d = start["v"].shape, end
        first = self.at["v"].start
        # IsomiRs are independent of each other given all that is not theirs.
        k = self.shape_v[1]
        self.groups = [range(first + k * j, first + k * (j + 1)) for j in range(self.shape_v[0])]

    def _scales(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Cholesky factor (m, K, K) and SD of the sample effects (m,), and log Jacobian (m,) of to_sampled."""
        m, (n_isomirs, k) = len(points), self.shape_v
        root = np.zeros((m, k, k))
        if k == 1:
            root[:, 0, 0] = np.exp(points[:, self.at["sd_block0_log__"]][:, 0])
        else:
            left = np.exp(points[:, self.at["sd_block0_log__"]])
            partial = np.tanh(0.5 * points[:, self.at["partial_block0_logodds__"]])  # row by row
            for pair, (row, column) in enumerate(zip(*np.tril_indices(k, -1), strict=True)):
                root[:, row, column] = left[:, row] * partial[:, pair]
                left[:, row] *= np.sqrt(1 - partial[:, pair] ** 2)
            root[:, np.arange(k), np.arange(k)] = left
        sd_sample = np.exp(points[:, self.at["sd_sample_log__"]][:, 0])
        n_samples = self.at["w"].stop - self.at["w"].start
        log_jacobian = np.zeros(m)
        for i in range(k):
            if f"v{i}" in self.centred:
                log_jacobian -= n_isomirs * np.log(root[:, i, i])
        if "w" in self.centred:
            log_jacobian -= n_samples * np.log(sd_sample)
        return root, sd_sample, log_jacobian

    def from_sampled(self, flat: np.ndarray) -> np.ndarray:
        root, sd_sample, _ = self._scales(flat)
        points = flat.copy()
        v = flat[:, self.at["v"]].reshape(-1, *self.shape_v)
        b = v @ root.transpose(0, 2, 1)
        kept = [f"v{i}" in self.centred for i in range(self.shape_v[1])]
        points[:, self.at["v"]] = np.where(kept, b, v).reshape(len(flat), -1)
        if "w" in self.centred:
            points[:, self.at["w"]] *= sd_sample[:, None]
        return points

    def to_sampled(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        root, sd_sample, log_jacobian = self._scales(points)
        flat = points.copy()
        given = points[:, self.at["v"]].reshape(-1, *self.shape_v)
        v = given.copy()
        for i in range(self.shape_v[1]):
            if f"v{i}" in self.centred:
                earlier = np.einsum("mjl,ml->mj", v[:, :, :i], root[:, i, :i])
                v[:, :, i] = (given[:, :, i] - earlier) / root[:, i, i][:, None]
        flat[:, self.at["v"]] = v.reshape(len(points), -1)
        if "w" in self.centred:
            flat[:, self.at["w"]] /= sd_sample[:, None]
        return flat, log_jacobian


def savage_dickey(slope_sd: np.ndarray, scale: float = 1.0) -> tuple[float, float]:
    """Log BF10 from the posterior density (chain, draw) of the slope SD at 0, by KDE; a cross-check of mild evidence.

    The kernel is reflected at 0, where the density is flat: the sign of the correlation makes terms linear in the SD
    cancel. With strong evidence no draw comes near 0 and the estimate saturates.
    """
    pooled = slope_sd.ravel()
    spread = min(pooled.std(), np.subtract(*np.quantile(pooled, [0.75, 0.25])) / 1.34)
    width = 0.9 * spread * len(pooled) ** -0.2
    at_zero = 2 * np.exp(-0.5 * (slope_sd / width) ** 2).mean(axis=1) / (width * np.sqrt(2 * np.pi))
    prior = 2 / (scale * np.sqrt(2 * np.pi))
    error = at_zero.std(ddof=1) / np.sqrt(len(at_zero)) / at_zero.mean()
    return float(np.log(prior / at_zero.mean())), float(error)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("step", choices=["posterior", "evidence"])
    parser.add_argument("--draws", type=Path, required=True, help="folder that keeps the draws")
    parser.add_argument("--cores", type=int, default=2)
    options = parser.parse_args()
    options.draws.mkdir(parents=True, exist_ok=True)
    warnings.filterwarnings("ignore", message="Invalid log10|invalid value", category=RuntimeWarning)
    if options.step == "posterior":
        sample_all(options.draws, options.cores)
    else:
        estimate_all(options.draws)


if __name__ == "__main__":
    main()
