"""The search for each image's worst setting in a space of transforms, with nothing but answers of the classifier."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, NamedTuple

import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor

from negatoscope.attacks import AttackResult, register_attack
from negatoscope.attacks.strategies import History, Proposed, Strategy, resolve_strategy
from negatoscope.errors import expect
from negatoscope.models.predict import Classifier, suitable_batch
from negatoscope.transforms import CLEAN
from negatoscope.transforms.spaces import Space, resolve_space
from negatoscope.types import Images, Labels, Logits

Feedback = Literal["scores", "labels"]
"""What a search may read of a classifier's answers: logits, or the predicted class alone."""

MOST_QUERIES = 1_000_000
"""The largest budget of an image."""

_LARGEST = 1e30  # of margins: where logits are infinite


@dataclass(frozen=True)
class Search:
    """What is searched, and how.

    Args:
        space: The settings to choose from.
        strategy: How they are proposed.
        budget: Forward passes of each image at most, from 1 to a million; the first is that of the clean image.
        seed: Of all draws, from -2**63 to 2**63 - 1.
        feedback: What the strategy learns of answers.

    Raises:
        InputError: The budget or the seed is out of range, or the strategy follows slopes and labels have none.
    """

    space: Space
    strategy: Strategy
    budget: int = 100
    seed: int = 0
    feedback: Feedback = "scores"

    def __post_init__(self) -> None:
        expect(self.budget >= 1, "a budget of at least 1 query, that of the clean image", self.budget)
        expect(self.budget <= MOST_QUERIES, f"a budget of at most {MOST_QUERIES:,} queries", self.budget)
        expect(-(2**63) <= self.seed < 2**63, "a seed from -2**63 to 2**63 - 1", self.seed)
        usable = self.feedback == "scores" or not self.strategy.slopes
        expect(usable, f"scores as feedback of {self.strategy.spec}, which follows their slopes", "labels")


@dataclass(frozen=True)
class SearchFound:
    """For each image the first setting that fools, else the one at which the classifier was least confident.

    Args:
        clean_logits: The classifier's, of the clean image.
        logits: Under the setting.
        queries: Forward passes spent.
        first_errors: The query at which the image was first misclassified: 1 where it is when clean, 0 for never.
        margins: The logit of the label less the largest other one, under the setting; NaN where labels alone were read.
        points: The setting's place in the unit cube of the space. Where it is the clean image this is the identity, and
            NaN if the space has none.
        parameters: The spec of the transforms, "clean" for the clean image.
    """

    clean_logits: Logits
    logits: Logits
    queries: Int64[Tensor, " batch"]
    first_errors: Int64[Tensor, " batch"]
    margins: Float[Tensor, " batch"]
    points: Float64[Tensor, "batch dimensions"]
    parameters: Sequence[str]

    def changed(self, images: Images, space: Space) -> Images:
        """The images searched, each under its setting."""
        result = images.clone()
        chosen = [place for place, text in enumerate(self.parameters) if text != CLEAN]
        result[chosen] = space.apply(images[chosen], self.points[chosen])
        return result


