"""What classifiers answer about a picture under a stack of transforms: one setting, or one slider's whole range."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float

from negatoscope.descriptions import literal_type, range_of
from negatoscope.errors import InputError, NegatoscopeError, SpecError, expect, reason
from negatoscope.hardening.wrapper import WrappedClassifier
from negatoscope.levels import to_pixels
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.predict import suitable_batch, to_images
from negatoscope.transforms import TRANSFORMS
from negatoscope.types import Images
from negatoscope.web.pictures import TablePicture, data_url
from negatoscope.web.stacks import StackStage, numbers_along, read_stack
from negatoscope.web.worker import Pause

MOST_TOP = 5
"""Classes of an answer."""

POINTS = 61
"""Values of a curve along a slider, both ends among them."""

_KEPT_CLASSES = 6  # of a curve: those that are predicted anywhere, and the likeliest others


Top = Mapping[str, str | int | float]
"""One of the likeliest classes: ``class`` is its name, ``index`` its number, and ``confidence`` its softmax
probability, in [0, 1]."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one classifier says.

    Args:
        error: Why it cannot take the transforms, in a sentence; then nothing else is here.
        seen: What it is shown, at its own size: the address of a PNG.
        canonical: Of a classifier behind a wrapper that chooses, what was chosen; else "".
        clean: The likeliest classes of the picture as it is, the likeliest first.
        now: Those under the transforms.
        label_confidence: That of the label under the transforms; None where the label is unknown.
    """

    error: str = ""
    seen: str = ""
    canonical: str = ""
    clean: tuple[Top, ...] = ()
    now: tuple[Top, ...] = ()
    label_confidence: float | None = None


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What the page shows of a picture under a stack.

    Args:
        label: What the picture shows, where that is known.
        spec: The stack's spec.
        command: The command that audits the dataset under this stack.
        python: The same in Python.
        answers: One for each classifier.
    """

    label: str | None
    spec: str
    command: str
    python: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True, kw_only=True)
class ModelCurve:
    """What one classifier says along a slider.

    Args:
        error: Why it cannot take the transforms; then nothing else is here.
        classes: Those that are kept: what is predicted anywhere, the label, and the likeliest others.
        confidences: For each of them its confidence at each value.
        top: The predicted class at each value.
        flips: The values at which that changes, halfway between two that were tried.
    """

    error: str = ""
    classes: tuple[str, ...] = ()
    confidences: tuple[tuple[float, ...], ...] = ()
    top: tuple[str, ...] = ()
    flips: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AnswerCurve:
    """What classifiers say along a slider's whole range.

    Args:
        values: Of the slider, ascending.
        answers: One for each classifier.
    """

    values: tuple[float, ...]
    answers: tuple[ModelCurve, ...]


@dataclass(frozen=True)
class SideBySide:
    """The classifiers that are asked, side by side.

    Args:
        classifiers: At least one.
        class_names: Of the data; () where each classifier names its own.
    """

    classifiers: tuple[ClassifierAdapter, ...]
    class_names: tuple[str, ...] = ()

    def names(self, place: int) -> Sequence[str]:
        """What the classes of a classifier are called."""
        classifier = self.classifiers[place]
        return self.class_names or classifier.labels or [str(n) for n in range(classifier.input_spec.data_classes)]

    def clean(self, picture: TablePicture, place: int) -> Float[np.ndarray, " classes"]:
        """A classifier's confidences for the picture as it is, which are asked for once."""
        if place not in picture.clean:
            classifier = self.classifiers[place]
            picture.clean[place] = _confidences(classifier, as_images(picture, classifier))[0]
        return picture.clean[place]

    def answer(self, picture: TablePicture, stages: tuple[StackStage, ...]) -> tuple[Answer, ...]:
        """What each says of a picture under a stack.

        Raises:
            InputError: The stack is not one of registered transforms within their ranges.
        """
        stack, answers = read_stack(stages), []
        for place, classifier in enumerate(self.classifiers):
            try:
                stack.expect_usable(classifier.input_spec.resize.channels, name=classifier.name)
            except SpecError as error:
                answers.append(Answer(error=str(error)))
                continue
            changed = stack.apply(as_images(picture, classifier))
            (now,) = _confidences(classifier, changed)
            answers.append(
                Answer(
                    seen=data_url(to_pixels(changed[0])),
                    canonical=_canonical(classifier, changed),
                    clean=self._top(place, self.clean(picture, place)),
                    now=self._top(place, now),
                    label_confidence=None if picture.label is None else float(now[picture.label]),
                )
            )
        return tuple(answers)

    def curve(
        self, picture: TablePicture, stages: tuple[StackStage, ...], *, index: int, parameter: str, pause: Pause
    ) -> AnswerCurve:
        """What each says along the whole range of one parameter of a stack.

        Raises:
            InputError: The stack is unusable, or the parameter has no range.
        """
        expect(0 <= index < len(stages), f"an index from 0 to {len(stages) - 1}", index)
        stage = stages[index]
        known = TRANSFORMS.settings(stage.name)
        limits = range_of(known[parameter].annotation) if parameter in known else None
        if limits is None:
            raise InputError(f"expected a parameter of {stage.name} that has a range, got {parameter!r:.80}")
        whole = literal_type(known[parameter].annotation) is int
        values = numbers_along(limits, whole=whole, most=POINTS)
        stacks = [
            (*stages[:index], replace(stage, parameters={**stage.parameters, parameter: value}), *stages[index + 1 :])
            for value in values
        ]
        answers = []
        for place, classifier in enumerate(self.classifiers):
            try:
                confidences = _along(classifier, picture, stacks, pause)
            except SpecError as error:
                answers.append(ModelCurve(error=str(error)))
                continue
            answers.append(_model_curve(confidences, values, self.names(place), picture.label))
        return AnswerCurve(values=tuple(values), answers=tuple(answers))

    def _top(self, place: int, confidences: Float[np.ndarray, " classes"]) -> tuple[Top, ...]:
        names = self.names(place)
        order = np.argsort(-confidences, kind="stable")[:MOST_TOP].tolist()
        return tuple({"class": names[each], "index": each, "confidence": float(confidences[each])} for each in order)


