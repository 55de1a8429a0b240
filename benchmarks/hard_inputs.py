"""What readers do with files that are broken on purpose: never a crash, a hang, a silent wrong number, or much memory.

    python benchmarks/hard_inputs.py [--mutants 300] [--seed 1] [--only corpus|mutants]

Mutants are native files of each format with a few seeded changes: bytes flipped, cut, doubled, moved; lines dropped,
repeated, shuffled; delimiters, quotes, signs, numbers and encodings exchanged. The corpus is made by hand: a million
columns, counts of 2^63, nested quotes, bombs, UTF-16, mixed line ends, names like paths and HTML. Each file is read in
a process of its own with 60 seconds and a limit on memory, ten times the file, or 400 MB where that is more (of
compressed files too: what unpacks to more than 64 MB and 200 times the file is refused while it is unpacked); it may be
refused (InputError, which must name the file) or be read. A mutant that is read has the sums of its own cells, counted
apart by the csv module, where it still is a table of numbers. Writes benchmarks/results/hard_inputs.tsv: outcomes by
format with the slowest and the largest, and each corpus file.
"""

import argparse
import bz2
import csv
import gzip
import importlib
import json
import lzma
import multiprocessing
import os
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pandas as pd

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "hard_inputs.tsv"
SECONDS = 60
#: Bytes that a process may take besides what it has after importing: ten times the file, and what small files need.
TIMES, LEAST = 10, 400_000_000
READ, REFUSED = "read", "refused"

TABLE = "isomir\tmiRNA\ts1\ts2\ts3\n" + "".join(
    f"iso{i}\thsa-miR-{i % 5}\t{5 * i % 17}\t{i * i % 23}\t{7 * i % 11}\n" for i in range(40)
)
GDC = (
    "miRNA_ID\tisoform_coords\tread_count\treads_per_million_miRNA_mapped\tcross-mapped\tmiRNA_region\n"
    + "".join(
        f"hsa-mir-{i % 4}\thg38:chr1:{1000 + i}-{1022 + i}:+\t{i + 1}\t1.5\tN\tmature,MIMAT{i % 4:07d}\n"
        for i in range(30)
    )
)
READS = "".join(f"ACGTACGTACGTACGT{'ACGT'[i % 4]}{'ACGT'[i // 4 % 4]}\t{i + 1}\t0.1\tdetected#mature#sense\tmature#hsa-miR-{i % 3}#1$\n" for i in range(16))  # fmt: skip  # noqa: E501
MIRTOP = "UID\tRead\tmiRNA\tVariant\tiso_5p\tiso_3p\tiso_add3p\tiso_snp\tiso_5p_nt\tiso_3p_nt\tiso_add3p_nt\tiso_snp_nt\tA\tB\n" + "".join(  # noqa: E501
    f"iso-22-I{i}\tACGTACGTACGTACGTAC{'ACGT'[i % 4]}{'ACGT'[i // 4 % 4]}\thsa-let-7a-5p\tNA\t0\t0\t0\t0\tNA\tNA\tNA\tNA\t{i}\t{2 * i}\n" for i in range(16)  # noqa: E501
)  # fmt: skip
GFF = "## VERSION 1.1\n## COLDATA: A,B\n" + "".join(
    f"hsa-let-7a-1\tmiRBase\tref_miRNA\t{4 + i}\t{25 + i}\t.\t+\t.\tRead ACGTACGTACGTACGTAC{'ACGT'[i % 4]}{'ACGT'[i // 4 % 4]}; UID u{i}; Name hsa-let-7a-5p; Parent hsa-let-7a-1; Variant NA; Cigar 22M; Expression {i + 1},{i + 2}; Filter Pass\n" for i in range(16)  # noqa: E501
)  # fmt: skip
SEQBUSTER = "seq\tname\tfreq\tmir\tstart\tend\tmism\tadd\tt5\tt3\ts5\ts3\tDB\tprecursor\tambiguity\n" + "".join(
    f"ACGTACGTACGTACGTAC{'ACGT'[i % 4]}{'ACGT'[i // 4 % 4]}\tseq_{i}\t{i + 1}\thsa-let-7a-5p\t6\t27\t0\t0\t0\t0\tA\tC\tmiRNA\thsa-let-7a-1\t1\n" for i in range(16)  # noqa: E501
)  # fmt: skip
SAMPLES = "sample\tgroup\tage\n" + "".join(f"s{i}\t{'ab'[i % 2]}\t{20 + i}\n" for i in range(12))
NATIVE = {
    "table": ("c.tsv", TABLE),
    "gdc": ("x.isoforms.quantification.txt", GDC),
    "srnabench": ("reads.annotation", READS),
    "mirtop": ("mirtop.tsv", MIRTOP),
    "mirgff3": ("x.gff3", GFF),
    "seqbuster": ("x.mirna", SEQBUSTER),
    "samples": ("samples.tsv", SAMPLES),
}


