"""An audit's results on the page: what it measured under each transform, and the images that failed, in pairs."""

import threading
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import torch
from jaxtyping import Int

from negatoscope.auditing.audit_result import AuditResult
from negatoscope.auditing.predictions import PredictionSet, read_predictions
from negatoscope.data import DATASETS, Dataset
from negatoscope.errors import DataError, InputError, SpecError, expect
from negatoscope.levels import to_pixels
from negatoscope.models.predict import to_images
from negatoscope.rows import RowReader
from negatoscope.transforms import CLEAN, describe_transform
from negatoscope.types import IndexArray
from negatoscope.web.answers import Top
from negatoscope.web.pictures import Pictures, data_url
from negatoscope.web.stacks import StackStage, stages_of

_TRANSFORMS_KEPT = 8  # whose predictions stay in memory


@dataclass(frozen=True, kw_only=True)
class AuditedTransform:
    """What an audit measured under one transform; None where no image counts.

    Args:
        spec: Its spec.
        n: Images that count.
        failures: Images that are correct clean and misclassified under it.
        accuracy: In [0, 1].
    """

    spec: str
    n: int
    failures: int
    accuracy: float | None


@dataclass(frozen=True, kw_only=True)
class BrowsedAudit:
    """What an audit found, in short.

    Args:
        model: What was audited.
        dataset: On what.
        verdict: The result in a sentence.
        n: Images that were read.
        clean_accuracy: In [0, 1].
        classes: What the classes are called.
        transforms: Each of them.
    """

    model: str
    dataset: str
    verdict: str
    n: int
    clean_accuracy: float
    classes: tuple[str, ...]
    transforms: tuple[AuditedTransform, ...]


@dataclass(frozen=True, kw_only=True)
class FailedPair:
    """An image that is correct clean and misclassified under a transform.

    Args:
        id: The picture's id.
        name: What its source calls it, "" for nothing.
        label: Its class.
        before: What was predicted clean.
        after: What was predicted under the transform.
        clean: The picture as the classifier was shown it: the address of a PNG.
        changed: The same under the transform; "" where an attack left none to show.
        stack: What changed it, for the table; () where that is an attack.
    """

    id: str
    name: str
    label: str
    before: Top
    after: Top
    clean: str
    changed: str
    stack: tuple[StackStage, ...]


@dataclass(frozen=True, kw_only=True)
class Failures:
    """Some of the failures under a transform, and how many there are."""

    total: int
    pairs: tuple[FailedPair, ...]


def spec_of(result: AuditResult) -> str:
    """What names the audited images, as `open_dataset` takes it, where they are one of the published datasets.

    Raises:
        InputError: They are files of the user's own.
    """
    dataset = result.summary.dataset
    name = dataset.spec.partition("(")[0]
    expect(name in DATASETS.names() and name != "folder", "--data beside --audit", f"none; name {dataset.spec}")
    return f"{dataset.spec}:{dataset.split.partition(' ')[0]}"


