"""The usual suspects beside a classifier as it was opened, on the same clean images."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool

from negatoscope.auditing.results import SIGNIFICANT
from negatoscope.auditing.suspects import Suspect, permuted, usual_suspects
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.predict import predict
from negatoscope.reports.formatting import p_value, percent
from negatoscope.statistics.paired import holm, mcnemar
from negatoscope.types import IndexArray, LabelArray, PixelArray

_FIRST = 100  # images after which a suspect that is worse is tried no further
_CLOSE = 0.02  # in accuracy: suspects as good as another
_HELD_OUT = slice(1, None, 2)  # the images on which an order of outputs is tried that fits the others


@dataclass(frozen=True)
class Trial:
    """A suspect and the classifier as it was opened, on the same images.

    Args:
        suspect: What was tried.
        before: Which images are correct as the classifier was opened.
        after: Which are with the suspect.
    """

    suspect: Suspect
    before: Bool[np.ndarray, " n"]
    after: Bool[np.ndarray, " n"]

    @property
    def gain(self) -> float:
        """By how much the accuracy is higher, in [-1, 1]."""
        return float(self.after.mean() - self.before.mean())

    @property
    def p_value(self) -> float:
        """McNemar's exact test of the two."""
        return mcnemar(int((self.before & ~self.after).sum()), int((self.after & ~self.before).sum()))


@dataclass(frozen=True)
class Suggestion:
    """A suspect that is better than the classifier as it was opened.

    Args:
        trial: What it was tried on.
        p_holm: Its p-value, corrected for all suspects.
        others: Less usual suspects that are as good, but for chance.
    """

    trial: Trial
    p_holm: float
    others: tuple[Suspect, ...]

    def __str__(self) -> str:
        """What the suspect would change, in one sentence."""
        trial = self.trial
        before, after = (percent(float(which.mean()), decimals=1, unit=True) for which in (trial.before, trial.after))
        on = f"on {len(trial.after)} images, instead of {before} ({p_value(self.p_holm, named=True)})"
        others = f"; as good: {', or '.join(map(str, self.others))}" if self.others else ""
        return f"with {trial.suspect} the accuracy is {after} {on}{others}"


def run_trials(
    classifier: ClassifierAdapter, pixels: PixelArray, labels: LabelArray, before: Bool[np.ndarray, " n"]
) -> list[Trial]:
    """Every suspect that the classifier takes."""
    trials = []
    for suspect in usual_suspects(classifier.input_spec, pixels):
        try:
            trials.append(_trial(classifier, suspect, pixels, labels, before))
        except Exception:  # the user's own code, given what it does not take, may fail in any way: no suspect then
            continue
    permutation = _permutation(classifier, pixels, labels, before)
    tried = {trial.suspect.input_spec for trial in trials}
    return [*trials, permutation] if permutation and permutation.suspect.input_spec not in tried else trials


def best_suggestion(trials: list[Trial]) -> Suggestion | None:
    """Of the suspects that are better by more than chance, the one that gains most, or a more usual one as good."""
    corrected = holm([trial.p_value if trial.gain > 0 else 1.0 for trial in trials])
    better = [(trial, p) for trial, p in zip(trials, corrected, strict=True) if p < SIGNIFICANT]
    if not better:
        return None
    best = max((trial for trial, _ in better), key=lambda trial: trial.gain)
    equals = [(trial, p) for trial, p in better if trial is best or _as_good(trial, best)]
    (first, p_holm), *others = equals
    return Suggestion(
        first, p_holm, tuple(trial.suspect for trial, _ in others if len(trial.after) == len(first.after))
    )


def _as_good(trial: Trial, best: Trial) -> bool:
    """Whether two suspects are within two points, and chance may set them apart, on the images of both."""
    if len(trial.after) < len(best.after):
        return False
    after = trial.after if len(trial.after) == len(best.after) else trial.after[_HELD_OUT]
    against = Trial(trial.suspect, best.after, after)
    return against.gain >= -_CLOSE and against.p_value >= SIGNIFICANT


def spread(n: int, *, limit: int = _FIRST) -> IndexArray:
    """Up to `limit` of n positions, at equal distances."""
    return np.linspace(0, n - 1, min(n, limit)).astype(int)


def _trial(
    classifier: ClassifierAdapter,
    suspect: Suspect,
    pixels: PixelArray,
    labels: LabelArray,
    before: Bool[np.ndarray, " n"],
) -> Trial:
    """On all images, or on the first hundred alone where the suspect is worse there by more than chance."""
    other = replace(classifier, input_spec=suspect.input_spec)
    first = spread(len(labels))
    after = np.zeros_like(before)
    after[first] = predict(other, pixels[first], labels[first], device=other.device).predictions == labels[first]
    begun = Trial(suspect, before[first], after[first])
    if begun.gain < 0 and begun.p_value < SIGNIFICANT:
        return begun
    rest = np.setdiff1d(np.arange(len(labels)), first)
    after[rest] = predict(other, pixels[rest], labels[rest], device=other.device).predictions == labels[rest]
    return Trial(suspect, before, after)


def _permutation(
    classifier: ClassifierAdapter, pixels: PixelArray, labels: LabelArray, before: Bool[np.ndarray, " n"]
) -> Trial | None:
    """The order of outputs that fits every other image best, tried on the images between, where it is another one.

    Most images of the classes that it moves must be correct with it: it is an order, not a repair.
    """
    input_spec = classifier.input_spec
    every = replace(classifier, input_spec=replace(input_spec, class_map=()))
    outputs = predict(every, pixels, labels, device=classifier.device).predictions
    found = permuted(input_spec, outputs[::2], labels[::2])
    if found is None:
        return None
    suspect, own = found
    other = replace(classifier, input_spec=suspect.input_spec)
    pixels, labels, before = pixels[_HELD_OUT], labels[_HELD_OUT], before[_HELD_OUT]
    after = predict(other, pixels, labels, device=classifier.device).predictions == labels
    moved = np.isin(labels, own)
    return Trial(suspect, before, after) if moved.any() and after[moved].mean() > 0.5 else None