def _along(
    classifier: ClassifierAdapter, picture: TablePicture, stacks: Sequence[tuple[StackStage, ...]], pause: Pause
) -> Float[np.ndarray, "values classes"]:
    """A classifier's confidences under each of some stacks, each applied to the picture alone, as in an answer."""
    images = as_images(picture, classifier)
    few = max(1, 400_000 // images[0].numel())  # so that an answer need not wait long for them
    size = min(suitable_batch(images.device, values=images[0].numel()), few)
    parts = []
    for start in range(0, len(stacks), size):
        changed = []
        for stages in stacks[start : start + size]:
            stack = read_stack(stages)
            stack.expect_usable(classifier.input_spec.resize.channels, name=classifier.name)
            changed.append(stack.apply(images))
        parts.append(_confidences(classifier, torch.cat(changed)))
        pause()
    return np.concatenate(parts)


def _model_curve(
    confidences: Float[np.ndarray, "values classes"], values: Sequence[float], names: Sequence[str], label: int | None
) -> ModelCurve:
    predicted = confidences.argmax(axis=1)
    likeliest = np.argsort(-confidences.max(axis=0), kind="stable")[:_KEPT_CLASSES].tolist()
    kept = list(dict.fromkeys([*predicted.tolist(), *([] if label is None else [label]), *likeliest]))
    flips = np.flatnonzero(predicted[1:] != predicted[:-1]).tolist()
    return ModelCurve(
        classes=tuple(names[each] for each in kept),
        confidences=tuple(tuple(confidences[:, each].tolist()) for each in kept),
        top=tuple(names[each] for each in predicted.tolist()),
        flips=tuple((values[at] + values[at + 1]) / 2 for at in flips),
    )


def as_images(picture: TablePicture, classifier: ClassifierAdapter) -> Images:
    """A picture as a batch of one for a classifier, in [0, 1]."""
    pixels = picture.sized[classifier.input_spec.resize]
    return to_images(torch.from_numpy(np.array(pixels[None])).to(classifier.device))


def _canonical(classifier: ClassifierAdapter, images: Images) -> str:
    """The one image that the classifier behind a wrapper is shown; "" where it is shown several or has no wrapper."""
    batches = classifier.shown(images) if isinstance(classifier, WrappedClassifier) else []
    return data_url(to_pixels(batches[0][0])) if [len(batch) for batch in batches] == [1] else ""


@torch.no_grad()
def _confidences(classifier: ClassifierAdapter, images: Images) -> Float[np.ndarray, "images classes"]:
    """Softmax probabilities, as `predict` counts them."""
    with classifying(classifier):
        return classifier(images).float().softmax(dim=1).cpu().numpy()


@contextmanager
def classifying(classifier: ClassifierAdapter) -> Iterator[None]:
    """Whatever a model's own code raises within the block is an `InputError`."""
    try:
        yield
    except NegatoscopeError:
        raise
    except Exception as error:
        fault = f"{type(error).__name__}: {reason(error)}"
        raise InputError(f"expected {classifier.name} to classify the picture, but {fault}") from error
