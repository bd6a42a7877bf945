"""`table1.json`: the classifiers of Table I, and a summary row for each dataset and epsilon beside the paper's."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from negatoscope.documents import read_document
from negatoscope.provenance import Provenance
from negatoscope.reproduce.paper import printed
from negatoscope.reproduce.table1_run import Table1Run
from negatoscope.statistics.intervals import Interval, mean_and_deviation, prediction_interval, wilson
from negatoscope.statistics.measured import TrackedRate
from negatoscope.statistics.verdicts import Standing, Verdict, standing, verdict
from negatoscope.stores import AnyPath

MINIMUM_RUNS = 3
"""With fewer runs there is no verdict."""

IntervalKind = Literal["wilson", "prediction"]


@dataclass(frozen=True)
class PaperComparison:
    """An accuracy of ours beside the one that the paper prints.

    Args:
        n: How many images each run was measured on, at least 1.
        accuracy: The mean over runs, in [0, 1].
        low: The lower end of the row's interval, in [0, 1].
        high: The upper end, in [0, 1].
        std: The standard deviation over runs, in the unit of `accuracy`, at least 0; None for one run.
        track_low: The lower end of the interval resampled by track, in [0, 1]; None without tracks or for several runs.
        track_high: The upper end, in [0, 1].
        paper_accuracy: What Table I prints, in [0, 1]; None where it has no such number or the run is a smoke run.
        verdict: Where our runs lie.
    """

    n: int
    accuracy: float
    low: float
    high: float
    std: float | None
    track_low: float | None
    track_high: float | None
    paper_accuracy: float | None
    verdict: Verdict


@dataclass(frozen=True)
class SummaryRow:
    """All runs of one classifier; numbers are means over them.

    Args:
        dataset: The dataset's name.
        epsilon: Of adversarial training, in [0, 1]: the largest change of a pixel value; 0 for the plain DNN.
        recipe: The recipe's name.
        seeds: How many runs, at least 1.
        test_accuracy: On test images, in [0, 1].
        negative_accuracy: On negatives of training images, in [0, 1].
        paper_test_accuracy: What Table I prints, in [0, 1]; None where it has no such number or the run is a smoke run.
        paper_negative_accuracy: The same for negatives, in [0, 1].
        reproduced: Whether both printed numbers agree with our runs; None where that is undecided.
        beside_chance: How accuracy on negatives lies to guessing, over seeds.
        beside_majority: How it lies to always naming the most frequent training class.
        test: Accuracy on test images, beside the paper's.
        negative: Accuracy on negatives of training images, beside the paper's.
        interval: "prediction" for where one new run should land, "wilson" where there are too few runs.
        train_accuracy: On training images, in [0, 1].
        validation_accuracy: On validation images, in [0, 1].
        negative_test_accuracy: On negatives of test images, in [0, 1].
        negative_before_accuracy: On negatives of training images taken before the preparation, in [0, 1], where that is
            measured.
        attack_epsilon: Of the attacks in the next field, in [0, 1]: the largest change of a pixel value.
        attack_accuracies: The accuracy under each attack, in [0, 1].
        confidence_train: The mean confidence on training images, in [0, 1].
        confidence_negative: The mean confidence on their negatives, in [0, 1].
        entropy_bits: The entropy of predictions on negatives, in bits.
        mutual_information_bits: Between these and the labels, in bits; at least 0.
        mutual_information_null_bits: The same under permuted labels, in bits.
        chance: The accuracy of guessing, in (0, 1).
        majority: The accuracy of always naming the most frequent class, in (0, 1].
        seconds: How long training took, in seconds.
    """

    dataset: str
    epsilon: float
    recipe: str
    seeds: int
    test_accuracy: float
    negative_accuracy: float
    paper_test_accuracy: float | None
    paper_negative_accuracy: float | None
    reproduced: bool | None
    beside_chance: Standing
    beside_majority: Standing
    test: PaperComparison
    negative: PaperComparison
    interval: IntervalKind
    train_accuracy: float
    validation_accuracy: float
    negative_test_accuracy: float
    negative_before_accuracy: float | None
    attack_epsilon: float
    attack_accuracies: Mapping[str, float]
    confidence_train: float
    confidence_negative: float
    entropy_bits: float
    mutual_information_bits: float
    mutual_information_null_bits: float
    chance: float
    majority: float
    seconds: float

    @property
    def comparisons(self) -> Mapping[str, PaperComparison]:
        """The two columns of the paper's table, by name."""
        return {"test": self.test, "negative": self.negative}


@dataclass(frozen=True)
class SkippedDataset:
    """A dataset that could not be run, and why.

    Args:
        dataset: The dataset's name.
        reason: Why, in a few words.
    """

    dataset: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Table1:
    """Table I, run again.

    Args:
        provenance: What made it.
        fast: Whether it is a smoke run, whose numbers are no results.
        not_run: What is missing.
        runs: Every classifier, in table order.
        summary: One row for each dataset, recipe and epsilon.
    """

    schema: Literal[2] = 2
    provenance: Provenance
    fast: bool
    not_run: tuple[SkippedDataset, ...]
    runs: tuple[Table1Run, ...]
    summary: tuple[SummaryRow, ...]


