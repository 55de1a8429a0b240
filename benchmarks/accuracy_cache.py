"""Results of every method on every data set, kept in a folder, so that a run that was stopped goes on where it was.

``FOLDER/SCENARIO/NUMBER/JOB.json`` says that a job is done, how long it took and what it gave; its tables stand beside
it as parquet. After a change of the code or of the scenarios give a new folder.
"""

import json
from pathlib import Path

import pandas as pd
from accuracy_methods import Result


class Cache:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def has(self, scenario: str, number: int, job: str) -> bool:
        return self._about(scenario, number, job).exists()

    def put(
        self,
        scenario: str,
        number: int,
        job: str,
        results: dict[str, Result],
        seconds: float,
        error: str = "",
    ) -> None:
        about = self._about(scenario, number, job)
        about.parent.mkdir(parents=True, exist_ok=True)
        for name, result in results.items():
            for part, table in result.items():
                table.to_parquet(about.parent / f"{name}.{part}.parquet", index=False)
        content = {"seconds": seconds, "error": error, "results": {n: sorted(r) for n, r in results.items()}}
        partial = about.with_suffix(".partial")
        partial.write_text(json.dumps(content))
        partial.rename(about)  # last, and at once: a job is done or not

    def truth(
        self, scenario: str, number: int, mirnas: pd.DataFrame | None, isomirs: pd.DataFrame | None
    ) -> None:
        """Keep the truth of a data set beside its results."""
        at = self.folder / scenario / str(number)
        at.mkdir(parents=True, exist_ok=True)
        for name, table in (("mirnas", mirnas), ("isomirs", isomirs)):
            path = at / f"truth.{name}.parquet"
            if table is not None and not path.exists():
                table.to_parquet(path, index=False)

    def read(self, scenario: str, number: int, name: str, part: str) -> pd.DataFrame | None:
        """Return a table of a result, or of ``truth``; None where there is none."""
        path = self.folder / scenario / str(number) / f"{name}.{part}.parquet"
        return pd.read_parquet(path) if path.exists() else None

    def about(self, scenario: str, number: int) -> dict[str, tuple[float, str]]:
        """Return (seconds, error) for each result of a data set."""
        found = {}
        for path in sorted((self.folder / scenario / str(number)).glob("*.json")):
            content = json.loads(path.read_text())
            found |= dict.fromkeys(content["results"], (content["seconds"], content["error"]))
        return found

    def numbers(self, scenario: str) -> list[int]:
        at = self.folder / scenario
        return sorted(int(path.name) for path in at.iterdir() if path.name.isdigit()) if at.is_dir() else []

    def keep(self, name: str, table: pd.DataFrame) -> None:
        """Keep a table of a part that is not about data sets."""
        table.to_csv(self.folder / f"{name}.tsv", sep="\t", index=False)

    def kept(self, name: str) -> pd.DataFrame | None:
        path = self.folder / f"{name}.tsv"
        return pd.read_csv(path, sep="\t") if path.exists() else None

    def _about(self, scenario: str, number: int, job: str) -> Path:
        return self.folder / scenario / str(number) / f"{job}.json"
