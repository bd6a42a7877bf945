"""Find the setting of a space of transforms that fools a classifier about one picture."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from negatoscope.attacks.search import Search, search_images
from negatoscope.attacks.strategies import resolve_strategy
from negatoscope.errors import InputError, SpecError, expect
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.transforms.spaces import describe_spaces, resolve_space
from negatoscope.web.answers import SideBySide, as_images, classifying
from negatoscope.web.pictures import TablePicture
from negatoscope.web.stacks import StackStage, stages_of
from negatoscope.web.worker import Pause

STRATEGY = "local"
"""How settings are proposed."""

MOST_QUERIES = 1000
"""The largest budget of a search on the page."""


@dataclass(frozen=True, kw_only=True)
class FooledBy:
    """How a search on the page ended.

    Args:
        found: Whether a setting fools the classifier.
        label: The class that it was to keep: the picture's, or what the classifier predicts clean where none is known.
        spec: The setting that does, or the one at which the classifier was least confident; "clean" where that is the
            picture as it is.
        stack: The same for the table.
        queries: How many pictures the classifier was shown.
    """

    found: bool
    label: str
    spec: str
    stack: tuple[StackStage, ...]
    queries: int


def spaces_for(classifiers: Sequence[ClassifierAdapter]) -> dict[str, str]:
    """The named spaces of which every classifier can be shown something, with what they are."""
    usable = {}
    for entry in describe_spaces():
        try:
            for classifier in classifiers:
                resolve_space(entry.name, channels=classifier.input_spec.planes)
        except InputError:  # of color
            continue
        usable[entry.name] = entry.summary.partition(": ")[2]
    return usable if classifiers else {}


def find(models: SideBySide, picture: TablePicture, *, space: str, model: int, budget: int, pause: Pause) -> FooledBy:
    """Search a space for a setting that one classifier misclassifies a picture at.

    Raises:
        InputError: There is no such space or model, or the budget is out of range.
    """
    known = spaces_for(models.classifiers)
    expect(space in known, f"one of the spaces {', '.join(known)}", repr(space[:80]), SpecError)
    expect(0 <= model < len(models.classifiers), f"model from 0 to {len(models.classifiers) - 1}", model)
    expect(1 <= budget <= MOST_QUERIES, f"a budget from 1 to {MOST_QUERIES} queries", budget)
    classifier = models.classifiers[model]
    images = as_images(picture, classifier)
    label = int(models.clean(picture, model).argmax()) if picture.label is None else picture.label
    search = Search(
        resolve_space(space, channels=classifier.input_spec.planes), resolve_strategy(STRATEGY), budget=budget
    )
    labels = torch.tensor([label], device=classifier.device)
    with classifying(classifier):
        found = search_images(classifier, images, labels, search=search, progress=lambda *_: pause())
    spec = found.parameters[0]
    return FooledBy(
        found=bool(found.first_errors[0] > 0),
        label=models.names(model)[label],
        spec=spec,
        stack=stages_of(spec),
        queries=int(found.queries[0]),
    )