def read_table1(folder: AnyPath) -> Table1:
    """What `reproduce table1` wrote to a folder.

    Raises:
        DataError: It is missing, damaged or of an earlier schema.
    """
    return read_document(folder / "table1.json", Table1, what="a finished table", make="run `reproduce table1` first")


def summarize(runs: Sequence[Table1Run], *, comparable: bool = True) -> tuple[SummaryRow, ...]:
    """One row for each dataset, recipe and epsilon, in the order in which they first come.

    Args:
        runs: All of them.
        comparable: Whether they are of the paper's size; a smoke run's are not and get no verdict.
    """
    groups: dict[tuple[str, str, float], list[Table1Run]] = {}
    for run in runs:
        groups.setdefault((run.dataset, run.recipe.name, run.epsilon), []).append(run)
    return tuple(_summary_row(group, comparable) for group in groups.values())


def _summary_row(runs: Sequence[Table1Run], comparable: bool) -> SummaryRow:

    def mean(value: Callable[[Table1Run], float]) -> float:
        return mean_and_deviation([value(run) for run in runs])[0]

    def is_common(attack: str) -> bool:
        return all(attack in run.shown_attacks.accuracies for run in runs)

    def under(attack: str) -> float:
        return mean(lambda run: run.shown_attacks.accuracies[attack].accuracy)

    first = runs[0]
    paper = printed(first.dataset, first.epsilon)
    test = _comparison([run.test for run in runs], paper.test if comparable else None)
    negative = _comparison([run.negative_train for run in runs], paper.negative if comparable else None)
    negatives = [run.negative_train.accuracy for run in runs]
    before = [run.negative_train_before for run in runs if run.negative_train_before is not None]
    majority = mean(lambda run: run.majority)
    return SummaryRow(
        dataset=first.dataset,
        epsilon=first.epsilon,
        recipe=first.recipe.name,
        seeds=len(runs),
        test_accuracy=test.accuracy,
        negative_accuracy=negative.accuracy,
        paper_test_accuracy=test.paper_accuracy,
        paper_negative_accuracy=negative.paper_accuracy,
        reproduced=_reproduced(test.verdict, negative.verdict),
        beside_chance=standing(negatives, first.chance, minimum_runs=MINIMUM_RUNS),
        beside_majority=standing(negatives, majority, minimum_runs=MINIMUM_RUNS),
        test=test,
        negative=negative,
        interval="prediction" if len(runs) >= MINIMUM_RUNS else "wilson",
        train_accuracy=mean(lambda run: run.train.accuracy),
        validation_accuracy=mean(lambda run: run.validation.accuracy),
        negative_test_accuracy=mean(lambda run: run.negative_test.accuracy),
        negative_before_accuracy=fmean(rate.accuracy for rate in before) if len(before) == len(runs) else None,
        attack_epsilon=first.shown_attacks.epsilon,
        attack_accuracies={attack: under(attack) for attack in first.shown_attacks.accuracies if is_common(attack)},
        confidence_train=mean(lambda run: run.confidence.train),
        confidence_negative=mean(lambda run: run.confidence.negative_train),
        entropy_bits=mean(lambda run: run.destinations.entropy_bits),
        mutual_information_bits=mean(lambda run: run.destinations.mutual_information_bits),
        mutual_information_null_bits=mean(lambda run: run.destinations.mutual_information_null_bits),
        chance=first.chance,
        majority=majority,
        seconds=mean(lambda run: run.seconds),
    )


def _reproduced(test: Verdict, negative: Verdict) -> bool | None:
    """Whether a row is reproduced: both of its numbers agree. One that differs suffices for no."""
    verdicts = {test, negative}
    return True if verdicts == {"agrees"} else False if verdicts & {"ours higher", "ours lower"} else None


def _comparison(rates: Sequence[TrackedRate], paper: float | None) -> PaperComparison:
    """For enough runs with the range of one new run, else with the mean of the runs' Wilson intervals."""
    accuracies = [rate.accuracy for rate in rates]
    accuracy, std = mean_and_deviation(accuracies)
    if len(rates) >= MINIMUM_RUNS:
        interval = prediction_interval(accuracies)
    else:  # of the same test images: their intervals' mean holds at least as often, however runs depend
        each = [wilson(rate.correct, rate.n) for rate in rates]
        interval = Interval(fmean(one.low for one in each), fmean(one.high for one in each))
    return PaperComparison(
        n=rates[0].n,
        accuracy=accuracy,
        low=interval.low,
        high=interval.high,
        std=std,
        track_low=rates[0].track_low if len(rates) == 1 else None,
        track_high=rates[0].track_high if len(rates) == 1 else None,
        paper_accuracy=paper,
        verdict=verdict(paper, accuracies, minimum_runs=MINIMUM_RUNS),
    )
