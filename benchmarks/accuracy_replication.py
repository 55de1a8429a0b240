"""Do two independent halves of the patients give the same log fold changes? The method of the paper's Figure 3."""

import numpy as np
import pandas as pd
from accuracy_cache import Cache
from accuracy_data import REPLICATION


def replication_table(cache: Cache) -> pd.DataFrame:
    """Return a row for each split and method: correlation and differences between the halves, over all miRNAs."""
    rows = []
    name = REPLICATION.name
    for first in [n for n in cache.numbers(name) if n % 2 == 0]:
        methods = set(cache.about(name, first)) & set(cache.about(name, first + 1))
        for method in sorted(methods):
            halves = [cache.read(name, first + i, method, "mirnas") for i in (0, 1)]
            if any(half is None for half in halves):
                continue
            one, two = (half.set_index("mirna") for half in halves if half is not None)
            both = one.join(two, lsuffix="_a", rsuffix="_b", how="inner")
            x, y = both["estimate_a"].to_numpy(float), both["estimate_b"].to_numpy(float)
            known = np.isfinite(x) & np.isfinite(y)
            called = [(both[f"measure_{h}"] <= 0.05).to_numpy() for h in "ab"]
            either = int((called[0] | called[1]).sum())
            rows.append(
                {
                    "method": method,
                    "number": first // 2,
                    "mirnas": int(known.sum()),
                    "pearson": float(np.corrcoef(x[known], y[known])[0, 1]),
                    "spearman": float(pd.Series(x[known]).corr(pd.Series(y[known]), method="spearman")),
                    "rms_difference": float(np.sqrt(((x - y)[known] ** 2).mean())),
                    "called_in_half": float(np.mean([c.sum() for c in called])),
                    "called_in_both": float((called[0] & called[1]).sum()),
                    "jaccard": float((called[0] & called[1]).sum() / either) if either else np.nan,
                }
            )
    return pd.DataFrame(rows)
