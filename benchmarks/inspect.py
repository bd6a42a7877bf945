"""Which share of secretly transformed images does `negatoscope inspect` find, and how many does it say there are?

Of training images a random share is made into negatives, or has its channels swapped, and the ranking is held against
what was done. Shares of 0 ask whether it cries wolf. No speed is compared, and nothing was chosen by these numbers but
for the epochs, on GTSRB's.

``python -m benchmarks.inspect [CASE ...]`` runs each case and keeps it in results/inspect/inspect.json at once, beside
the cases that are there; ``python -m benchmarks inspect`` runs all of them as a suite, `--quick` a sample of MNIST.
"""

import argparse
import csv
import json
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import ROOT, Findings, Measure, console, machine, value, versions
from negatoscope.data import Dataset, load_dataset
from negatoscope.data.batches import batches
from negatoscope.data.split import stratified_sample
from negatoscope.files import write_whole
from negatoscope.hardening.inspect import inspect
from negatoscope.pixels import ResizeSpec
from negatoscope.provenance import commit
from negatoscope.reports.formatting import MISSING, percent
from negatoscope.reports.markdown import markdown_table
from negatoscope.types import IndexArray

RESULTS = ROOT / "results" / "inspect" / "inspect.json"
_FIRST = 1.5  # of the number of transformed images: among so many of the ranking they are looked for
_SEED = 20170


@dataclass(frozen=True)
class Case:
    """What is inspected, and what was done to it.

    Args:
        data: The spec of a dataset, of which the training images are taken.
        share: Of the images, that is transformed in secret.
        invariant: "negative" makes negatives, "channel_permutation" BGR of RGB.
        limit: At most this many images; None is all.
    """

    data: str
    share: float
    invariant: str = "negative"
    limit: int | None = None


_GRAY = "gtsrb(prepare='paper')"
CASES: Mapping[str, Case] = {
    **{name: Case(data, 0.01) for name, data in (("mnist", "mnist"), ("fashion", "fashion_mnist"), ("gtsrb", _GRAY))},
    "gtsrb_color": Case("gtsrb", 0.01),
    "gtsrb_bgr": Case("gtsrb", 0.01, "channel_permutation", limit=20_000),
    **{
        f"{name}_{100 * share:g}": Case(data, share, limit=20_000)
        for name, data in (("mnist", "mnist"), ("fashion", "fashion_mnist"), ("gtsrb", _GRAY))
        for share in (0.0, 0.001, 0.05)
    },
}


@dataclass(frozen=True)
class Outcome:
    """What came of a case.

    Args:
        case: The case.
        images: How many were inspected.
        transformed: How many of them in secret.
        found: The share of these among the first of the ranking, half as many again as there are; None of none.
        auc: The probability that one of these ranks before one of the others; None of none.
        estimate: How many the inspection says there are.
        low: The lower end of the interval that it says.
        high: Its upper end.
        seconds: What it took, reading included.
    """

    case: Case
    images: int
    transformed: int
    found: float | None
    auc: float | None
    estimate: float
    low: float
    high: float
    seconds: float


def run(quick: bool) -> Findings:
    """All cases, or two of a sample of MNIST."""
    sample = {f"mnist_sample_{share}": Case("mnist_sample", share) for share in (0.0, 0.01)}
    outcomes = {name: measure(case) for name, case in (sample if quick else CASES).items()}
    return Findings(_measures(outcomes), {"cases": {name: asdict(outcome) for name, outcome in outcomes.items()}})


def measure(case: Case) -> Outcome:
    """Transform a share of the images in secret, and look for them."""
    dataset, secret = planted(case)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as out:
        found = inspect(dataset, invariant=case.invariant, out=out, progress=_say)
        lines = csv.DictReader(Path(out, "images.csv").read_text(encoding="utf-8").splitlines())
        ranking = np.array([int(line["sample"]) for line in lines])
    seconds = time.perf_counter() - began
    ranks, number = 1 + np.flatnonzero(np.isin(ranking, secret)), len(secret)
    return Outcome(
        case=case,
        images=found.n,
        transformed=number,
        found=float((ranks <= _FIRST * number).mean()) if number else None,
        auc=float(1 - (ranks.mean() - (number + 1) / 2) / (found.n - number)) if number else None,
        estimate=found.estimate,
        low=found.low,
        high=found.high,
        seconds=round(seconds, 1),
    )


def planted(case: Case) -> tuple[Dataset, IndexArray]:
    """The images with some transformed in secret, and the positions of these."""
    dataset = load_dataset(case.data, split="train")
    chosen = stratified_sample(dataset.labels, limit=case.limit or len(dataset), seed=_SEED)
    dataset = dataset.take(chosen, split="train")
    if isinstance(dataset.images, np.ndarray):
        images = np.array(dataset.images)
    else:
        images = np.concatenate([part.pixels for part in batches(dataset, ResizeSpec(32, 32, "rgb"), batch_size=256)])
    secret = np.random.default_rng(_SEED).permutation(len(images))[: round(case.share * len(images))]
    images[secret] = 255 - images[secret] if case.invariant == "negative" else images[secret][:, ::-1]
    return replace(dataset, images=images, samples=np.arange(len(images)), names=()), secret


def _say(text: str, share: float) -> None:
    console.print(f"  {text}", style="dim")


def _measures(outcomes: Mapping[str, Outcome]) -> list[Measure]:
    """Shares found, and of what is clean how many are said to be transformed."""
    note = "no peer: nothing else does this"
    return [
        value(f"{name}: estimated images, none transformed", "images", outcome.estimate, note=note)
        if outcome.found is None
        else value(f"{name}: share found", "share", outcome.found, note=note)
        for name, outcome in outcomes.items()
    ]


def table(cases: Mapping[str, Mapping[str, Any]]) -> str:
    """The outcomes as docs/inspect.md has them."""
    header = ["Data", "Done in secret", "Images", "Transformed", "Found", "AUC", "Estimate", "Seconds"]
    lines = [
        [
            one["case"]["data"],
            "BGR" if one["case"]["invariant"] == "channel_permutation" else "negative",
            f"{one['images']:,}",
            f"{one['transformed']:,}",
            MISSING if one["found"] is None else percent(one["found"], decimals=1, unit=True),
            MISSING if one["auc"] is None else f"{one['auc']:.4f}",
            f"{one['estimate']:,.0f} [{one['low']:,.0f}, {one['high']:,.0f}]",
            f"{one['seconds']:.0f}",
        ]
        for one in cases.values()
    ]
    return markdown_table(header, lines)


def _keep(file: Path, name: str, outcome: Outcome) -> None:
    """Put an outcome in the place of an earlier one of that name."""
    content = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {"cases": {}}
    content["cases"][name] = {
        **asdict(outcome),
        "command": f"python -m benchmarks.inspect {name}",
        "commit": commit(),
        "versions": versions(),
        "machine": machine(),
    }
    order = [known for known in CASES if known in content["cases"]]
    content["cases"] = {known: content["cases"][known] for known in order}
    write_whole(file, (json.dumps(content, indent=1) + "\n").encode())


def main(arguments: list[str]) -> int:
    """Run the cases named, or all, and keep each."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.inspect", description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}; all if none is named")
    cases = parser.parse_args(arguments).cases or list(CASES)
    if unknown := [name for name in cases if name not in CASES]:
        parser.error(f"expected cases of {', '.join(CASES)}, got {unknown[0]!r}")
    for name in cases:
        outcome = measure(CASES[name])
        console.print(f"{name}: {outcome}")
        _keep(RESULTS, name, outcome)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
