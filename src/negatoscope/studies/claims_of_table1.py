"""Claims that Table I's classifiers can be asked about, recipe by recipe."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import fmean

from negatoscope.reports.formatting import bits, percent, points
from negatoscope.reproduce.paper import short_classifier_name
from negatoscope.reproduce.table1_document import MINIMUM_RUNS, SummaryRow, Table1
from negatoscope.reproduce.table1_run import Table1Run
from negatoscope.statistics.intervals import mean_interval
from negatoscope.statistics.verdicts import WIDEST
from negatoscope.studies.claims_finding import ClaimVerdict, Finding, Judgement, beyond, negated, together
from negatoscope.studies.sensitivity_effects import MATTERS

NEARLY_ALL, CONFIDENT, HALF = 0.995, 0.99, 0.5

_Group = tuple[SummaryRow, Sequence[Table1Run]]
"""A row of the summary and its runs."""


def training(table1: Table1) -> Finding:
    """Whether training images are classified with nearly no mistake."""

    def judge(row: SummaryRow, runs: Sequence[Table1Run]) -> tuple[str, ClaimVerdict]:
        rates = [run.train.accuracy for run in runs]
        return percent(row.train_accuracy, unit=True), beyond(rates, NEARLY_ALL)

    return Finding("Accuracy on all training images: above 99.5 %.", _plain(table1, judge))


def confidence(table1: Table1) -> Finding:
    """Whether that is done with very high confidence."""

    def judge(row: SummaryRow, runs: Sequence[Table1Run]) -> tuple[str, ClaimVerdict]:
        if any(run.recipe.label_smoothing for run in runs):
            return "labels smoothed", "not tested"
        rates = [run.confidence.train for run in runs]
        return percent(row.confidence_train, decimals=1, unit=True), beyond(rates, CONFIDENT)

    return Finding("Mean confidence on all training images: above 99 %.", _plain(table1, judge))


def test(table1: Table1) -> Finding:
    """Whether test accuracy is as high as printed."""

    def judge(row: SummaryRow, runs: Sequence[Table1Run]) -> tuple[str, ClaimVerdict]:
        verdicts: Mapping[str, ClaimVerdict] = {
            "agrees": "holds",
            "ours higher": "holds",
            "ours lower": "does not hold",
        }
        paper = percent(row.paper_test_accuracy, unit=True)
        return f"{percent(row.test_accuracy)} (paper {paper})", verdicts.get(row.test.verdict, "undecided")

    return Finding("Accuracy on all test images: it agrees with the printed one, or is higher.", _plain(table1, judge))


def table(table1: Table1) -> Finding:
    """Whether the plain DNN's row of the paper is reproduced."""

    def judge(row: SummaryRow, runs: Sequence[Table1Run]) -> tuple[str, ClaimVerdict]:
        ours, paper = (
            f"{percent(test)} / {percent(negative)}"
            for test, negative in (
                (row.test_accuracy, row.negative_accuracy),
                (row.paper_test_accuracy, row.paper_negative_accuracy),
            )
        )
        verdicts: Mapping[bool | None, ClaimVerdict] = {True: "holds", False: "does not hold", None: "undecided"}
        return f"{ours} (paper {paper})", verdicts[row.reproduced]

    return Finding(
        "Accuracy on test images / on negatives of training images: both printed numbers agree.", _plain(table1, judge)
    )


def fail(table1: Table1) -> Finding:
    """Whether most negatives are misclassified."""

    def judge(row: SummaryRow, runs: Sequence[Table1Run]) -> tuple[str, ClaimVerdict]:
        return _negatives(row), negated(beyond([run.negative_train.accuracy for run in runs], HALF))

    return Finding("Accuracy on negatives of training images: below half.", _plain(table1, judge))


def random_level(table1: Table1) -> Finding:
    """Whether accuracy on negatives is at the level of guessing."""

    def judge(row: SummaryRow, runs: Sequence[Table1Run]) -> tuple[str, ClaimVerdict]:
        lies: Mapping[str, ClaimVerdict] = {"at": "holds", "below": "holds", "above": "does not hold"}
        guessing = f"chance {percent(row.chance, decimals=1)}, most frequent class {percent(row.majority, decimals=1)}"
        within = mean_interval([run.negative_train.accuracy for run in runs]) if len(runs) > 1 else None
        is_wide = within is not None and within.high - within.low > WIDEST
        verdict = "undecided" if is_wide and row.beside_chance == "at" else lies.get(row.beside_chance, "undecided")
        return f"{_negatives(row)} ({guessing})", verdict

    return Finding(
        "Accuracy on negatives of training images: at chance, by an interval no wider than 10 points, or below it.",
        _plain(table1, judge),
    )


def random_class(table1: Table1) -> Finding:
    """Whether predictions on negatives say nothing about the label."""

    def judge(row: SummaryRow, runs: Sequence[Table1Run]) -> tuple[str, ClaimVerdict]:
        ends = [run.destinations for run in runs]
        above = [end.mutual_information_bits > end.mutual_information_null_bits for end in ends]
        numbers = f"{bits(row.mutual_information_bits)} ({bits(row.mutual_information_null_bits, decimals=3)})"
        if len(runs) < MINIMUM_RUNS or len(set(above)) > 1:
            return numbers, "undecided"
        return numbers, "does not hold" if all(above) else "holds"

    return Finding(
        "Bits that predictions on negatives carry about the label (with permuted labels: the 95 % quantile): in every "
        "run no more than permuted labels give.",
        _plain(table1, judge),
    )


