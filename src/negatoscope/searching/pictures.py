"""Pictures for the report of a search: images clean, as first misclassified, and under the smallest change that is."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int, Shaped

from negatoscope.data import Dataset
from negatoscope.data.dicom import summarize_dicom
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.predict import predict_images
from negatoscope.reports.data_uri import GRAIN, data_uri
from negatoscope.reports.formatting import class_name
from negatoscope.searching.searched import SearchedImages
from negatoscope.searching.settings import read_images
from negatoscope.searching.smallest_images import SmallestFound
from negatoscope.transforms import CLEAN
from negatoscope.transforms.spaces import Points, Space
from negatoscope.types import Images, Labels

_PICTURED, _SURE = 8, 3  # images of a space at most; of one in so many, those that are most confident when clean


@dataclass(frozen=True)
class Look:
    """One picture of an image, and what is predicted for it.

    Args:
        name: "clean", "found" or "smallest".
        picture: A data URI.
        prediction: The name of the class.
        confidence: Its probability, in [0, 1].
        correct: Whether it is the label.
        parameters: The setting, "clean" for the image itself.
    """

    name: str
    picture: str
    prediction: str
    confidence: float
    correct: bool
    parameters: str


@dataclass(frozen=True)
class FooledImage:
    """An image that a search fooled.

    Args:
        name: What it is called.
        label: Its class.
        frames: Clean, as found and, where that is smaller, under the smallest change.
        distance: The size of that change, at least 0, as in `SmallestSummary`; None where there is none.
        size: Height and width in pixels, as the classifier takes it.
    """

    name: str
    label: str
    frames: tuple[Look, ...]
    distance: float | None
    size: tuple[int, int]

    @property
    def small(self) -> bool:
        """Whether its pixels are to be seen."""
        return max(self.size) < GRAIN


def draw_cases(
    classifier: ClassifierAdapter,
    dataset: Dataset,
    space: Space,
    searched: SearchedImages,
    smallest: SmallestFound | None,
) -> list[FooledImage]:
    """A few images misclassified under attack: those with the smallest changes, of as many classes as may be.

    They are of the third of which the classifier is most confident when clean, since anything fools it on what it
    hardly knows. Without smallest changes, they are those that took the fewest queries. There is none where an image is
    flagged as having text on a person burnt in.
    """
    fooled, dicom = np.flatnonzero(searched.fooled), summarize_dicom(dataset)
    if (dicom and dicom.burnt_in) or not len(fooled):
        return []
    chosen = _choose(searched, fooled, searched.first_errors[fooled] if smallest is None else smallest.distances)
    points = {"found": searched.points[fooled[chosen]]}
    if smallest is not None:
        points["smallest"] = smallest.points[chosen]
    cases: list[FooledImage] = []
    for images, labels, batch in read_images(classifier, dataset, searched.samples[fooled[chosen]]):
        part = slice(len(cases), len(cases) + len(images))
        settings = {name: torch.from_numpy(at[part]).to(images.device) for name, at in points.items()}
        columns = _frames(classifier, dataset, space, images, labels, settings)
        for place, (index, clean, first, *least) in enumerate(zip(chosen[part].tolist(), *columns, strict=True)):
            cases.append(
                FooledImage(
                    name=batch.names[place] or f"image {batch.samples[place]}",
                    label=class_name(dataset.class_names, int(labels[place])),
                    frames=(clean, first, *(look for look in least if look.parameters != first.parameters)),
                    distance=None if smallest is None else float(smallest.distances[index]),
                    size=(images.shape[2], images.shape[3]),
                )
            )
    return cases


def _choose(
    searched: SearchedImages, fooled: Int[np.ndarray, " fooled"], sizes: Shaped[np.ndarray, " fooled"]
) -> Int[np.ndarray, " chosen"]:
    """Which images misclassified under attack are shown: smallest first, but the first of each class before others."""
    order = np.argsort(-searched.clean_confidences[fooled], kind="stable")[: max(_PICTURED, len(fooled) // _SURE)]
    order = order[np.argsort(sizes[order], kind="stable")]
    _, first = np.unique(searched.labels[fooled][order], return_index=True)
    chosen: Int[np.ndarray, " chosen"] = np.concatenate([order[np.sort(first)], np.delete(order, first)])[:_PICTURED]
    return chosen


def _frames(
    classifier: ClassifierAdapter,
    dataset: Dataset,
    space: Space,
    images: Images,
    labels: Labels,
    settings: Mapping[str, Points],
) -> Iterator[list[Look]]:
    """A frame of each image: clean, and then under each of the settings."""
    looks = {"clean": images, **{name: space.apply(images, points) for name, points in settings.items()}}
    texts = {"clean": [CLEAN] * len(images), **{name: space.parameters(points) for name, points in settings.items()}}
    for name, shown in looks.items():
        answer = predict_images(classifier, shown, labels)
        yield [
            Look(
                name=name,
                picture=data_uri(shown[place]),
                prediction=class_name(dataset.class_names, int(answer.predictions[place])),
                confidence=float(answer.confidences[place]),
                correct=bool(answer.predictions[place] == int(labels[place])),
                parameters=texts[name][place],
            )
            for place in range(len(images))
        ]
