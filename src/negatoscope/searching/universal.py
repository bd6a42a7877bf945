"""One setting for all images: searched on some of them, and judged on the others."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from negatoscope.attacks.search import Search
from negatoscope.attacks.strategies import sizes
from negatoscope.data import Dataset
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.searching.measure import accuracy_interval
from negatoscope.searching.result import MeanOverSettings, TriedSetting, UniversalSetting
from negatoscope.searching.searched import SearchedImages
from negatoscope.searching.settings import read_images, try_setting
from negatoscope.statistics.measured import measure_difference
from negatoscope.transforms.spaces import Space
from negatoscope.types import TrackArray

_SETTINGS = (32, 128)  # tried: as many as the budget of one image, but within these
_FIT_IMAGES = 256  # that they are tried on at most
_ROUND = 8  # settings around the best one before that is chosen anew
_REACH, _SHRINK = 0.2, 0.7  # how far around the best one, as a share of a range, and what becomes of that each round


@dataclass(frozen=True)
class _Tried:
    """A setting, whether each fit image is correct under it, and how it ranks: the lower the more harm.

    Scores rank settings under which as many are correct; where labels alone are read, `rank` is without them.
    """

    point: Float[Tensor, " d"]
    correct: Bool[np.ndarray, " n"]
    rank: tuple[int, float]


@dataclass(frozen=True)
class OverSettings:
    """What one setting for all images does.

    Args:
        mean: Over settings spread over the space; None with one image, or one object.
        settings: These settings.
        universal: The setting that does most harm; likewise.
    """

    mean: MeanOverSettings | None = None
    settings: tuple[TriedSetting, ...] = ()
    universal: UniversalSetting | None = None


def find_universal(
    classifier: ClassifierAdapter,
    dataset: Dataset,
    searched: SearchedImages,
    *,
    search: Search,
) -> OverSettings:
    """The mean over settings spread over a space, and the one that does most harm, refined around the worst of them.

    Half of the images are the fit images, of which 256 at most are tried, drawn at random; no object has frames on both
    sides. Half of the settings, of which there are as many as the budget, but at least 32 and at most 128, are a
    scrambled Sobol sequence; the others are drawn around the worst one so far. Of a space with no more than 128
    settings all are tried.
    """
    space, seed = search.space, search.seed
    fit = fit_half(searched, seed=seed)
    if not fit.any() or fit.all():
        return OverSettings()
    chosen = np.sort(np.random.default_rng(seed).permutation(np.flatnonzero(fit))[:_FIT_IMAGES])
    images = [(batch, labels) for batch, labels, _ in read_images(classifier, dataset, searched.samples[chosen])]
    spread, tried = _try_settings(classifier, search, images)
    changing = [entry for entry in tried if _changes(space, entry.point)]
    worst = min(changing or tried, key=lambda entry: entry.rank)
    judges = (part[:2] for part in read_images(classifier, dataset, searched.samples[~fit]))
    parts = [try_setting(classifier, space, [part], worst.point)[0] for part in judges]
    after, tracks = np.concatenate(parts), None if searched.tracks is None else searched.tracks[~fit]
    drop = measure_difference(searched.clean_correct[~fit], after, tracks)
    universal = UniversalSetting(
        **vars(accuracy_interval(after, tracks)),
        space=space.text,
        parameters=space.parameters(worst.point[None])[0],
        point=tuple(worst.point.tolist()),
        settings=len(tried),
        n_fit=len(chosen),
        fit_accuracy=float(worst.correct.mean()),
        n=len(after),
        clean_accuracy=float(searched.clean_correct[~fit].mean()),
        drop=drop.difference,
        drop_low=drop.low,
        drop_high=drop.high,
    )
    settings = tuple(
        TriedSetting(point=tuple(entry.point.tolist()), n=len(chosen), accuracy=float(entry.correct.mean()))
        for entry in spread
    )
    return OverSettings(
        _mean(spread, None if searched.tracks is None else searched.tracks[chosen]), settings, universal
    )


def fit_half(searched: SearchedImages, *, seed: int) -> Bool[np.ndarray, " n"]:
    """Which images the setting is searched on: those of half of the objects, drawn at random."""
    clusters = searched.samples if searched.tracks is None else searched.tracks
    members: Int[np.ndarray, " n"] = np.unique(clusters, return_inverse=True)[1]
    order = np.random.default_rng(seed).permutation(int(members.max(initial=-1)) + 1)
    return order[members] < len(order) // 2  # type: ignore[no-any-return]


def _try_settings(
    classifier: ClassifierAdapter, search: Search, images: Sequence[tuple[Tensor, Tensor]]
) -> tuple[list[_Tried], list[_Tried]]:
    """Those that are spread over the space, and all."""
    space, seed = search.space, search.seed
    n, dimensions = min(max(search.budget, _SETTINGS[0]), _SETTINGS[1]), len(space.dimensions)

    def tried(points: Float[Tensor, "k d"]) -> list[_Tried]:
        results = []
        for point in points:
            correct, confidences = try_setting(classifier, space, images, point)
            score = float(confidences.sum(dtype=np.float64)) if search.feedback == "scores" else 0.0
            results.append(_Tried(point, correct, (int(correct.sum()), score)))
        return results

    if math.prod(sizes(space)) <= _SETTINGS[1]:
        every = tried(_all_points(space))
        return every, every
    sobol = torch.quasirandom.SobolEngine(dimensions, scramble=True, seed=seed)  # type: ignore[no-untyped-call]
    spread = tried(sobol.draw(max(1, n // 2)))
    generator, found, reach = torch.Generator().manual_seed(seed), list(spread), _REACH
    while len(found) < n:
        center = min(found, key=lambda entry: entry.rank).point
        around = torch.randn(min(_ROUND, n - len(found)), dimensions, generator=generator) * reach + center
        found += tried(around.clamp(0.0, 1.0))
        reach *= _SHRINK
    return spread, found


def _changes(space: Space, point: Float[Tensor, " d"]) -> bool:
    return space.identity is None or bool(space.distance(point[None]) > 0)


def _all_points(space: Space) -> Float[Tensor, "k d"]:
    """A point of every setting, where there are so few."""
    lines = [(torch.arange(size, dtype=torch.float64) + 0.5) / size for size in sizes(space)]
    return torch.stack([axis.flatten() for axis in torch.meshgrid(*lines, indexing="ij")], dim=1)


def _mean(spread: Sequence[_Tried], tracks: TrackArray | None) -> MeanOverSettings:
    """The mean of the intervals' ends is an interval of the mean that holds at least as often, however they depend."""
    rates = [accuracy_interval(entry.correct, tracks) for entry in spread]
    accuracy, low, high = np.mean([(rate.accuracy, rate.low, rate.high) for rate in rates], axis=0).tolist()
    return MeanOverSettings(accuracy=accuracy, low=low, high=high, settings=len(spread), n=len(spread[0].correct))
