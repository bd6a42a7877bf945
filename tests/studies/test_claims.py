"""The papers' claims: each is judged by its rule and by recipe, from the numbers of two documents."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from negatoscope.documents import read_document, write_document
from negatoscope.errors import DataError
from negatoscope.reproduce.table1_document import Table1, read_table1, summarize
from negatoscope.reproduce.table1_run import AttackAccuracies, Table1Run
from negatoscope.statistics.intervals import Rate
from negatoscope.statistics.measured import TrackedRate
from negatoscope.studies.claims import judge_claims
from negatoscope.studies.claims_finding import Finding
from negatoscope.studies.claims_page import claims_page, write_claims
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
    return replace(
        STUDY, studies=tuple(each for each in STUDY.studies if each.name == "mnist"), factors=tuple(factors.values())
    )


def findings(table1: Table1, sensitivity: SensitivityResult) -> dict[str, Finding]:
    return {claim.id: finding for claim, finding in judge_claims(table1, sensitivity)}


def verdicts(finding: Finding) -> list[str]:
    return [judgement.verdict for judgement in finding.judgements]


def test_every_claim_stands_in_one_line_with_its_section() -> None:
    claims = judge_claims(TABLE1, study())
    assert len({claim.id for claim, _ in claims}) == len(claims) == 23
    for claim, finding in claims:
        assert "\n" not in claim.text
        assert claim.source.startswith(("Section ", "Table I", "arXiv "))
        assert finding.test


def test_what_was_not_tested_is_marked_as_not_tested() -> None:
    judged = findings(TABLE1, study())
    for name in ("humans", "vicinity"):
        assert judged[name].test.startswith("Not tested: ")
        assert judged[name].judgements == ()


FEW_LEARNED = factor("negatives in training", "decides", level("none", 0.1), level("half", 0.6))
ONE_RUN = factor("negatives in training", "decides", level("none", 0.1), replace(level("half", 0.98), seeds=1))
ACCURATE = factor("initialization", "decides", level("Glorot", 0.1), level("He", 0.7))
DOWNWARDS = factor("batch norm", "decides", level("no", 0.6), level("yes", 0.2))
SOME_SHOWN = factor("negatives in training", "decides", level("none", 0.1), level("1 in 100", 0.6))
LESS_ACCURATE = factor("initialization", "decides", level("Glorot", 0.1), level("He", 0.4, test=0.98))
UNDECIDED, NOT_JUDGED = replace(ACCURATE, verdict="undecided"), replace(ACCURATE, verdict="not judged")


@pytest.mark.parametrize(
    ("name", "changed", "verdict"),
    [
        ("learned", {"negatives_in_training": FEW_LEARNED}, "does not hold"),
        ("learned", {"negatives_in_training": SOME_SHOWN}, "undecided"),
        ("learned", {"negatives_in_training": ONE_RUN}, "undecided"),
        ("learned", {}, "holds"),
        ("augmentation", {}, "holds"),
        ("initialization", {}, "does not hold"),
        ("initialization", {"initialization": ACCURATE}, "holds"),
        ("initialization", {"initialization": UNDECIDED}, "undecided"),
        ("initialization", {"initialization": NOT_JUDGED}, "undecided"),
        ("batch_norm", {}, "does not hold"),
        ("batch_norm", {"batch_norm": DOWNWARDS}, "does not hold"),
        ("similar", {}, "holds"),
        ("similar", {"initialization": LESS_ACCURATE}, "does not hold"),
        ("similar", {"initialization": UNDECIDED}, "undecided"),
        ("noise", {}, "holds in part"),
    ],
)
def test_a_verdict_follows_from_the_study(name: str, changed: dict[str, FactorResult], verdict: str) -> None:
    (judgement,) = findings(TABLE1, study(**changed))[name].judgements
    assert (judgement.dataset, judgement.recipe) == ("mnist", "accurate, 6 epochs")
    assert judgement.verdict == verdict


def rate(accuracy: float, seed: int, n: int = 10_000) -> TrackedRate:
    correct = round(n * accuracy) + seed
    return TrackedRate(**vars(Rate.of(np.arange(n) < correct)))


def runs(count: int = 3, *, recipe: str = "sgd", epsilon: float = 0.0, **rates: float) -> list[Table1Run]:
    """Runs that are as the paper has them but for `rates`; seeds differ by an image."""
    values = {"train": 0.999, "test": 0.992, "negative_train": 0.0668, "negative_test": 0.07, "attacked": 0.5} | rates
    first = TABLE1.runs[0]

    def run(seed: int) -> Table1Run:
        measured = {name: rate(values[name], seed) for name in ("train", "test", "negative_train", "negative_test")}
        attacked = {"fgsm": rate(values["attacked"], seed)}
        return replace(
            first,
            **measured,
            epsilon=epsilon,
            seed=seed,
            recipe=replace(first.recipe, name=recipe, label_smoothing=values.get("smoothing", 0.0)),
            confidence=replace(first.confidence, train=values.get("confidence", 0.999)),
            destinations=replace(
                first.destinations,
                mutual_information_bits=values.get("bits", 0.001),
                mutual_information_null_bits=0.002,
            ),
            attacks=tuple(AttackAccuracies(each, attacked) for each in ([epsilon] if epsilon else [0.1, 0.5])),
        )

    return [run(seed) for seed in range(count)]


def table1(*groups: list[Table1Run]) -> Table1:
    every = tuple(run for group in groups for run in group)
    return replace(TABLE1, runs=every, summary=summarize(every))


@pytest.mark.parametrize(
    ("name", "changes", "verdict"),
    [
        ("training", {}, "holds"),
        ("training", {"train": 0.99}, "does not hold"),
        ("confidence", {}, "holds"),
        ("confidence", {"confidence": 0.9}, "does not hold"),
        ("confidence", {"confidence": 0.9, "smoothing": 0.1}, "not tested"),
        ("test", {}, "holds"),
        ("test", {"test": 0.995}, "holds"),
        ("test", {"test": 0.98}, "does not hold"),
        ("table", {}, "holds"),
        ("table", {"negative_train": 0.2}, "does not hold"),
        ("fail", {}, "holds"),
        ("fail", {"negative_train": 0.6}, "does not hold"),
        ("random_level", {}, "holds"),
        ("random_level", {"negative_train": 0.1}, "holds"),
        ("random_level", {"negative_train": 0.12}, "does not hold"),
        ("random_class", {}, "holds"),
        ("random_class", {"bits": 0.5}, "does not hold"),
        ("adversary", {}, "holds"),
        ("adversary", {"negative_test": 0.6}, "does not hold"),
    ],
)
def test_a_verdict_on_the_plain_dnn_follows_from_its_runs_and_takes_three(
    name: str, changes: dict[str, float], verdict: str
) -> None:
    assert verdicts(findings(table1(runs(**changes)), NOTHING_RUN)[name]) == [verdict]
    too_few = verdicts(findings(table1(runs(2, **changes)), NOTHING_RUN)[name])
    assert too_few == ["not tested" if verdict == "not tested" else "undecided"]


def test_a_claim_that_holds_for_one_recipe_is_not_said_of_another() -> None:
    result = table1(runs(), runs(recipe="accurate", negative_train=0.3), runs(1, recipe="adam"))
    (sgd, accurate, adam) = findings(result, NOTHING_RUN)["random_level"].judgements
    assert [(each.recipe, each.seeds, each.verdict) for each in (sgd, accurate, adam)] == [
        ("sgd", 3, "holds"),
        ("accurate", 3, "does not hold"),
        ("adam", 1, "undecided"),
    ]


@pytest.mark.parametrize(
    ("name", "weak", "strong", "count", "verdict"),
    [
        ("robust", {}, {}, 3, "holds"),
        ("robust", {}, {"negative_train": 0.6}, 3, "holds in part"),
        ("robust", {"negative_train": 0.13}, {"negative_train": 0.6}, 3, "does not hold"),
        ("robust", {}, {}, 1, "undecided"),
        ("resilient", {"attacked": 0.9}, {"attacked": 0.9}, 3, "holds"),
        ("resilient", {"attacked": 0.9}, {"attacked": 0.3}, 3, "holds in part"),
        ("resilient", {"attacked": 0.9}, {"attacked": 0.9}, 2, "undecided"),
    ],
)
def test_adversarially_trained_networks_are_judged_beside_the_plain_one_of_their_recipe(
    name: str, weak: dict[str, float], strong: dict[str, float], count: int, verdict: str
) -> None:
    result = table1(
        *(runs(), runs(count, epsilon=0.1, **weak), runs(count, epsilon=0.5, **strong)),
        runs(recipe="adam", epsilon=0.1, **weak),  # without a plain DNN there is nothing beside it
    )
    (judgement,) = findings(result, NOTHING_RUN)[name].judgements
    assert (judgement.recipe, judgement.seeds, judgement.verdict) == ("sgd", count, verdict)


def test_an_interval_that_is_wide_says_nothing_of_the_level_of_random() -> None:
    scattered = [replace(run, negative_train=rate(0.05 + 0.06 * run.seed, 0)) for run in runs()]
    assert verdicts(findings(table1(scattered), NOTHING_RUN)["random_level"]) == ["undecided"]


def test_the_adversarys_success_is_bounded_by_what_runs_record() -> None:
    (judgement,) = findings(table1(runs(1, test=0.8, negative_test=0.2)), NOTHING_RUN)["adversary"].judgements
    assert judgement.numbers == "75.0 to 100.0 %"


def test_a_study_that_was_not_run_leaves_claims_without_a_verdict() -> None:
    judged = findings(TABLE1, NOTHING_RUN)
    for name in ("learned", "augmentation", "initialization", "batch_norm", "similar", "noise"):
        assert judged[name].judgements == ()


def test_the_page_has_every_claim_with_its_numbers(tmp_path: Path) -> None:
    write_document(tmp_path / "sensitivity.json", study())
    out, source = tmp_path / "claims.md", STUDY.provenance
    page = write_claims(RESULTS / "table1", tmp_path, out=out, command="a command").read_text()
    for claim, finding in judge_claims(TABLE1, study()):
        assert claim.text in page
        assert all(judgement.numbers in page for judgement in finding.judgements)
    assert "`a command`" in page
    made = f"({STUDY.made_runs} of {STUDY.planned_runs} planned runs), put together at commit {source.commit}"
    assert f"`{source.command}` {made}" in page
    assert "smoke run" not in page
    smoke = replace(study(), provenance=replace(source, command="a study"), fast=True)
    write_document(tmp_path / "sensitivity.json", smoke)
    write_claims(RESULTS / "table1", tmp_path, out=out, command="a command")
    assert "**NO RESULTS: `a study` was a smoke run.**" in out.read_text()


def test_the_first_table_says_which_recipes_say_what() -> None:
    result = table1(runs(), runs(recipe="adam"), runs(recipe="accurate", negative_train=0.3))
    page = claims_page(result, NOTHING_RUN, command="a command")
    (line,) = [line for line in page.splitlines() if line.startswith("|  6 | ")]
    assert "| **holds** (sgd and adam); **does not hold** (accurate) |" in line


@pytest.mark.parametrize("content", [None, "{", "[]", "{}", '{"schema": 1}', '{"schema": 2}'])
def test_a_folder_without_its_document_is_one_sentence(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "sensitivity.json").write_text(content)
    with pytest.raises(DataError, match="expected a sensitivity study"):
        write_claims(RESULTS / "table1", tmp_path, out=tmp_path / "claims.md", command="a command")
    assert not (tmp_path / "claims.md").exists()


def test_a_factor_whose_strongest_level_is_none_of_its_own_is_one_sentence(tmp_path: Path) -> None:
    content = json.loads((RESULTS / "sensitivity" / "sensitivity.json").read_text(encoding="utf-8"))
    factor = next(factor for factor in content["factors"] if factor["verdict"] == "decides")
    factor["level"] = "another: level"
    (tmp_path / "sensitivity.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"^expected a sensitivity study in .* to be one of .*, got another: lev"):
        write_claims(RESULTS / "table1", tmp_path, out=tmp_path / "claims.md", command="a command")
