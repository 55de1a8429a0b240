"""The scenarios of the benchmark of shared samples: part, scenario, and how many data sets of it."""

from dataclasses import replace

from accuracy_data import SCENARIOS, TABLE, DataSet, Scenario, make
from ratiometric import across as ratiometric_across
from ratiometric import data_sets as ratiometric
from ratiometric import halves as ratiometric_halves
from shared_samples_data import (
    SMALL_FACTORS,
    Trial,
    amygdala,
    both_tissues,
    continuous,
    five_laboratories,
    hidden_batch,
    known_batch,
    make_trial,
    outlying,
    paired,
    ten_laboratories,
    three_groups,
)

OWN = ("ml", "ml_shared")
PEERS = ("limma", "deseq2", "edger")
Part = tuple[tuple[Scenario | Trial, int], ...]
_THREE = replace(SCENARIOS["samples_3"], about="TCGA normal tissue, 3 against 3")
_SEVEN = replace(SCENARIOS["samples_7"], about="amygdala, 7 against 7")
_UP = replace(SCENARIOS["all_up"], about="TCGA normal tissue, 5 against 5; all 40 changed miRNAs up")


def _more(name: str, base: Scenario, about: str, **options: object) -> Scenario:
    return replace(base, name=name, about=about, options=options)


#: Designs that have covariates, and their peers: no truth is planted in the nulls.
_DESIGNS = (
    Trial("both_tissues", "TCGA, ~ group + tissue, 10 against 10", 15, both_tissues),
    Trial("paired", "TCGA, ~ group + tissue + patient, 10 pairs", 15, paired),
    Trial(
        "laboratories_10",
        "synthetic RNA, ~ group + batch of 5, 10 against 10",
        15,
        five_laboratories,
        SMALL_FACTORS,
    ),
    Trial(
        "laboratories_20",
        "synthetic RNA, ~ group + batch of 10, 20 against 20",
        15,
        ten_laboratories,
        SMALL_FACTORS,
    ),
    Trial("known_batch", "amygdala, 7 against 7, a batch in the formula", 15, known_batch),
    Trial(
        "three_groups",
        "amygdala, three groups (4, 5, 5), the third against the first",
        15,
        three_groups,
        peers=False,
    ),
    Trial("continuous", "amygdala, ~ dose of 14 samples", 15, continuous, peers=False),
)
_PROTECTION = (
    Trial("hidden_batch", "amygdala, 7 against 7, a batch confounded in part and left out", 15, hidden_batch),
    Trial("outlying", "amygdala, 7 against 7, one outlying sample", 15, outlying),
    Trial(
        "coordinated",
        "amygdala, 7 against 7, 70 miRNAs changed along a shared direction",
        15,
        amygdala,
        None,
        70,
        True,
    ),
)
_TRIALS = (*_DESIGNS, *_PROTECTION)
NULL_SETS = dict.fromkeys((trial.name for trial in _TRIALS), 15) | {"both_tissues": 60, "laboratories_20": 60}
TRUTH: Part = (
    (_THREE, 25),
    (TABLE[1], 25),
    (TABLE[0], 25),
    (_SEVEN, 25),
    *((trial, trial.sets) for trial in _DESIGNS),
    (SCENARIOS["samples_10"], 8),
    (SCENARIOS["samples_20"], 8),
    (_more("weak_7", _SEVEN, "amygdala, 7 against 7; effect 1.5 in [1, 2]", effect=1.5), 8),
    (_UP, 12),
    (_more("all_up_7", _SEVEN, "amygdala, 7 against 7; all 40 changed miRNAs up", direction="up"), 8),
    (_more("most_5", TABLE[0], "TCGA normal tissue, 5 against 5; 70 miRNAs changed", n_bins=35), 8),
    (_more("most_7", _SEVEN, "amygdala, 7 against 7; 70 miRNAs changed", n_bins=35), 8),
    *((trial, trial.sets) for trial in _PROTECTION),
)
NULLS: Part = (
    (Scenario("null_3", "nulls", "tcga_normal", "TCGA normal tissue, 3 against 3", 100, (3, 3)), 60),
    (SCENARIOS["null_mirdata_control"], 35),
    (SCENARIOS["null_tcga_normal"], 60),
    (Scenario("null_5", "nulls", "mirdata_all", "amygdala, 5 against 5", 100, (5, 5)), 60),
    (SCENARIOS["null_mirdata_all"], 60),
    *(
        (trial._replace(name=f"{trial.name}_null", factors=None), NULL_SETS[trial.name])
        for trial in _TRIALS[:-1]
    ),
)
KNOWN: Part = (
    (
        Scenario(
            "ratiometric", "known", "ratiometric", "4 against 4 libraries of one laboratory and protocol", 30
        ),
        16,
    ),
    (Scenario("ratiometric_across", "known", "across", "~ group + batch, a library of each", 4), 3),
)
REPLICATION: Part = (
    (SCENARIOS["halves"], 10),
    (
        replace(
            SCENARIOS["halves"],
            name="halves_3",
            about="TCGA, tumour against normal, 3 patients each",
            options={"patients": 3},
        ),
        10,
    ),
    (
        Scenario(
            "ratiometric_halves",
            "known",
            "ratiometric_halves",
            "synthetic RNA, B against A, 2 libraries each of one laboratory and protocol",
            13,
        ),
        13,
    ),
)
#: Where other ways are compared, and where the covariance is put into the model.
WAYS: Part = tuple((s, n) for s, n in TRUTH if isinstance(s, Scenario))
IN_MODEL: Part = tuple((s, 8) for s in (_THREE, TABLE[1], TABLE[0], _SEVEN))
SCENARIOS.update({s.name: s for s, _ in (*TRUTH, *NULLS, *REPLICATION) if isinstance(s, Scenario)})
PARTS: dict[str, Part] = {"truth": TRUTH, "nulls": NULLS, "known": KNOWN, "replication": REPLICATION}
_KNOWN_SOURCES = {"ratiometric": ratiometric, "across": ratiometric_across}
#: Of which a number is two data sets.
_HALVED_SOURCES = {"ratiometric_halves": ratiometric_halves}


def of_number(scenario: Scenario | Trial, number: int) -> list[DataSet]:
    """Return data set ``number`` of a scenario, as a list: two halves, or none where there is no such number."""
    if isinstance(scenario, Trial):
        return [make_trial(scenario, number)]
    if scenario.source in _HALVED_SOURCES:
        return [data for data in _HALVED_SOURCES[scenario.source]() if data.number // 2 == number]
    if scenario.source in _KNOWN_SOURCES:
        return [data for data in _KNOWN_SOURCES[scenario.source]() if data.number == number]
    return make(scenario.name, number)


def has_peers(scenario: Scenario | Trial) -> bool:
    """Whether R's methods run on a scenario."""
    return scenario.peers if isinstance(scenario, Trial) else True
