"""How natural images look to scorers that were fitted on the others."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor

from negatoscope.hardening import FitData
from negatoscope.hardening.scorer import Scorer, fit_scorer
from negatoscope.models.predict import to_images
from negatoscope.statistics.contamination import Kind
from negatoscope.transforms.groups import Group
from negatoscope.types import IndexArray, PixelArray

EPOCHS = 8
_AT_LEAST = 4000  # images that a scorer sees in one epoch: fewer are shown more often
_BATCH, _PATIENCE = 128, 4
Progress = Callable[[str, float], None]
"""Called with what is being done and the share of the work that is done, in [0, 1]."""


@dataclass(frozen=True)
class CrossFitted:
    """What scorers think of images that they were not fitted on.

    Args:
        scores: Of each image, the log-odds that another element of the group looks more natural than it does.
        elements: Which other element looks most natural, by its place in the group.
        kinds: For each element but the identity, how images score that it mends: those that are there, and what each
            image would score if it were one, which such a scorer has not seen either.
    """

    scores: Float64[np.ndarray, " n"]
    elements: Int64[np.ndarray, " n"]
    kinds: tuple[Kind, ...]


def cross_fit(fit: FitData, group: Group, *, folds: int, seed: int, progress: Progress) -> CrossFitted:
    """Score each image with a scorer that was fitted on the images of the other folds.

    Few transformed images among those that are fitted on do no harm: the loss grows no faster than the score, so each
    of them pulls no more than any other image does.

    Args:
        fit: Images, of which most look as they should; frames of one object stand in one fold.
        group: What the others may have been transformed by.
        folds: 2 or more.
        seed: Decides folds and weights.
        progress: Called after each epoch of each fold.

    Raises:
        InputError: There are fewer than 20 images to fit a scorer on.
    """
    of_fold = assign_folds(fit, folds, seed=seed)
    scores = torch.zeros(len(fit.images), len(group), dtype=torch.float64)
    for fold in range(folds):
        epochs = count(1)

        def say(text: str, fold: int = fold, epochs: Iterator[int] = epochs) -> None:
            progress(f"fold {fold + 1} of {folds}, {text}", (fold + next(epochs) / EPOCHS) / folds)

        scorer, _ = fit_scorer(
            _shown(fit, of_fold != fold), group, epochs=EPOCHS, seed=seed + fold, progress=say, patience=_PATIENCE
        )
        inside = np.flatnonzero(of_fold == fold)
        for part in np.array_split(inside, max(1, math.ceil(len(inside) / _BATCH))):
            scores[part] = _over_orbit(scorer, fit.images[part], group)
    own, best = _log_odds(scores, 0)
    return CrossFitted(own.numpy(), best.numpy(), _kinds(scores, group))


def assign_folds(fit: FitData, folds: int, *, seed: int) -> IndexArray:
    """In which fold each image stands: frames of one object in one.

    Args:
        fit: The images.
        folds: How many there are.
        seed: Of the choice.
    """
    objects = np.arange(len(fit.images)) if fit.tracks is None else np.unique(fit.tracks, return_inverse=True)[1]
    of_object = np.random.default_rng(seed).permutation(int(objects.max(initial=0)) + 1) % folds
    return of_object[objects]


def _shown(fit: FitData, chosen: Bool[np.ndarray, " n"]) -> FitData:
    """The chosen images, few ones repeated; the repetitions of an image are frames of one object."""
    positions = np.flatnonzero(chosen)
    positions = np.tile(positions, math.ceil(_AT_LEAST / max(1, len(positions))))
    tracks = positions if fit.tracks is None else fit.tracks[positions]
    return FitData(fit.images[positions], tracks=tracks)


@torch.no_grad()
def _over_orbit(scorer: Scorer, pixels: PixelArray, group: Group) -> Float64[Tensor, "batch elements"]:
    return scorer.over_orbit(to_images(torch.from_numpy(pixels)), group).double()


def _kinds(scores: Float64[Tensor, "n elements"], group: Group) -> tuple[Kind, ...]:
    own, best = _log_odds(scores, 0)
    kinds = []
    for place, element in enumerate(group.elements[1:], start=1):
        inverse = next(at for at, other in enumerate(group.elements) if element.after(other) == group.elements[0])
        odds, mended = _log_odds(scores, inverse)
        kinds.append(Kind(_where(best == place, own), _where(mended == 0, odds)))
    return tuple(kinds)


def _log_odds(scores: Float64[Tensor, "n elements"], place: int) -> tuple[Float64[Tensor, " n"], Int64[Tensor, " n"]]:
    """Those of all elements but one, were the image that one; and the first among them."""
    others = scores.clone()
    others[:, place] = -torch.inf
    return others.logsumexp(dim=1) - scores[:, place], others.argmax(dim=1)


def _where(holds: Bool[Tensor, " n"], odds: Float64[Tensor, " n"]) -> Float64[np.ndarray, " n"]:
    return odds.masked_fill(~holds, -torch.inf).numpy()
