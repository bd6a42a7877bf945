"""What a sensitivity study found, as `sensitivity.json` holds it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from negatoscope.provenance import Provenance
from negatoscope.reproduce.measure import Destinations
from negatoscope.reproduce.runs import Confidence, MadeBy
from negatoscope.studies.probing import Probing
from negatoscope.studies.sensitivity_run import CurvePoint
from negatoscope.training.recipe import Recipe

FactorVerdict = Literal["decides", "does not matter", "undecided", "not judged", "not compared"]


@dataclass(frozen=True, kw_only=True)
class RunsMadeBy(MadeBy):
    """One way in which runs were made, and how many of them."""

    runs: int


@dataclass(frozen=True)
class SkippedStudy:
    """A study that could not be run, and why."""

    study: str
    reason: str


@dataclass(frozen=True)
class FailedRun:
    """A run that could not be trained, and why."""

    study: str
    recipe: str
    seed: int
    reason: str


@dataclass(frozen=True)
class AlongTraining:
    """How accuracy on negatives goes along with training, over all runs that were not trained on negatives.

    Args:
        runs: How many there are.
        rank_correlation: Between recipes, of accuracy on negatives with the final validation accuracy.
        followed: How many runs were measured after two epochs or more.
        rising: Those of them that are more accurate on negatives at their end than after their first epoch.
        swing: The median of their largest changes from one epoch to the next.
        above_chance: Runs whose interval lies above chance.
        below_chance: Runs whose interval lies below it.
        lowest: The lowest accuracy on negatives; None where there is no run, as for `highest`.
        highest: The highest one.
    """

    runs: int
    rank_correlation: float | None
    followed: int
    rising: int
    swing: float | None
    above_chance: int
    below_chance: int
    lowest: float | None
    highest: float | None


@dataclass(frozen=True)
class CombinationResult:
    """The mean rates of a recipe that changes several things at once."""

    value: str
    seeds: int
    epochs: int
    train_accuracy: float
    test_accuracy: float
    negative_accuracy: float
    confidence_train: float
    confidence_negative: float


@dataclass(frozen=True)
class StudyResult:
    """One study of the plan as a whole; `around` names the recipe of which its default, `recipe`, is made."""

    name: str
    dataset: str
    epsilon: float
    decisive_accuracy: float
    equal_accuracies: tuple[float, ...]
    recipe: Recipe
    default_negative_accuracy: float
    chance: float
    negative_n: int
    test_n: int
    along_training: AlongTraining
    combinations: tuple[CombinationResult, ...]
    around: str = ""


@dataclass(frozen=True)
class LevelResult:
    """The mean rates of a level over its seeds.

    Args:
        value: Its name in tables.
        seeds: How many runs it has.
        validation_accuracy: At the end of training, as the next two.
        test_accuracy: On test images.
        train_accuracy: On training images.
        negative_accuracy: On negatives of training images: as fitted where the level is judged, else as the next.
        negative_arithmetic_mean: The plain mean of its runs.
        low: With `high`, the 95 % interval of `negative_accuracy`; None where the level is not judged.
        high: As `low`.
        at_equal_accuracy: On negatives, where validation accuracy first comes to each mark; None where no run does.
        seeds_at_equal_accuracy: How many runs come to the decisive mark.
    """

    value: str
    seeds: int
    validation_accuracy: float
    test_accuracy: float
    train_accuracy: float
    negative_accuracy: float
    negative_arithmetic_mean: float
    low: float | None
    high: float | None
    at_equal_accuracy: Mapping[str, float | None]
    seeds_at_equal_accuracy: int


@dataclass(frozen=True, kw_only=True)
class FactorEffect:
    """What the rule of `sensitivity_effects` says of a factor, and from which numbers.

    Args:
        verdict: By the rule.
        level: The level that is farthest from the default.
        effect: Its accuracy on negatives less the default's.
        effect_low: With `effect_high`, the 95 % interval, over all levels of the factor at once.
        effect_high: As `effect_low`.
        p: Of the F test that all levels are alike.
        p_corrected: The same, corrected for the number of factors of the study.
        share_of_variance: In [0, 1], among all factors and the rest.
    """

    verdict: FactorVerdict
    level: str | None = None
    effect: float | None = None
    effect_low: float | None = None
    effect_high: float | None = None
    p: float | None = None
    p_corrected: float | None = None
    share_of_variance: float | None = None


@dataclass(frozen=True, kw_only=True)
class FactorResult(FactorEffect):
    """A factor with its levels, the default's first; its effect at the end of training and at equal accuracy."""

    name: str
    study: str
    dataset: str
    epsilon: float
    default: str
    levels: tuple[LevelResult, ...]
    at_equal_accuracy: FactorEffect

    @property
    def strongest(self) -> LevelResult:
        """The level that is farthest from the default at the end of training."""
        return next(each for each in self.levels[1:] if f"{self.name}: {each.value}" == self.level)


