"""Estimators of scikit-learn, and of other packages that follow its interface, as they are."""

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from negatoscope.errors import InputError
from negatoscope.models import LoadedModel
from negatoscope.models.layouts import FLAT
from negatoscope.models.options import ModelOptions, Output
from negatoscope.models.shapes import read_shape
from negatoscope.provenance import packages_of

_SCORES: dict[str, Output] = {"predict_proba": "probabilities", "decision_function": "logits"}


def is_estimator(model: object) -> bool:
    """Whether it can be fitted and predict, and is not called itself."""
    return not callable(model) and hasattr(model, "fit") and hasattr(model, "predict")


def load_estimator(model: Any, *, name: str, options: ModelOptions, device: torch.device) -> LoadedModel:
    """A fitted classifier, or a pipeline that ends in one; its probabilities are taken, else its decision function.

    It declares how many numbers it takes, so that its images are square unless the options say otherwise, and what its
    classes are called, if these have names; of color images the options must say how they were made flat.

    Raises:
        InputError: It is not fitted, gives no scores, knows several labels an image, or takes other numbers.
    """
    classes = getattr(model, "classes_", None)
    scores = next((key for key in _SCORES if hasattr(model, key)), None)
    if scores is None or not isinstance(classes, np.ndarray):
        missing = f"it without {' and '.join(_SCORES)}; wrap it in a function that gives scores"
        unfitted = "it without classes_; call fit first" if classes is None else "several labels an image; wrap it"
        got = unfitted if scores else missing
        raise InputError(f"expected {name} to be a fitted classifier of one label an image, got {got}")

    def run(images: Tensor) -> Tensor:
        with warnings.catch_warnings():  # columns of a data frame are in the order of the pixels
            warnings.filterwarnings("ignore", "X does not have valid feature names")
            outputs = getattr(model, scores)(images.detach().cpu().numpy())
        return torch.from_numpy(np.asarray(outputs)).to(device)

    class_map = "names" if isinstance(classes[0], str) else None
    return LoadedModel(
        name=name,
        kind="estimator",
        run=run,
        sha256="",
        runs_code=True,
        declared=replace(_input(model, options, name), output=_SCORES[scores], class_map=class_map),
        labels=tuple(map(str, classes)),
        packages=packages_of(model),
    )


def _input(model: Any, options: ModelOptions, name: str) -> ModelOptions:
    features, layout = getattr(model, "n_features_in_", None), options.layout or "flat"
    if features is None or layout not in FLAT:
        return ModelOptions(layout=layout)
    declared = read_shape([None, features], options=replace(options, layout=layout), name=name)
    if declared.channels == "rgb" and options.layout is None:
        ways = "flat (channel by channel) or flat-NHWC (pixel by pixel)"
        raise InputError(f"expected --layout of {features} numbers of a color image for {name}: {ways}; give it")
    return declared
