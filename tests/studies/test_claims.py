"""The papers' claims: each is judged by its rule, from the numbers of two documents."""

from dataclasses import replace
from pathlib import Path

import pytest

from negatoscope.documents import read_document, write_document
from negatoscope.errors import DataError
from negatoscope.reproduce.table1_document import SummaryRow, Table1, read_table1
from negatoscope.studies.claims import Finding, judge_claims
from negatoscope.studies.claims_page import write_claims
from negatoscope.studies.sensitivity_result import (
    FactorEffect,
    FactorResult,
    FactorVerdict,
    LevelResult,
    SensitivityResult,
)

RESULTS = Path(__file__).parents[2] / "results"
TABLE1 = read_table1(RESULTS / "table1")
STUDY = read_document(
    RESULTS / "sensitivity" / "sensitivity.json", SensitivityResult, what="the published study", make="make it again"
)
NOTHING_RUN = replace(STUDY, studies=(), factors=(), curves=(), closest_to_paper={}, probing=())


def level(value: str, negatives: float, test: float = 0.99) -> LevelResult:
    return LevelResult(value, 3, 0.99, test, 0.99, negatives, negatives, None, None, {}, 0)


def factor(name: str, verdict: FactorVerdict, *levels: LevelResult) -> FactorResult:
    return FactorResult(
        verdict=verdict,
        level=f"{name}: {levels[-1].value}",
        effect=levels[-1].negative_accuracy - levels[0].negative_accuracy,
        name=name,
        study="mnist",
        dataset="mnist",
        epsilon=0.0,
        default=levels[0].value,
        levels=levels,
        at_equal_accuracy=FactorEffect(verdict="not judged"),
    )


def study(**changes: FactorResult) -> SensitivityResult:
    """The published study of MNIST with three factors of simple numbers, which `changes` replace by name."""
    factors = {
        "initialization": factor("initialization", "decides", level("Glorot", 0.1), level("He", 0.4)),
        "batch norm": factor("batch norm", "does not matter", level("no", 0.1), level("yes", 0.12)),
        "negatives in training": factor("negatives in training", "decides", level("none", 0.1), level("half", 0.98)),
        **{name.replace("_", " "): changed for name, changed in changes.items()},
    }
    return replace(STUDY, studies=STUDY.studies[:1], factors=tuple(factors.values()))


def findings(table1: Table1, sensitivity: SensitivityResult) -> dict[str, Finding]:
    return {claim.id: finding for claim, finding in judge_claims(table1, sensitivity)}


def test_every_claim_is_judged_in_one_line() -> None:
    claims = judge_claims(TABLE1, study())
    assert len({claim.id for claim, _ in claims}) == len(claims) == 13
    for claim, finding in claims:
        assert "\n" not in claim.text
        assert finding.verdict in ("holds", "holds in part", "does not hold", "undecided", "not tested")
        assert finding.test


def test_what_was_not_tested_is_marked_as_not_tested() -> None:
    judged = findings(TABLE1, study())
    assert judged["humans"].verdict == judged["other_transforms"].verdict == "not tested"


FEW_LEARNED = factor("negatives in training", "decides", level("none", 0.1), level("half", 0.6))
ACCURATE = factor("initialization", "decides", level("Glorot", 0.1), level("He", 0.7))
DOWNWARDS = factor("batch norm", "decides", level("no", 0.6), level("yes", 0.2))
SOME_SHOWN = factor("negatives in training", "decides", level("none", 0.1), level("1 in 100", 0.6))
LESS_ACCURATE = factor("initialization", "decides", level("Glorot", 0.1), level("He", 0.4, test=0.98))
UNDECIDED, NOT_JUDGED = replace(ACCURATE, verdict="undecided"), replace(ACCURATE, verdict="not judged")


@pytest.mark.parametrize(
    ("name", "changed", "verdict"),
    [
        ("learned", {"negatives_in_training": FEW_LEARNED}, "does not hold"),
        ("learned", {}, "holds"),
        ("augmentation", {}, "holds"),
        ("initialization", {}, "does not hold"),
        ("initialization", {"initialization": ACCURATE}, "holds"),
        ("initialization", {"initialization": UNDECIDED}, "undecided"),
        ("initialization", {"initialization": NOT_JUDGED}, "undecided"),
        ("initialization", {"elsewhere": UNDECIDED}, "undecided"),
        ("initialization", {"initialization": ACCURATE, "elsewhere": UNDECIDED}, "holds"),
        ("batch_norm", {}, "does not hold"),
        ("batch_norm", {"batch_norm": DOWNWARDS}, "does not hold"),
        ("learned", {"negatives_in_training": SOME_SHOWN}, "undecided"),
        ("similar", {}, "holds"),
        ("similar", {"initialization": LESS_ACCURATE}, "does not hold"),
        ("similar", {"initialization": UNDECIDED}, "undecided"),
        ("random_level", {}, "holds in part"),
        ("noise", {}, "holds in part"),
    ],
)
def test_a_verdict_follows_from_the_study(name: str, changed: dict[str, FactorResult], verdict: str) -> None:
    assert findings(TABLE1, study(**changed))[name].verdict == verdict