def corpus() -> Iterator[tuple[str, str, bytes]]:
    """Give the hand-made files: a word on each, its name, its bytes."""
    head = "isomir\tmiRNA\ts1\ts2\n"
    yield (
        "a million columns",
        "c.tsv",
        (
            "isomir\tmiRNA\t"
            + "\t".join(f"s{i}" for i in range(10**6))
            + "\na\tm\t"
            + "\t".join(["1"] * 10**6)
            + "\n"
        ).encode(),
    )
    yield "a count of 2^63", "c.tsv", f"{head}a\tm\t{2**63}\t1\n".encode()
    yield "a count of 2^64 - 1", "c.tsv", f"{head}a\tm\t{2**64 - 1}\t1\n".encode()
    yield "a count of 2^53 + 1", "c.tsv", f"{head}a\tm\t{2**53 + 1}\t1\n".encode()
    yield "sums beyond 2^62", "c.tsv", (head + "".join(f"i{k}\tm\t{2**53}\t1\n" for k in range(600))).encode()
    yield "a count of 10^400", "c.tsv", f"{head}a\tm\t1e400\t1\n".encode()
    yield "a count of 400 digits", "c.tsv", f"{head}a\tm\t{'9' * 400}\t1\n".encode()
    yield "a count of nan and inf", "c.tsv", f"{head}a\tm\tnan\tinf\n".encode()
    yield "nested quotes", "c.csv", b'isomir,miRNA,s1,s2\n"a ""b"" c",m,1,2\n"x,y","m""",3,4\n'
    yield "an open quote", "c.csv", b'isomir,miRNA,s1,s2\n"a,m,1,2\nb,m,3,4\n'
    yield "a line end in quotes", "c.csv", b'isomir,miRNA,s1,s2\n"a\nb",m,1,2\n'
    table = (head + "".join(f"i{k}\tm\t0\t0\n" for k in range(10**6))).encode()
    zeros = b"0\t" * (150 * 2**20)
    yield "a gzip bomb", "c.tsv.gz", gzip.compress(head.encode() + zeros, 9)
    yield "a bzip2 bomb", "c.tsv.bz2", bz2.compress(head.encode() + zeros)
    yield "an xz bomb", "c.tsv.xz", lzma.compress(head.encode() + zeros, preset=1)
    yield "a million rows of zeros", "c.tsv.gz", gzip.compress(table)
    yield "gzip cut in the middle", "c.tsv.gz", gzip.compress(TABLE.encode())[:-200]
    yield "UTF-16", "c.tsv", TABLE.encode("utf-16")
    yield "UTF-16 without its mark", "c.tsv", TABLE.encode("utf-16-le")
    yield "UTF-8 with its mark", "c.tsv", TABLE.encode("utf-8-sig")
    yield "Latin-1", "c.tsv", TABLE.replace("iso3\t", "isö3\t").encode("latin-1")
    lines = TABLE.splitlines()
    yield (
        "mixed line ends",
        "c.tsv",
        "".join(line + ("\n", "\r\n", "\r")[i % 3] for i, line in enumerate(lines)).encode(),
    )
    yield "no last line end", "c.tsv", TABLE.rstrip("\n").encode()
    yield "names like paths", "c.tsv", f"{head}../../etc/passwd\t/dev/null\t1\t2\n~/x\tCON\t3\t4\n".encode()
    yield (
        "names like HTML",
        "c.tsv",
        f"{head}<script>alert(1)</script>\t<img src=x onerror=y>\t1\t2\n".encode(),
    )
    yield "names like formulas", "c.tsv", f'{head}=cmd|" /C calc"!A0\t@SUM(1)\t1\t2\n'.encode()
    yield "a NUL in a name", "c.tsv", f"{head}a\0b\tm\t1\t2\n".encode()
    yield "a name of a million letters", "c.tsv", f"{head}{'A' * 10**6}\tm\t1\t2\n".encode()
    yield "one endless line", "c.tsv", b"A" * (20 * 2**20)
    yield "nothing", "c.tsv", b""
    yield "blank lines", "c.tsv", b"\n" * 1000
    yield "a header alone", "c.tsv", head.encode()
    yield "two samples of one name", "c.tsv", b"isomir\tmiRNA\ts1\ts1\na\tm\t1\t2\n"
    yield (
        "a pickle",
        "c.tsv",
        b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94\x8c\x06system\x94\x93\x94.",
    )
    yield "random bytes", "c.tsv", random.Random(1).randbytes(10**6)
    yield "an R file cut off", "c.rds", gzip.compress(b"X\n\x00\x00\x00\x03\x00\x04\x02\x02")
    yield "HDF5 that is none", "c.h5ad", b"\x89HDF\r\n\x1a\n" + bytes(1000)


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Return ``data`` with one to four changes."""
    for _ in range(rng.randint(1, 4)):
        at, to = sorted((rng.randrange(len(data) + 1), rng.randrange(len(data) + 1)))
        lines = data.split(b"\n")
        k = rng.randrange(len(lines))
        change = rng.randrange(12)
        if change == 0 and data:
            at = min(at, len(data) - 1)
            data = data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :]
        elif change == 1:
            data = data[:at]
        elif change == 2:
            data = data[:to] + data[at:to] + data[to:]
        elif change == 3:
            data = data[:at] + data[to:]
        elif change == 4:
            data = b"\n".join([*lines[:k], lines[rng.randrange(len(lines))], *lines[k:]])
        elif change == 5:
            rng.shuffle(lines)
            data = b"\n".join(lines)
        elif change == 6:
            old, new = rng.sample([b"\t", b",", b";", b" ", b'"', b"|", b"\n", b"\r\n"], 2)
            data = data.replace(old, new, rng.randint(1, 30))
        elif change == 7:
            digits = [i for i, byte in enumerate(data) if 48 <= byte < 58]
            if digits:
                i = rng.choice(digits)
                new = rng.choice(
                    [b"-1", b"1e3", b"0x1F", b"9" * 25, b"1.5", b"", b"NA", b"nan", b"1,000", b"0.1", b" 7 "]
                )
                data = data[:i] + new + data[i + 1 :]
        elif change == 8:
            data = data[:at] + rng.randbytes(rng.randint(1, 20)) + data[at:]
        elif change == 9:
            data = data.decode("latin-1").encode(rng.choice(["utf-16", "utf-8", "utf-8-sig", "latin-1"]))
        elif change == 10:
            cells = lines[k].split(b"\t")
            rng.shuffle(cells)
            lines[k] = b"\t".join(cells)
            data = b"\n".join(lines)
        else:
            data = rng.choice([gzip.compress, bz2.compress])(data)
    return data


def outcome(path: Path, kind: str, queue: "multiprocessing.Queue[dict[str, object]]") -> None:
    """Read a file with a limit on memory, and put what came of it into the queue."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    import bayes_mirglmm as bm
    from bayes_mirglmm.readers import read_counts, read_samples

    pages = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limit = pages + max(LEAST, TIMES * path.stat().st_size)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    before, start = peak(), time.perf_counter()
    try:
        found = read_samples(path) if kind == "samples" else read_counts(path)
        result = {"outcome": READ, "detail": f"{found.shape if kind == 'samples' else dict(found.sizes)}"}
        if kind == "table":
            result["sums"] = [int(total) for total in found["total"].values]
    except bm.InputError as error:
        named = path.name in str(error) or str(path) in str(error)
        result = {"outcome": REFUSED if named else "refused without a name", "detail": str(error)[:200]}
    except BaseException as error:
        result = {"outcome": type(error).__name__, "detail": str(error)[:200]}
    queue.put(result | {"seconds": time.perf_counter() - start, "peak_mb": peak() - before})


