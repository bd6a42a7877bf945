"""Claims that the discussion's experiments are asked about: each verdict follows from means over seeds, by its rule."""

from dataclasses import replace
from pathlib import Path

import pytest

from negatoscope.documents import read_document, write_document
from negatoscope.provenance import record_provenance
from negatoscope.reproduce.table1_document import read_table1
from negatoscope.studies.claims import judge_claims
from negatoscope.studies.claims_finding import Finding
from negatoscope.studies.claims_page import write_claims
from negatoscope.studies.discussion_result import (
    Discussion,
    MeanOverSeeds,
    NetworkResult,
    NoiseResult,
    NumberResult,
    TransferResult,
    UnseenResult,
)
from negatoscope.studies.sensitivity_result import SensitivityResult

RESULTS = Path(__file__).parents[2] / "results"
TABLE1 = read_table1(RESULTS / "table1")
STUDY = read_document(
    RESULTS / "sensitivity" / "sensitivity.json", SensitivityResult, what="the published study", make="make it again"
)


def seeds(rate: float, count: int = 3, *, apart: float = 0.005) -> list[float]:
    return [rate + apart * (seed - (count - 1) / 2) for seed in range(count)]


def mean(rate: float, count: int = 3) -> MeanOverSeeds:
    return MeanOverSeeds.of(seeds(rate, count))


def discussion(
    *,
    negative: float = 0.1,
    noise: float = 0.5,
    learned: float = 0.97,
    forgotten: float = 0.98,
    gamma: float = 0.9,
    room: float = 0.9,
    others: float = 0.1,
    today: float = 0.1,
    count: int = 3,
) -> Discussion:
    """Experiments on MNIST in which networks are as the paper has them but for what is given."""

    def difference(first: float, second: float) -> MeanOverSeeds:
        return MeanOverSeeds.difference(seeds(first, count, apart=0.006), seeds(second, count))

    def unseen(transform: str, rate: float) -> UnseenResult:
        return UnseenResult("mnist", "all", transform, mean(room, count), mean(rate, count), difference(rate, room))

    return Discussion(
        provenance=record_provenance(command="experiments", hardware="a machine", data=[]),
        fast=False,
        recipe="sgd",
        experiments=("a", "b", "c", "d", "e"),
        planned_runs=9,
        made_by=(),
        costs=(),
        chance={"mnist": 0.1},
        noise=(
            NoiseResult(
                dataset="mnist",
                transform="negative",
                l2=26.0,
                clean=mean(0.98, count),
                transformed=mean(negative, count),
                noise=mean(noise, count),
                clipped_noise=mean(noise, count),
                clipped_l2=18.0,
                difference=difference(negative, noise),
            ),
        ),
        number=(
            NumberResult("mnist", "from scratch", 0, mean(0.98, count), mean(0.1, count)),
            NumberResult("mnist", "from scratch", 50_000, mean(forgotten, count), mean(learned, count)),
        ),
        unseen=(unseen("negative", 0.97), unseen("gamma(exponent=0.5)", gamma), unseen("negative | edges", 0.99)),
        transfer=(
            TransferResult(
                dataset="mnist",
                variant="half",
                shown_classes=5,
                shown=mean(0.97, count),
                others=mean(others, count),
                plain_others=mean(0.1, count),
                all_others=None,
                gain=difference(others, 0.1),
                taken_for_shown=mean(0.8, count),
            ),
        ),
        networks=(
            NetworkResult("mnist", "plain", 1_904_426, mean(0.98, count), mean(0.1, count)),
            NetworkResult("mnist", "ViT", 139_018, mean(0.98, count), mean(today, count)),
        ),
    )


def findings(found: Discussion | None) -> dict[str, Finding]:
    return {claim.id: finding for claim, finding in judge_claims(TABLE1, STUDY, found)}


CASES = [
    ("far", {}, "does not hold"),
    ("far", {"noise": 0.1}, "holds"),
    ("far", {"noise": 0.15}, "undecided"),
    ("learned", {}, "holds"),
    ("learned", {"learned": 0.9}, "does not hold"),
    ("learned", {"learned": 0.9, "forgotten": 0.1}, "does not hold"),
    ("unseen", {}, "holds"),
    ("unseen", {"gamma": 0.98}, "does not hold"),
    ("concepts", {}, "holds"),
    ("concepts", {"others": 0.8}, "does not hold"),
    ("concepts", {"others": 0.5}, "undecided"),
    ("today", {}, "holds"),
    ("today", {"today": 0.7}, "does not hold"),
]


@pytest.mark.parametrize(("name", "changes", "verdict"), CASES)
def test_a_verdict_follows_from_the_experiments_and_takes_three_seeds(
    name: str, changes: dict[str, float], verdict: str
) -> None:
    last = findings(discussion(**changes))[name].judgements[-1]  # type: ignore[arg-type]
    assert (last.dataset, last.seeds, last.verdict) == ("mnist", 3, verdict)
    too_few = findings(discussion(**changes, count=2))[name].judgements[-1]  # type: ignore[arg-type]
    assert (too_few.seeds, too_few.verdict) == (2, "undecided")


def test_what_is_shown_learned_and_made_with_the_negative_is_not_among_others() -> None:
    judged = findings(discussion())
    assert "negative" not in judged["unseen"].judgements[0].numbers
    assert [each.recipe for each in judged["today"].judgements] == ["ViT"]
    assert judged["learned"].judgements[-1].recipe == "sgd, from scratch, 50,000 negatives"


def test_what_was_trained_on_negatives_says_nothing_of_networks_that_were_not() -> None:
    found = discussion()
    shown = replace(found.networks[-1], variant="ResNet, RandAugment with the negative")
    judged = findings(replace(found, networks=(*found.networks, shown)))["today"].judgements
    assert [each.verdict for each in judged] == ["holds", "not tested"]


def test_transforms_that_leave_no_room_to_gain_do_not_count() -> None:
    assert findings(discussion(room=0.96))["unseen"].judgements == ()


def test_a_claim_that_both_studies_test_has_the_judgements_of_both() -> None:
    alone, both = findings(None)["learned"], findings(discussion())["learned"]
    assert both.judgements[: len(alone.judgements)] == alone.judgements
    assert both.test.startswith(alone.test)


def test_without_experiments_their_claims_are_not_tested() -> None:
    judged = findings(None)
    for name in ("far", "unseen", "concepts", "today"):
        assert judged[name].test == "Not tested: `negatoscope reproduce discussion` was not run."
        assert judged[name].judgements == ()


def test_the_page_names_the_experiments_as_a_source(tmp_path: Path) -> None:
    write_document(tmp_path / "discussion.json", discussion())
    out = tmp_path / "claims.md"
    write_claims(RESULTS / "table1", RESULTS / "sensitivity", out=out, command="a command", discussion=tmp_path)
    page = out.read_text()
    assert "`experiments` (0 of 9 planned runs), put together at commit" in page
    assert "| MNIST   | sgd, half" in page


@pytest.mark.parametrize("negatives", [0, 10, 10_000])
def test_that_negatives_are_learned_is_judged_only_where_all_were_shown(negatives: int) -> None:
    found = discussion(learned=0.2)
    *others, last = found.number
    stopped = replace(found, number=(*others, replace(last, negatives=negatives)))
    assert findings(stopped)["learned"].judgements == findings(None)["learned"].judgements
