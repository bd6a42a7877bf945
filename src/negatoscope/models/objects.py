"""Models that are handed over in Python, as objects of whatever kind."""

import torch

from negatoscope.models import LoadedModel
from negatoscope.models.estimator import is_estimator, load_estimator
from negatoscope.models.hugging_face import is_pipeline, load_pipeline
from negatoscope.models.options import ModelOptions
from negatoscope.models.torch_module import load_callable


def load_object(model: object, *, name: str, options: ModelOptions, device: torch.device) -> LoadedModel:
    """An estimator of scikit-learn, a pipeline of transformers, a torch module, or any other callable.

    Args:
        model: The object; it is moved to `device`, where it is one that can be moved.
        name: How reports call it.
        options: What the user says of it.
        device: Where it will live.

    Raises:
        InputError: It is no classifier, or not ready to classify.
    """
    if is_estimator(model):
        return load_estimator(model, name=name, options=options, device=device)
    if is_pipeline(model):
        return load_pipeline(model, name=name, device=device)
    return load_callable(model, name=name, device=device)
