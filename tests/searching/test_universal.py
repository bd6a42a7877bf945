"""The one setting for all images is chosen by what may be read of answers, and changes something."""

from dataclasses import replace

import numpy as np
import torch

import negatoscope as ng
from negatoscope.data import Dataset
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.open import open_classifier
from negatoscope.searching import universal
from negatoscope.searching.plan import SearchConfig, make_search_plan


def test_where_labels_alone_are_read_no_score_decides_the_setting_for_all(
    classifier: ClassifierAdapter, digits: Dataset
) -> None:
    few = digits.take(np.arange(80), split="test")
    planned = make_search_plan(classifier, few, SearchConfig(space=["gamma(exponent=0.98..1.02)"], budget=2))
    search = planned.search(planned.spaces[0].space)
    images = [(torch.from_numpy(np.asarray(few.images)).float() / 255, torch.from_numpy(few.labels))]
    ranks = {}
    for feedback in ("scores", "labels"):
        spread, _ = universal._try_settings(classifier, replace(search, feedback=feedback), images)
        ranks[feedback] = {entry.rank for entry in spread}
    assert len(ranks["scores"]) > len(ranks["labels"]), "under most of these settings as many are correct"
    assert {score for _, score in ranks["labels"]} == {0.0}


def test_the_setting_for_all_changes_something(digits: Dataset) -> None:
    def even(images: torch.Tensor) -> torch.Tensor:
        rows = (images - 0.5).abs().flatten(1)
        return rows[:, :10] - rows[:, 10:20]

    reader = open_classifier(even, size=8, channels="gray", classes=10)
    result = ng.search(reader, digits, space="negative(element=..)", budget=5, no_self_check=True)
    (summary,) = result.summary.spaces
    assert summary.universal is not None
    assert summary.universal.parameters == "negative", "it changes no answer, but clean is no setting"
