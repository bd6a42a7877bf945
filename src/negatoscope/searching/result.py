"""What a search finds, as typed objects; `search.json` is a `SearchSummary`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from negatoscope.attacks.search import Feedback
from negatoscope.auditing.measurement import ClassAccuracy
from negatoscope.auditing.results import (
    DatasetSummary,
    GateResult,
    ModelSummary,
    SelfCheck,
    UnreadableImage,
)
from negatoscope.documents import read_document
from negatoscope.errors import needed
from negatoscope.provenance import Provenance
from negatoscope.result_folder import fetched
from negatoscope.stores import StorePath, path_of

DOCUMENT = "search.json"
"""Written last: its presence means complete."""


@dataclass(frozen=True, kw_only=True)
class AccuracyInterval:
    """A share of correct predictions in [0, 1], with its 95 % interval, widened where images are frames of one object.

    Args:
        accuracy: The share, in [0, 1].
        low: The lower end of its interval, in [0, 1].
        high: The upper end, in [0, 1].
    """

    accuracy: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class AccuracyAtBudget(AccuracyInterval):
    """The share of images that nothing has fooled after so many queries each, the clean image among them.

    Args:
        queries: How many queries for each image, from 1.
    """

    queries: int


@dataclass(frozen=True, kw_only=True)
class MeanOverSettings(AccuracyInterval):
    """The mean accuracy over `settings` settings spread over the space, each tried on the same `n` images.

    Args:
        settings: How many settings, at least 1.
        n: Images, at least 1.
    """

    settings: int
    n: int


@dataclass(frozen=True, kw_only=True)
class UniversalSetting(AccuracyInterval):
    """The one setting that fools most images, searched on one half of them and judged on the other.

    Args:
        space: The space that it is from.
        parameters: The setting, as a spec that an audit takes as a transform.
        point: Where it lies in the unit cube of the space: for each dimension, a number in [0, 1].
        settings: How many settings were tried on each fit image, at least 1.
        n_fit: Images that it was searched on, at least 1; no object has frames on both sides.
        fit_accuracy: Their accuracy under it, in [0, 1].
        n: Images that judge, at least 1: `accuracy`, `low` and `high` are theirs, under the setting.
        clean_accuracy: Their accuracy without it, in [0, 1].
        drop: `clean_accuracy` less `accuracy`, in [-1, 1].
        drop_low: The lower end of its 95 % interval, in [-1, 1].
        drop_high: The upper end, in [-1, 1].
    """

    space: str
    parameters: str
    point: tuple[float, ...]
    settings: int
    n_fit: int
    fit_accuracy: float
    n: int
    clean_accuracy: float
    drop: float
    drop_low: float
    drop_high: float


@dataclass(frozen=True, kw_only=True)
class Transfer(AccuracyInterval):
    """What the settings that a search found do to another model, which the search asked nothing.

    Args:
        space: The space that was searched.
        model: What reports call the other model.
        sha256: Of it.
        n: Images, at least 1; `accuracy`, `low` and `high` are the other model's, each image under the setting found
            for it.
        clean_accuracy: The other model's accuracy without them, in [0, 1].
        n_fooled: Images, at least 0, that the search fooled its own classifier on, and that the other model classifies
            correctly clean.
        fooled: The share of these that it misclassifies, in [0, 1]; None where there are none.
        fooled_low: The lower end of its 95 % interval, in [0, 1].
        fooled_high: The upper end, in [0, 1].
    """

    space: str
    model: str
    sha256: str
    n: int
    clean_accuracy: float
    n_fooled: int
    fooled: float | None
    fooled_low: float | None
    fooled_high: float | None


@dataclass(frozen=True, kw_only=True)
class FirstErrors:
    """How many queries the first error took, over the images that were correct clean and then fooled.

    Args:
        n: How many images these are, at least 0; where there are none, the others are None.
        median: The median number of queries, the clean image among them; at least 2.
        high: What nine in ten images took at most, in queries.
        most: The largest number of queries.
    """

    n: int
    median: float | None = None
    high: float | None = None
    most: int | None = None


@dataclass(frozen=True, kw_only=True)
class TriedSetting:
    """A setting of those that are spread over a space, and what all images under it come to.

    Args:
        point: Where it lies in the unit cube of the space: for each dimension, a number in [0, 1].
        n: Images that it was tried on, at least 1.
        accuracy: Theirs under it, in [0, 1].
    """

    point: tuple[float, ...]
    n: int
    accuracy: float


@dataclass(frozen=True, kw_only=True)
class FailingMap:
    """How many images are misclassified in the parts of one dimension, or in the cells of two.

    Args:
        dimensions: The places of one or two dimensions of the space, from 0.
        parts: Into how many parts of equal width each is divided, at least 1.
        n: Images tried in each part or cell, at least 0, each at a setting of its own; those along the last dimension
            first.
        misclassified: How many of these are misclassified, from 0 to `n`.
    """

    dimensions: tuple[int, ...]
    parts: tuple[int, ...]
    n: tuple[int, ...]
    misclassified: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class ChangePoint(AccuracyInterval):
    """The share of images that are correct clean, and that no change found up to a distance from it fools.

    Args:
        distance: At least 0, as in `SmallestSummary`.
    """

    distance: float


@dataclass(frozen=True, kw_only=True)
class SmallestSummary:
    """The smallest changes found: distances from where nothing changes, of which 1 is the longer side of a range.

    Args:
        n: Images that the search fooled, at least 1; each has a smallest change.
        queries: Forward passes that these took, beyond those of the search; at least 0.
        least: The smallest distance of all, at least 0.
        median: The median distance of the smallest changes, at least 0.
        median_found: The median distance of the changes that the search had found, before they were made smaller; at
            least 0.
        curve: Accuracy against the size of the change, from the clean one to that under attack.
    """

    n: int
    queries: int
    least: float
    median: float
    median_found: float
    curve: tuple[ChangePoint, ...]


@dataclass(frozen=True, kw_only=True)
class DimensionSummary:
    """One number of a stage, or one choice, that is searched.

    Args:
        stage: The position of the transform in the space, from 0.
        name: The parameter.
        low: Where its range begins, in the parameter's unit; of choices 0, as is `high`.
        high: Where it ends, in the same unit.
        identity: Where it changes nothing, in the same unit; None where there is no such value.
        choices: What is chosen from, none for a number.
        whole: Whether it is a whole number.
    """

    stage: int
    name: str
    low: float
    high: float
    identity: float | None
    choices: tuple[str, ...] = ()
    whole: bool = False


@dataclass(frozen=True, kw_only=True)
class SpaceSummary:
    """What the search of one space found.

    Args:
        space: Its canonical text.
        dimensions: What is searched.
        preserved: The classes that keep their label in all of it, from 0, whose images alone are searched; None is all.
        annotated: Whether somebody said so, or it is assumed; else all classes count, though nobody knows whether they
            keep their label.
        assumed: Whether it is assumed, since nobody annotated the data.
        n: Images searched, at least 1.
        queries: Forward passes that they took, at least 1.
        clean_accuracy: Their accuracy clean, in [0, 1].
        accuracy_under_attack: The share that is correct clean and that nothing fooled: the worst case.
        curve: The same after fewer queries, as this one search came to it; the first is the clean accuracy.
        mean: Over settings spread over the space; None with one image.
        first_errors: How many queries the first error took.
        per_class: The accuracy under attack of every class.
        universal: The one setting that fools most; None with one image.
        settings: The settings of `mean`, one by one.
        failing: Which settings fail: along each dimension, those that matter most first, and then over the first two.
        smallest: The smallest changes found; None where nothing was fooled, or where every setting changes something.
        name: Such as "geometry"; "" where it has none.
    """

    space: str
    dimensions: tuple[DimensionSummary, ...]
    preserved: tuple[int, ...] | None
    annotated: bool
    assumed: bool = False
    n: int
    queries: int
    clean_accuracy: float
    accuracy_under_attack: AccuracyInterval
    curve: tuple[AccuracyAtBudget, ...]
    mean: MeanOverSettings | None
    first_errors: FirstErrors
    per_class: tuple[ClassAccuracy, ...]
    universal: UniversalSetting | None
    settings: tuple[TriedSetting, ...] = ()
    failing: tuple[FailingMap, ...] = ()
    smallest: SmallestSummary | None = None
    name: str = ""

    @property
    def label(self) -> str:
        """What reports call it: its name, else its text."""
        return self.name or self.space


@dataclass(frozen=True, kw_only=True)
class SearchSummary:
    """Everything that a search found: `search.json`; every number but those of `universal` and `mean` comes from rows.

    Args:
        model: The classifier.
        dataset: The images.
        n: Images that at least one space counts, at least 1.
        unreadable: Images that could not be decoded, at least 0.
        unreadable_named: The first of them.
        self_check: How the self-check ended.
        strategy: The spec of the strategy.
        budget: Queries for each image in each space at most, the clean image among them; at least 1.
        feedback: What the strategy read of answers.
        seed: Decides every draw; at least 0.
        clean_accuracy: The accuracy on the `n` images clean, in [0, 1].
        accuracy_under_attack: The share that is correct clean and that no space fooled: the worst case.
        curve: The same after fewer queries in each space.
        universal: Of the spaces' the one that does most harm on the images that it was searched on.
        transfer: Each other model under what was found, space by space.
        spaces: Space by space.
        warnings: What a reader must know, as that the answer to the same image differs.
        gate: What became of the rules.
        verdict: The result in one sentence.
        provenance: Where it comes from.
    """

    schema: Literal[2] = 2
    model: ModelSummary
    dataset: DatasetSummary
    n: int
    unreadable: int
    unreadable_named: tuple[UnreadableImage, ...]
    self_check: SelfCheck
    strategy: str
    budget: int
    feedback: Feedback
    seed: int
    clean_accuracy: float
    accuracy_under_attack: AccuracyInterval
    curve: tuple[AccuracyAtBudget, ...]
    universal: UniversalSetting | None
    transfer: tuple[Transfer, ...]
    spaces: tuple[SpaceSummary, ...]
    warnings: tuple[str, ...] = ()
    gate: GateResult = field(default_factory=GateResult)
    verdict: str = ""
    provenance: Provenance

    @property
    def labels(self) -> dict[str, str]:
        """What reports call each space, by its text."""
        return {entry.space: entry.label for entry in self.spaces}

    @property
    def chance(self) -> float:
        """The accuracy of guessing among the classes of the data, in (0, 1): an unused output is no class."""
        return 1 / self.model.input_spec.data_classes

    @property
    def title(self) -> str:
        """What was searched on what."""
        return f"{self.model.name} on {self.dataset.spec}, {self.dataset.split}"


@dataclass(frozen=True)
class SearchResult:
    """A finished search. It shows itself as text and in a notebook.

    Args:
        summary: Every number, as `search.json` has it.
        out: The folder with the report and the rows.
    """

    summary: SearchSummary
    out: Path

    @property
    def passed(self) -> bool:
        """Whether every rule of the gate holds; true where there is none."""
        return self.summary.gate.passed is not False

    def to_pandas(self) -> Any:
        """A line for each image and space, with the setting found for it.

        Raises:
            MissingExtraError: pandas is not installed.
            DataError: The rows are gone or damaged.
        """
        from negatoscope.searching.searched import searched_table

        needed("pandas", extra="pandas", why="to_pandas()")
        return searched_table(self.out).to_pandas()

    def __str__(self) -> str:
        from negatoscope.searching.text import search_markdown

        return search_markdown(self.summary)

    def _repr_markdown_(self) -> str:
        return str(self)


def read_search(folder: str | Path) -> SearchResult:
    """The search that a folder holds, or a place in a store.

    Raises:
        DataError: It holds none that is finished, or a damaged one, or one of an earlier schema.
    """
    place = path_of(folder)
    if isinstance(place, StorePath):
        return fetched(place, read_search, what="a finished search")
    make = "give the --out of a search that ended"
    summary = read_document(place / DOCUMENT, SearchSummary, what="a finished search", make=make)
    return SearchResult(summary, place)