def chance(table1: Table1) -> Finding:
    """What guessing scores."""

    def judge(row: SummaryRow, runs: Sequence[Table1Run]) -> tuple[str, ClaimVerdict]:
        return percent(row.chance, unit=True), "holds"

    kept = {judgement.dataset: judgement for judgement in _plain(table1, judge)}
    anyone = (Judgement(each.dataset, "any", 0, each.numbers, each.verdict) for each in kept.values())
    return Finding("Arithmetic: one of as many classes as there are, whatever their frequencies.", tuple(anyone))


def resilient(table1: Table1) -> Finding:
    """Whether adversarial training protects from the attack that it trains on."""

    def judge(row: SummaryRow, runs: Sequence[Table1Run], plain: _Group) -> tuple[str, ClaimVerdict]:
        robust = [run.shown_attacks.accuracies["fgsm"].accuracy for run in runs]
        others = [
            group.accuracies["fgsm"].accuracy
            for run in plain[1]
            for group in run.attacks
            if group.epsilon == row.epsilon
        ]
        if not others:
            return percent(fmean(robust), decimals=1), "undecided"
        numbers = f"{percent(fmean(robust), decimals=1)} beside {percent(fmean(others), decimals=1)}"
        return numbers, beyond(robust, fmean(others))

    return Finding(
        "Accuracy in % under FGSM of the network's own ε, beside the plain DNN's under the same: higher.",
        _robust(table1, judge),
    )


def robust(table1: Table1) -> Finding:
    """Whether adversarial training leaves accuracy on negatives as it is."""

    def judge(row: SummaryRow, runs: Sequence[Table1Run], plain: _Group) -> tuple[str, ClaimVerdict]:
        gains = [run.negative_train.accuracy - plain[0].negative_accuracy for run in runs]
        helped = beyond([run.negative_train.accuracy for run in runs], plain[0].negative_accuracy + MATTERS)
        return points(fmean(gains)), negated(helped)

    return Finding(
        "Accuracy on negatives less the mean of the plain DNN's, in points: less than 5 higher.",
        _robust(table1, judge),
    )


def adversary(table1: Table1) -> Finding:
    """Whether a negative deceives without a query: a bound, as rows are not needed for it."""

    def judge(row: SummaryRow, runs: Sequence[Table1Run]) -> tuple[str, ClaimVerdict]:
        rights = [max(1, run.test.correct) for run in runs]
        pairs = list(zip(runs, rights, strict=True))
        least = [max(0.0, 1 - run.negative_test.correct / right) for run, right in pairs]
        most = [min(1.0, (run.negative_test.n - run.negative_test.correct) / right) for run, right in pairs]
        low, high = (percent(fmean(ends), decimals=1) for ends in (least, most))
        refuted = beyond(most, HALF) == "does not hold"
        held: ClaimVerdict = "holds" if beyond(least, HALF) == "holds" else "undecided"
        return f"{low} to {high} %", "does not hold" if refuted else held

    return Finding(
        "One negative and no query: of the test images that were right, more than half have negatives that are wrong. "
        "The share lies between 1 - (negatives right / images right), which it is where every image is right whose "
        "negative is, and (negatives wrong / images right).",
        _plain(table1, judge),
    )


def _negatives(row: SummaryRow) -> str:
    return percent(row.negative_accuracy, decimals=1, unit=True)


def _groups(table1: Table1) -> Iterator[_Group]:
    for row in table1.summary:
        key = row.dataset, row.recipe, row.epsilon
        yield row, [run for run in table1.runs if (run.dataset, run.recipe.name, run.epsilon) == key]


def _plain(
    table1: Table1, judge: Callable[[SummaryRow, Sequence[Table1Run]], tuple[str, ClaimVerdict]]
) -> tuple[Judgement, ...]:
    """The plain DNN by each recipe."""
    plain = ((row, runs) for row, runs in _groups(table1) if not row.epsilon)
    return tuple(Judgement(row.dataset, row.recipe, row.seeds, *judge(row, runs)) for row, runs in plain)


def _robust(
    table1: Table1, judge: Callable[[SummaryRow, Sequence[Table1Run], _Group], tuple[str, ClaimVerdict]]
) -> tuple[Judgement, ...]:
    """All adversarially trained networks of each recipe, beside its plain DNN."""
    plain = {(row.dataset, row.recipe): (row, runs) for row, runs in _groups(table1) if not row.epsilon}
    judged: dict[tuple[str, str], list[tuple[SummaryRow, str, ClaimVerdict]]] = {}
    for row, runs in _groups(table1):
        key = row.dataset, row.recipe
        if row.epsilon and key in plain:
            judged.setdefault(key, []).append((row, *judge(row, runs, plain[key])))
    return tuple(
        Judgement(
            *key,
            min(row.seeds for row, _, _ in each),
            "; ".join(f"{short_classifier_name(row.epsilon)}: {numbers}" for row, numbers, _ in each),
            together([verdict for _, _, verdict in each]),
        )
        for key, each in judged.items()
    )