def table1(
    *, smoothing: float = 0.0, confidence: float = 0.999, low: float = 0.06, test: float = 0.992, **changes: float
) -> Table1:
    """One plain and one robust classifier, both as the paper has them but for `changes` of the robust one."""
    run, row = TABLE1.runs[0], TABLE1.summary[0]
    run = replace(
        run,
        recipe=replace(run.recipe, label_smoothing=smoothing),
        train=replace(run.train, accuracy=0.999),
        confidence=replace(run.confidence, train=confidence),
        negative_train=replace(run.negative_train, low=low),
    )

    def summary(epsilon: float, test: float, negative_accuracy: float = 0.07, bits: float = 0.001) -> SummaryRow:
        return replace(
            row,
            epsilon=epsilon,
            test=replace(row.test, accuracy=test, paper_accuracy=0.992),
            negative=replace(row.negative, accuracy=negative_accuracy),
            mutual_information_bits=bits,
            mutual_information_null_bits=0.002,
        )

    return replace(TABLE1, runs=(run,), summary=(summary(0.0, 0.992), summary(0.1, test, **changes)))


@pytest.mark.parametrize(
    ("name", "changes", "verdict"),
    [
        ("test", {}, "holds"),
        ("test", {"test": 0.98}, "holds in part"),
        ("random_class", {}, "holds"),
        ("random_class", {"bits": 0.5}, "holds in part"),
        ("robust", {}, "holds"),
        ("robust", {"negative_accuracy": 0.13}, "does not hold"),
        ("training", {}, "holds"),
        ("training", {"confidence": 0.9}, "does not hold"),
        ("training", {"confidence": 0.9, "smoothing": 0.1}, "holds"),
    ],
)
def test_a_verdict_follows_from_table1(name: str, changes: dict[str, float], verdict: str) -> None:
    assert findings(table1(**changes), NOTHING_RUN)[name].verdict == verdict


@pytest.mark.parametrize(("low", "verdict"), [(0.06, "holds"), (0.11, "does not hold")])
def test_a_run_is_at_the_level_of_random_by_its_own_interval(low: float, verdict: str) -> None:
    assert findings(table1(low=low), NOTHING_RUN)["random_level"].verdict == verdict


def test_a_study_that_was_not_run_leaves_claims_undecided() -> None:
    judged = findings(TABLE1, NOTHING_RUN)
    for name in ("learned", "augmentation", "initialization", "batch_norm", "similar", "noise"):
        assert judged[name].verdict == "undecided"


def test_the_page_has_every_claim_with_its_numbers(tmp_path: Path) -> None:
    write_document(tmp_path / "sensitivity.json", study())
    out, source = tmp_path / "claims.md", STUDY.provenance
    page = write_claims(RESULTS / "table1", tmp_path, out=out, command="a command").read_text()
    for claim, finding in judge_claims(TABLE1, study()):
        assert claim.text.rstrip(".") in page
        assert finding.numbers.rstrip(".") in page
    assert "`a command`" in page
    assert f"`{source.command}` (73 of 144 planned runs), put together at commit {source.commit}" in page
    assert "smoke run" not in page
    smoke = replace(study(), provenance=replace(source, command="a study"), fast=True)
    write_document(tmp_path / "sensitivity.json", smoke)
    write_claims(RESULTS / "table1", tmp_path, out=out, command="a command")
    assert "**NO RESULTS: `a study` was a smoke run.**" in out.read_text()


@pytest.mark.parametrize("content", [None, "{", "[]", "{}", '{"schema": 1}', '{"schema": 2}'])
def test_a_folder_without_its_document_is_one_sentence(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "sensitivity.json").write_text(content)
    with pytest.raises(DataError, match="expected a sensitivity study"):
        write_claims(RESULTS / "table1", tmp_path, out=tmp_path / "claims.md", command="a command")
    assert not (tmp_path / "claims.md").exists()