@dataclass(frozen=True)
class Curve:
    """One run along training, and its accuracies at the end."""

    study: str
    recipe: str
    seed: int
    negative_share: float
    train_accuracy: float
    test_accuracy: float
    negative_accuracy: float
    points: tuple[CurvePoint, ...]


@dataclass(frozen=True)
class NearestRun:
    """A run after some epochs, and its distance from the pair that the paper prints: up to 1 counts as found.

    `accuracy` is on test images at the end of a run, and on validation images along training.
    """

    recipe: str
    seed: int
    epoch: float
    accuracy: float
    negative_accuracy: float
    distance: float

    @property
    def is_near(self) -> bool:
        """Whether it counts as found."""
        return self.distance <= 1


@dataclass(frozen=True)
class ClosestToPaper:
    """How near runs come to the accuracies that Table I prints: at their end and, where it is known, along training."""

    test_accuracy: float
    negative_accuracy: float
    runs: int
    nearest: NearestRun
    nearest_along_training: NearestRun | None


@dataclass(frozen=True, kw_only=True)
class ProbedNetwork(Probing):
    """What one network does with negatives."""

    study: str
    recipe: str
    seed: int
    class_names: tuple[str, ...]
    confidence: Confidence
    destinations: Destinations


@dataclass(frozen=True, kw_only=True)
class SensitivityResult:
    """Everything that the runs of a sensitivity study say.

    Args:
        schema: Of the document.
        provenance: Where it comes from.
        fast: Whether it is a smoke run, whose numbers are no results.
        jobs: How many runs were made at once.
        planned_runs: How many there are to be.
        made_by: The ways in which the runs that there are were made.
        not_run: Studies whose data were not at hand.
        failed: Runs that could not be trained.
        missing: Of each study by name, the recipes that have not been run with any seed.
        studies: Those whose default has been run.
        factors: Of all studies.
        curves: Of all runs.
        closest_to_paper: Of each study by name, where Table I prints a pair.
        probing: Of the networks of defaults and combinations.
    """

    schema: Literal[2] = 2
    provenance: Provenance
    fast: bool
    jobs: int
    planned_runs: int
    made_by: tuple[RunsMadeBy, ...]
    not_run: tuple[SkippedStudy, ...] = ()
    failed: tuple[FailedRun, ...] = ()
    missing: Mapping[str, tuple[str, ...]]
    studies: tuple[StudyResult, ...]
    factors: tuple[FactorResult, ...]
    curves: tuple[Curve, ...]
    closest_to_paper: Mapping[str, ClosestToPaper]
    probing: tuple[ProbedNetwork, ...]

    @property
    def made_runs(self) -> int:
        """How many runs there are."""
        return sum(each.runs for each in self.made_by)

    def factors_of(self, study: StudyResult) -> list[FactorResult]:
        """The factors of a study, the strongest first."""
        factors = [factor for factor in self.factors if factor.study == study.name]
        return sorted(factors, key=lambda factor: -abs(factor.effect or 0.0))