class AuditBrowser:
    """Reads an audit's rows when they are asked for.

    Args:
        result: A finished audit.
        dataset: The images that were audited.
        pictures: The same images, as the page shows them.

    Raises:
        DataError: The images are others than those of the audit, or its rows are damaged.
    """

    def __init__(self, result: AuditResult, dataset: Dataset, pictures: Pictures) -> None:
        self.result, self.dataset, self.pictures = result, dataset, pictures
        self.summary = result.summary
        self._reading = threading.Lock()
        self._rows = RowReader(result.rows_path)
        self.clean = read_predictions(self._rows, CLEAN)
        self.order = np.argsort(dataset.samples, kind="stable")
        found = self._positions(self.clean.samples)
        files = sorted(file.sha256 for file in dataset.files)
        same = self.summary.dataset.class_names == dataset.class_names and found is not None
        same = same and sorted(self.summary.dataset.files.values()) == files
        same = same and np.array_equal(dataset.labels[found], self.clean.labels)
        what = f"the images of the audit, {self.summary.dataset.spec}, {self.summary.dataset.split}"
        expect(same, what, f"others in {dataset.spec}; name them with --data", DataError)
        self.predictions = lru_cache(_TRANSFORMS_KEPT)(self._predictions)

    def describe(self) -> BrowsedAudit:
        """What the audit found under each transform."""
        summary = self.summary
        return BrowsedAudit(
            model=summary.model.name,
            dataset=f"{summary.dataset.spec}, {summary.dataset.split}",
            verdict=summary.verdict,
            n=summary.n,
            clean_accuracy=summary.clean.accuracy,
            classes=summary.dataset.class_names,
            transforms=tuple(
                AuditedTransform(
                    spec=entry.spec,
                    n=entry.n,
                    failures=entry.lost,
                    accuracy=entry.accuracy,
                )
                for entry in summary.transforms
            ),
        )

    def failures(self, transform: str, *, label: str, sort: str, offset: int, limit: int) -> Failures:
        """The failures under a transform.

        Args:
            transform: The spec of one that was audited.
            label: The class, "" for all.
            sort: "confidence" has the most confident errors first, "loss" those that were also surest before, and
                "sample" is the order of the data.
            offset: How many to leave out first.
            limit: How many to give at most.

        Raises:
            InputError: The transform was not audited, or the class is none of the data.
        """
        rows = self._failed(transform)
        if label:
            names = self.summary.dataset.class_names
            expect(label in names, "the name of a class", repr(label[:80]))
            rows = rows[self.clean.labels[rows] == names.index(label)]
        after = self.predictions(transform)
        keys = {
            "confidence": -after.confidences,
            "sample": after.samples,
            "loss": -(self.clean.confidences + after.confidences),
        }
        expect(sort in keys, f"sort as one of {', '.join(keys)}", repr(sort[:80]))
        rows = rows[np.argsort(keys[sort][rows], kind="stable")]
        chosen = rows[offset : offset + limit].tolist()
        return Failures(total=len(rows), pairs=tuple(self._pair(transform, after, row) for row in chosen))

    @cached_property
    def failing(self) -> IndexArray:
        """Positions in the dataset of all images that fail under a label-preserving transform, most often first."""
        counts = np.zeros(len(self.clean), dtype=np.int64)
        for entry in self.summary.label_preserving:
            counts[self._failed(entry.spec)] += 1
        rows = np.argsort(-counts, kind="stable")[: int((counts > 0).sum())]
        found = self._positions(self.clean.samples[rows])
        assert found is not None, "all samples were found when the audit was opened"
        return found

    def _failed(self, transform: str) -> Int[np.ndarray, " rows"]:
        entry = next((each for each in self.summary.transforms if each.spec == transform), None)
        if entry is None:
            raise InputError(f"expected a transform of the audit, got {transform!r:.80}")
        after = self.predictions(transform)
        return np.flatnonzero(self.clean.correct & ~after.correct & after.is_of(entry.preserved))

    def _predictions(self, transform: str) -> PredictionSet:
        with self._reading:
            return read_predictions(self._rows, transform, like=self.clean)

    def _pair(self, transform: str, after: PredictionSet, row: int) -> FailedPair:
        found = self._positions(self.clean.samples[row : row + 1])
        assert found is not None, "all samples were found when the audit was opened"
        picture = self.pictures.get(f"d{int(found[0])}")
        pixels = picture.sized[self.summary.model.input_spec.resize]
        spec = str(after.parameters[row]) if after.parameters is not None else transform
        try:
            function = describe_transform(spec).function
        except SpecError:  # an attack, whose images are nowhere
            changed, stack = "", tuple[StackStage, ...]()
        else:
            changed = data_url(to_pixels(function(to_images(torch.from_numpy(np.array(pixels[None]))))[0]))
            stack = stages_of(spec)
        names = self.summary.dataset
        return FailedPair(
            id=picture.id,
            name=picture.name,
            label=names.class_name(int(self.clean.labels[row])),
            before=self._top(self.clean, row),
            after=self._top(after, row),
            clean=data_url(pixels),
            changed=changed,
            stack=stack,
        )

    def _top(self, predictions: PredictionSet, row: int) -> Top:
        index = int(predictions.predictions[row])
        confidence = float(predictions.confidences[row])
        return {"class": self.summary.dataset.class_name(index), "index": index, "confidence": confidence}

    def _positions(self, samples: IndexArray) -> IndexArray | None:
        """Where samples stand in the dataset; None where one is not there."""
        known: IndexArray = self.dataset.samples[self.order]
        places = np.searchsorted(known, samples)
        if len(self.order) == 0 or (places == len(self.order)).any():
            return None
        found: IndexArray = self.order[places]
        return found if np.array_equal(self.dataset.samples[found], samples) else None
