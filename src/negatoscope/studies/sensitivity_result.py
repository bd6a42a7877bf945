"""What a sensitivity study found, as `sensitivity.json` holds it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from negatoscope.errors import expect
from negatoscope.provenance import Provenance
from negatoscope.reproduce.measure import Destinations
from negatoscope.reproduce.runs import Confidence, MadeBy
from negatoscope.studies.probing import Probing
from negatoscope.studies.sensitivity_run import CurvePoint
from negatoscope.training.recipe import Recipe

FactorVerdict = Literal["decides", "does not matter", "undecided", "not judged", "not compared"]


@dataclass(frozen=True, kw_only=True)
class RunsMadeBy(MadeBy):
    """One way in which runs were made, and how many of them.

    Args:
        runs: How many runs, at least 1.
    """

    runs: int


@dataclass(frozen=True)
class SkippedStudy:
    """A study that could not be run, and why.

    Args:
        study: The study's name, of the discussion its dataset.
        reason: Why, in a few words.
    """

    study: str
    reason: str


@dataclass(frozen=True)
class FailedRun:
    """A run that could not be trained, and why.

    Args:
        study: The name of its study, of the discussion its dataset.
        recipe: The name of its recipe there, of the discussion its variant.
        seed: Its seed, at least 0.
        reason: Why, in a few words.
    """

    study: str
    recipe: str
    seed: int
    reason: str


@dataclass(frozen=True)
class AlongTraining:
    """How accuracy on negatives goes along with training, over all runs that were not trained on negatives.

    Args:
        runs: How many runs there are, at least 0.
        rank_correlation: Between recipes, of accuracy on negatives with the final validation accuracy; in [-1, 1].
        followed: How many runs were measured after two epochs or more, at least 0.
        rising: How many of these runs are more accurate on negatives at their end than after their first epoch.
        swing: The median of their largest changes of accuracy from one epoch to the next, in [0, 1].
        above_chance: How many runs have an interval above chance.
        below_chance: How many runs have an interval below it.
        lowest: The lowest accuracy on negatives, in [0, 1]; None where there is no run, as for `highest`.
        highest: The highest accuracy, in [0, 1].
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
    """The mean rates of a recipe that changes several things at once.

    Args:
        value: Its name in tables.
        seeds: How many runs it has, at least 1.
        epochs: How many epochs it trains, at least 1.
        train_accuracy: On training images, in [0, 1].
        test_accuracy: On test images, in [0, 1].
        negative_accuracy: On negatives of training images, in [0, 1].
        confidence_train: The mean confidence on training images, in [0, 1].
        confidence_negative: The mean confidence on their negatives, in [0, 1].
    """

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
    """One study of the plan as a whole; `around` names the recipe of which its default, `recipe`, is made.

    Args:
        name: Its name.
        dataset: The dataset's name.
        epsilon: Of adversarial training, in [0, 1]: the largest change of a pixel value; 0 for the plain DNN.
        decisive_accuracy: The validation accuracy, in [0, 1], at which effects at equal accuracy are judged.
        equal_accuracies: The validation accuracies, in [0, 1], at which levels are compared.
        recipe: The recipe of its default.
        default_negative_accuracy: The default's mean accuracy on negatives, in [0, 1].
        chance: The accuracy of guessing, in (0, 1).
        negative_n: How many images a run's accuracy on negatives is measured on.
        test_n: How many test images a run is measured on.
        along_training: How accuracy on negatives goes along with training.
        combinations: Recipes that change several things at once.
        around: The name of the recipe that the default is made of.
    """

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
        seeds: How many runs it has, at least 1.
        validation_accuracy: On validation images at the end of training, in [0, 1].
        test_accuracy: On test images at the end, in [0, 1].
        train_accuracy: On training images at the end, in [0, 1].
        negative_accuracy: On negatives of training images, in [0, 1]: as fitted where the level is judged, else as the
            next.
        negative_arithmetic_mean: The plain mean of its runs, in [0, 1].
        low: The lower end of the 95 % interval of `negative_accuracy`, in [0, 1]; None where the level is not judged.
        high: The upper end, in [0, 1].
        at_equal_accuracy: The accuracy on negatives, in [0, 1], where validation accuracy first comes to each mark;
            None where no run does.
        seeds_at_equal_accuracy: How many runs come to the decisive mark, from 0 to `seeds`.
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
        effect: Its accuracy on negatives less the default's, in [-1, 1].
        effect_low: The lower end of its 95 % interval, in [-1, 1], over all levels of the factor at once.
        effect_high: The upper end, in [-1, 1].
        p: Of the F test that all levels are alike; in [0, 1].
        p_corrected: The same, corrected for the number of factors of the study; in [0, 1].
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
    """A factor with its levels, the default's first; its effect at the end of training and at equal accuracy.

    Args:
        name: Its name.
        study: The study's name.
        dataset: The dataset's name.
        epsilon: Of adversarial training, in [0, 1]: the largest change of a pixel value; 0 for the plain DNN.
        default: The name of its default level.
        levels: Its levels, the default's first.
        at_equal_accuracy: Its effect where runs have equal validation accuracy.

    Raises:
        InputError: What it says to be farthest from the default is none of its levels.
    """

    name: str
    study: str
    dataset: str
    epsilon: float
    default: str
    levels: tuple[LevelResult, ...]
    at_equal_accuracy: FactorEffect

    def __post_init__(self) -> None:
        known = [f"{self.name}: {each.value}" for each in self.levels[1:]]
        is_open = self.verdict in ("undecided", "not judged")
        right = self.level in known or (is_open and self.level is None)
        expect(right, f"the level of {self.name!r} that is farthest to be one of {', '.join(known)}", self.level)

    @property
    def strongest(self) -> LevelResult:
        """The level that is farthest from the default at the end of training."""
        return next(each for each in self.levels[1:] if f"{self.name}: {each.value}" == self.level)