@torch.no_grad()
def search_images(
    classifier: Classifier,
    images: Images,
    labels: Labels,
    *,
    search: Search,
    keys: Int64[Tensor, " batch"] | None = None,
    batch_size: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> SearchFound:
    """Search all images side by side, each until its first error.

    All that are still classified correctly advance together in full batches, each at its own point. Which points an
    image is tried at depends on the seed, its key and the answers about it, not on the batch size or on other images.

    Args:
        classifier: Maps images in [0, 1] to logits.
        images: In [0, 1], where the classifier lives.
        labels: The true classes.
        search: What is searched.
        keys: A number of each image's own, such as its `sample_hash`; its position by default.
        batch_size: Images per forward pass; None takes what suits the device.
        progress: Called after each query with its number, and how many images are still classified correctly.

    Raises:
        InputError: `batch_size` is below 1, the space has no use for such images, the strategy follows slopes and the
            classifier has none, or the device has no numbers of 64 bits.
    """
    device = images.device.type
    expect(device != "mps", "a device with numbers of 64 bits for a search, such as --device cpu", device)
    if batch_size is None:
        batch_size = suitable_batch(images.device, values=images.shape[1:].numel())
    expect(batch_size >= 1, "batch_size of at least 1", batch_size)
    keys = torch.arange(len(images)) if keys is None else keys
    query = partial(_query, classifier, search, batch_size=batch_size)
    clean = query(images, labels)
    best = _Best.clean(search.space, clean)
    pool = _Pool.begin(search, images, labels, keys.to(images.device), clean)
    while len(pool.places) and (points := search.strategy(pool.history)) is not None:
        responses = query(pool.images, pool.labels, points)
        best.learn(pool.places, points, responses)
        pool = pool.after(points, responses)
        if progress:
            progress(1 + pool.history.queries, len(pool.places))
    return best.found(search)


@register_attack
def search(
    classifier: Classifier,
    images: Images,
    labels: Labels,
    keys: Int64[Tensor, " batch"] | None = None,
    *,
    space: str,
    strategy: str = "local",
    budget: int = 100,
    seed: int = 0,
) -> AttackResult:
    """The setting of each image, of a space of transforms, that the classifier misclassifies or is least confident at.

    Args:
        classifier: Maps images in [0, 1] to logits.
        images: Images in [0, 1].
        labels: The true classes.
        keys: A number of each image's own, from which its draws derive; its position by default.
        space: Transforms with ranges, as in "hue_shift(degrees=-180..180) | saturation(factor=0..2)", or a named space.
        strategy: How settings are proposed; "sobol" and "random" read no scores.
        budget: Forward passes of each image at most, the clean one among them.
        seed: Of all draws, from -2**63 to 2**63 - 1.

    Raises:
        SpecError: The space or the strategy is unknown or malformed, or of color where images are gray.
        InputError: A number is out of range, or the classifier has no slopes for a strategy that follows them.
    """
    resolved = Search(resolve_space(space, channels=images.shape[1]), resolve_strategy(strategy), budget, seed)
    found = search_images(classifier, images, labels, search=resolved, keys=keys)
    return AttackResult(found.changed(images, resolved.space), found.queries, found.parameters, found.first_errors > 0)


class _Responses(NamedTuple):
    """What a classifier answers about n images.

    Args:
        logits: Its logits.
        correct: Whether the label has the largest.
        margins: The logit of the label less the largest other one; 0 where labels alone are fed back.
        slopes: How they change with the point; 0 where the strategy follows none.
    """

    logits: Logits
    correct: Bool[Tensor, " n"]
    margins: Float64[Tensor, " n"]
    slopes: Float64[Tensor, "n dimensions"]


@dataclass
class _Best:
    """Of all images the best that was seen, which grows as answers come: the fields of `SearchFound`."""

    clean_logits: Logits
    logits: Logits
    queries: Int64[Tensor, " batch"]
    first_errors: Int64[Tensor, " batch"]
    margins: Float64[Tensor, " batch"]
    points: Float64[Tensor, "batch dimensions"]
    is_clean: Bool[Tensor, " batch"]

    @classmethod
    def clean(cls, space: Space, responses: _Responses) -> "_Best":
        """After the first query."""
        n, device = len(responses.logits), responses.logits.device
        return cls(
            responses.logits,
            responses.logits.clone(),
            torch.ones(n, dtype=torch.int64, device=device),
            (~responses.correct).long(),
            responses.margins.clone(),
            _identity(space).to(device).repeat(n, 1),
            torch.ones(n, dtype=torch.bool, device=device),
        )

    def learn(self, places: Int64[Tensor, " n"], points: Proposed, responses: _Responses) -> None:
        """Take in the answers about the images at `places`, each at its point."""
        self.queries[places] += 1
        misclassified = places[~responses.correct]
        self.first_errors[misclassified] = self.queries[misclassified]
        better = ~responses.correct | (responses.margins < self.margins[places])
        at = places[better]
        self.logits[at], self.margins[at] = responses.logits[better], responses.margins[better]
        self.points[at], self.is_clean[at] = points[better], False

    def found(self, search: Search) -> SearchFound:
        """What the search ends with."""
        parameters = [CLEAN] * len(self.queries)
        changed = (~self.is_clean).nonzero()[:, 0]
        for place, text in zip(changed.tolist(), search.space.parameters(self.points[changed]), strict=True):
            parameters[place] = text
        margins = self.margins if search.feedback == "scores" else torch.full_like(self.margins, math.nan)
        return SearchFound(
            self.clean_logits,
            self.logits,
            self.queries,
            self.first_errors,
            margins.float(),
            self.points,
            parameters,
        )


@dataclass(frozen=True)
class _Pool:
    """The images that are still classified correctly: where they stand among all, and what their strategy knows."""

    places: Int64[Tensor, " n"]
    images: Images
    labels: Labels
    history: History

    @classmethod
    def begin(
        cls, search: Search, images: Images, labels: Labels, keys: Int64[Tensor, " batch"], clean: _Responses
    ) -> "_Pool":
        """After the clean images, whose margins are known at the identity, where there is one."""
        known = 0 if search.space.identity is None else 1
        points = _identity(search.space).to(images.device).repeat(len(images), known, 1)
        margins = clean.margins[:, None].repeat(1, known)
        history = History(
            search.space, search.seed, search.budget - 1, 0, keys, points, margins, torch.zeros_like(points)
        )
        places = torch.arange(len(images), device=images.device)
        return cls(places, images, labels, history)._only(clean.correct)

    def after(self, points: Proposed, responses: _Responses) -> "_Pool":
        """What is left after one query more of each."""
        history = self.history.after(points, responses.margins, responses.slopes)
        return replace(self, history=history)._only(responses.correct)

    def _only(self, stay: Bool[Tensor, " n"]) -> "_Pool":
        if stay.all():
            return self
        return _Pool(self.places[stay], self.images[stay], self.labels[stay], self.history.only(stay))


def _identity(space: Space) -> Float64[Tensor, " dimensions"]:
    nowhere = torch.full((len(space.dimensions),), math.nan, dtype=torch.float64)
    return nowhere if space.identity is None else space.identity


def _query(
    classifier: Classifier,
    search: Search,
    images: Images,
    labels: Labels,
    points: Proposed | None = None,
    *,
    batch_size: int,
) -> _Responses:
    """One forward pass of each image at its point, or as it is, in full batches."""
    responses = []
    for start in range(0, max(1, len(images)), batch_size):
        part = slice(start, start + batch_size)
        at = None if points is None else points[part]
        responses.append(_query_batch(classifier, search, images[part], labels[part], at))
    return _Responses(*map(torch.cat, zip(*responses, strict=True)))


def _query_batch(
    classifier: Classifier, search: Search, images: Images, labels: Labels, points: Proposed | None
) -> _Responses:
    slopes, found = search.strategy.slopes, None
    with torch.set_grad_enabled(slopes):
        variable = (images if points is None else points).detach().requires_grad_(slopes)
        logits = classifier(variable if points is None else search.space.apply(images, variable)).float()
        margins = _margins(logits, labels, search.feedback)
        if slopes and points is None:
            got = "outputs without them (as of ONNX); give the torch module"
            expect(margins.requires_grad, "a classifier that gradients flow through", got)
        elif margins.requires_grad:  # where nothing of the space has a slope the answer is None
            (found,) = torch.autograd.grad(margins.sum(), variable, allow_unused=True)
    nothing = torch.zeros(len(images), len(search.space.dimensions), dtype=torch.float64, device=images.device)
    correct = logits.argmax(dim=1) == labels
    return _Responses(logits.detach(), correct, margins.detach(), nothing if found is None else found)


def _margins(logits: Logits, labels: Labels, feedback: Feedback) -> Float64[Tensor, " n"]:
    """The logit of the label less the largest other one, in finite numbers; 0 where labels alone are fed back."""
    if feedback == "labels":
        return torch.zeros_like(labels, dtype=torch.float64)
    others = logits.scatter(1, labels[:, None], -math.inf).amax(dim=1)
    return (logits.gather(1, labels[:, None])[:, 0] - others).double().clamp(-_LARGEST, _LARGEST)
