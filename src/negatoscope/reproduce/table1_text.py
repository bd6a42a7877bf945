"""The sentences of a report, written from its numbers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from negatoscope.documents import Document
from negatoscope.reports.formatting import counted, joined, percent
from negatoscope.reproduce.table1_sections import Section, dataset_name, short_classifier_name

_INTERVALS = {
    "wilson": "the Wilson 95 % interval: it covers the draw of images, not another training seed",
    "prediction": "a 95 % prediction interval: where one new run with another seed should land",
}
_RUNS = {"wilson": "after a single run", "prediction": "after a mean ± standard deviation over seeds"}

_COUNTED = {
    "train": "training images",
    "validation": "validation images",
    "negative_test": "negatives of test images",
    "fgsm": "images under FGSM",
    "pgd": "under PGD",
}


def warnings(result: Document) -> list[str]:
    """What a reader must know before believing any number: what was not run, and data that is not the paper's."""
    found = [f"{dataset_name(entry['dataset'])}: not run ({_line(entry['reason'])})" for entry in result["not_run"]]
    fast = bool(result["provenance"]["settings"].get("fast"))
    if fast:
        found.append("A smoke run on a few images: none of its numbers is a result")
    for dataset in dict.fromkeys(row["dataset"] for row in result["summary"]):
        name, base = dataset_name(dataset), dataset.partition("(")[0]
        copies = [entry for entry in result["provenance"]["data"] if entry["name"] == base and not entry["official"]]
        if base == "mnist_sample":
            found.append(
                f"{name}: only a small sample of MNIST was used, so nothing here can confirm or refute the paper"
            )
        elif not fast and not _in_the_paper(result, dataset):
            found.append(f"{name}: the paper prints no numbers for it, so there is nothing to compare with")
        if copies and base != "mnist_sample":
            note = "; ".join(filter(None, dict.fromkeys(map(_note, copies))))
            found.append(
                f"{name}: an unofficial copy was used{note and f' ({note})'}; differences may come from the data"
            )
    return found


def caption(section: Section) -> str:
    """What the numbers of a section's main table are: n, seeds, kind of interval, and what guessing would score."""
    rows = section.rows
    seeds = sorted({int(run["seed"]) for runs in section.runs for run in runs})
    runs = _span({int(row["seeds"]) for row in rows})
    parts = [
        f"n = {_span({int(row['n_test']) for row in rows})} test images; negatives are those of "
        f"{_span({int(row['n_negative']) for row in rows})} training images.",
        f"Runs per classifier: {runs} ({'seed' if len(seeds) == 1 else 'seeds'} {', '.join(map(str, seeds))}).",
        *_brackets(rows),
    ]
    if has_tracks(section):
        parts.append(
            "By track: resampled by whole tracks, because the frames of one physical sign are not independent."
        )
    chance, majority = percent(rows[0]["chance"]), percent(rows[0]["majority"])
    parts.append(f"Chance scores {chance} %, always naming the most frequent training class {majority} %.")
    return " ".join(parts)


def sizes(found: Sequence[Section]) -> str:
    """On how many images the accuracies outside the main tables were counted."""
    parts = []
    for section in found:
        counts = [f"{section.runs[0][0][kind]['n']:,} {words}" for kind, words in _COUNTED.items()]
        parts.append(f"{section.title} {joined(counts)}")
    return f"n: {'; '.join(parts)}."


def has_tracks(section: Section) -> bool:
    """Whether an interval by track is known for any row."""
    return any(row["negative_track_low"] is not None for row in section.rows)


def randomness(section: Section) -> list[str]:
    """Whether the predictions on negatives are random, one sentence for each answer; none of a smoke run."""
    if section.fast:
        return []
    answers: dict[str, list[int]] = {}
    for index, runs in enumerate(section.runs):
        above = sum(is_informed(run["destinations"]) for run in runs)
        answer = (
            "not random"
            if above == len(runs)
            else "random in some runs only"
            if above
            else "not told apart from random"
        )
        answers.setdefault(answer, []).append(index)
    return [_answer(section, answer, indices) for answer, indices in answers.items()]


def is_informed(destinations: Document) -> bool:
    """Whether predictions say more about the label than they would in 95 % of draws with permuted labels."""
    return bool(destinations["mutual_information_bits"] > destinations["mutual_information_null_bits"])


def provenance(result: Document) -> list[str]:
    """What made the numbers, a line each."""
    facts = result["provenance"]
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    return [
        f"negatoscope {facts['negatoscope']}, commit {facts['commit'] or 'unknown'}, {facts['created']}",
        f"command: `{_line(facts['command'])}`",
        f"versions: {versions}",
        f"hardware: {_line(facts['hardware'])}",
        *(_data_line(entry) for entry in facts["data"]),
        *(f"{name}: {_setting(value)}" for name, value in facts["settings"].items() if value is not False),
        f"training: {counted(len(result['cells']), 'run')}, "
        f"{sum(cell['seconds'] for cell in result['cells']):,.0f} seconds in all",
    ]


def _answer(section: Section, answer: str, indices: list[int]) -> str:
    names = joined([short_classifier_name(section.rows[index]["epsilon"]) for index in indices])
    whom = "every classifier" if len(indices) == len(section.rows) > 1 else names
    bits = [section.rows[index]["mutual_information_bits"] for index in indices]
    low, high = f"{min(bits):.3f}", f"{max(bits):.3f}"
    amount = f"{low} bits" if low == high else f"{low} to {high} bits"
    reasons = {
        "not random": f"they carry {amount} about the label, more than with permuted labels",
        "random in some runs only": f"they carry {amount} about the label on average, "
        "and not in every run more than with permuted labels",
        "not told apart from random": f"they carry {amount} about the label, no more than with permuted labels",
    }
    return f"{section.title}, {whom}: predictions on negatives are **{answer}**: {reasons[answer]}."


def _in_the_paper(result: Document, dataset: str) -> bool:
    rows = [row for row in result["summary"] if row["dataset"] == dataset]
    return any(row[f"paper_{kind}_accuracy"] is not None for row in rows for kind in ("test", "negative"))


def _data_line(entry: Document) -> str:
    sums = ", ".join(f"{name} {digest[:12]}" for name, digest in entry["sha256"].items())
    origin = "official" if entry["official"] else ": ".join(filter(None, ["unofficial copy", _note(entry)]))
    return f"data {entry['spec']}: {origin}; sha256 {sums or 'unknown'}"


def _setting(value: object) -> str:
    parts = [f"{name} {part}" for name, part in value.items()] if isinstance(value, Mapping) else [str(value)]
    return ", ".join(parts)


def _note(entry: Document) -> str:
    return _line(entry.get("note", "")).removeprefix("unofficial copy").lstrip(": ").rstrip(".")


def _brackets(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """What stands in brackets, and before them, where rows may differ in their number of runs."""
    kinds = list(dict.fromkeys(row["interval"] for row in rows))
    if len(kinds) > 1:
        return [f"In brackets, {_RUNS[kind]}: {_INTERVALS[kind]}." for kind in kinds]
    several = any(row["seeds"] > 1 for row in rows)
    told = [f"In brackets: {_INTERVALS[kind]}." for kind in kinds]
    return [*told, *(["Before them: mean ± standard deviation over seeds."] if several else [])]


def _span(values: Iterable[int]) -> str:
    low, high = min(values := set(values)), max(values)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _line(text: str) -> str:
    return " ".join(text.split())