@dataclass(frozen=True)
class Curve:
    """One run along training, and its accuracies at the end.

    Args:
        study: The study's name.
        recipe: The name of its recipe in the study.
        seed: Its seed, at least 0.
        negative_share: The share of training images that were trained on as their negatives, in [0, 1].
        train_accuracy: On training images at the end, in [0, 1].
        test_accuracy: On test images at the end, in [0, 1].
        negative_accuracy: On negatives of training images at the end, in [0, 1].
        points: Along training.
    """

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

    Args:
        recipe: The name of its recipe in the study.
        seed: Its seed, at least 0.
        epoch: After how many epochs, at least 0; parts of one count.
        accuracy: On test images at the end of a run, on validation images along training; in [0, 1].
        negative_accuracy: On negatives of training images, in [0, 1].
        distance: At least 0; 1 is 0.3 points away on test images or 2 points on negatives, whichever is farther.
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
    """How near runs come to the accuracies that Table I prints: at their end and, where it is known, along training.

    Args:
        test_accuracy: What Table I prints for test images, in [0, 1].
        negative_accuracy: What it prints for negatives, in [0, 1].
        runs: How many runs there are, at least 1.
        nearest: The nearest run at its end.
        nearest_along_training: The nearest one along training; None where that is not known.
    """

    test_accuracy: float
    negative_accuracy: float
    runs: int
    nearest: NearestRun
    nearest_along_training: NearestRun | None


@dataclass(frozen=True, kw_only=True)
class ProbedNetwork(Probing):
    """What one network does with negatives.

    Args:
        study: The study's name.
        recipe: The name of its recipe in the study.
        seed: Its seed, at least 0.
        class_names: Of the dataset.
        confidence: Its mean confidence.
        destinations: Of its predictions on negatives of training images.
    """

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
        provenance: Where it comes from.
        fast: Whether it is a smoke run, whose numbers are no results.
        jobs: How many runs were made at once, at least 1.
        planned_runs: How many runs there are to be, at least 1.
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

    def default_of(self, study: StudyResult) -> float:
        """The default's accuracy on negatives, in [0, 1]: as fitted, which effects are counted from, where it is."""
        levels = (factor.levels[0] for factor in self.factors if factor.study == study.name)
        fitted = (level.negative_accuracy for level in levels if level.low is not None)
        return next(fitted, study.default_negative_accuracy)

    def factors_of(self, study: StudyResult) -> list[FactorResult]:
        """The factors of a study, the strongest first."""
        factors = [factor for factor in self.factors if factor.study == study.name]
        return sorted(factors, key=lambda factor: -abs(factor.effect or 0.0))