def peak() -> float:
    """Return the most memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def run(path: Path, kind: str) -> dict[str, object]:
    """Return the outcome of one file, read in a process of its own."""
    context = multiprocessing.get_context("fork")
    queue: multiprocessing.Queue[dict[str, object]] = context.Queue()
    child = context.Process(target=outcome, args=(path, kind, queue))
    child.start()
    end = time.monotonic() + SECONDS
    while child.is_alive() and queue.empty() and time.monotonic() < end:
        child.join(0.01)
    if not queue.empty():
        found = queue.get()
        child.join()
        return found
    if child.is_alive():
        child.kill()
        child.join()
        return {"outcome": "hang", "detail": f"{SECONDS} s"}
    return {"outcome": "crash", "detail": f"exit code {child.exitcode}"}


def plain_sums(data: bytes) -> list[int] | None:
    """Return the sums of a table as the csv module reads it; None where it is no plain table of whole numbers."""
    try:
        rows = list(csv.reader(data.decode("utf-8").splitlines(), delimiter="\t"))
        rows = [row for row in rows if row]
        numbers = [[int(cell) for cell in row[2:]] for row in rows[1:]]
    except (ValueError, UnicodeDecodeError, csv.Error):
        return None
    names = {(row[0], row[1]) for row in rows[1:]}
    plain = len({len(row) for row in rows}) == 1 and len(names) == len(numbers) and numbers
    digits = all(cell.isdecimal() and cell.isascii() for row in rows[1:] for cell in row[2:])
    return [sum(column) for column in zip(*numbers, strict=True)] if plain and digits else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mutants", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=["corpus", "mutants"])
    options = parser.parse_args()
    for module in ("bayes_mirglmm.readers._formats", "dask.array", "pyarrow", "scipy.sparse"):
        importlib.import_module(module)  # once, before the processes fork

    rows: list[dict[str, object]] = []
    bad = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for word, file, data in corpus() if options.only != "mutants" else ():
            path = folder / file
            path.write_bytes(data)
            found = run(path, "corpus")
            found["detail"] = (
                str(found["detail"]).replace(str(folder), "").replace("\t", " ").replace("\n", " ")
            )
            rows.append({"what": word, "files": 1, "bytes": len(data)} | found)
            bad += found["outcome"] not in (READ, REFUSED)
            print(rows[-1], flush=True)
            path.unlink()
            write(rows, options.seed)
        for kind, (file, text) in NATIVE.items() if options.only != "corpus" else ():
            rng = random.Random(f"{options.seed} {kind}")
            outcomes: dict[str, int] = {}
            slowest = most = 0.0
            for i in range(options.mutants):
                data = mutated(text.encode(), rng)
                path = folder / f"{kind}{i}" / file
                path.parent.mkdir()
                path.write_bytes(data)
                found = run(path, kind)
                word = str(found["outcome"])
                sums = plain_sums(data) if kind == "table" and word == READ else None
                if sums is not None and sums != found["sums"]:
                    word = "wrong sums"
                if word not in (READ, REFUSED):
                    bad += 1
                    print(json.dumps({"kind": kind, "mutant": i} | found), flush=True)
                outcomes[word] = outcomes.get(word, 0) + 1
                slowest = max(slowest, float(found.get("seconds", SECONDS)))  # type: ignore[arg-type]
                most = max(most, float(found.get("peak_mb", 0.0)))  # type: ignore[arg-type]
            for word, number in sorted(outcomes.items()):
                rows.append(
                    {
                        "what": f"mutants of {kind}",
                        "files": number,
                        "outcome": word,
                        "seconds": slowest,
                        "peak_mb": most,
                    }
                )
                print(rows[-1], flush=True)
            write(rows, options.seed)
    if bad:
        sys.exit(f"{bad} files neither read nor refused")


def write(rows: list[dict[str, object]], seed: int) -> None:
    with RESULTS.open("w", encoding="utf-8") as file:
        file.write(
            f"# python benchmarks/hard_inputs.py --seed {seed}; Python {sys.version.split()[0]}, {date.today()}\n"
        )
        table = pd.DataFrame(rows)
        for name in ("seconds", "peak_mb"):
            table[name] = pd.to_numeric(table.get(name)).round(2)
        table.drop(columns="sums", errors="ignore").to_csv(file, sep="\t", index=False)


if __name__ == "__main__":
    main()
