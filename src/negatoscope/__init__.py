"""Does an image classifier still see what a person sees?

The names below are loaded when they are first used: importing the package loads neither torch nor numpy.
"""

import importlib

TYPE_CHECKING = False  # type checkers take it for true, and importing `typing` would take longer than all of this
if TYPE_CHECKING:
    from negatoscope.attacks import ATTACKS as ATTACKS
    from negatoscope.attacks.gradient import fgsm as fgsm
    from negatoscope.attacks.gradient import pgd as pgd
    from negatoscope.auditing.audit import audit as audit
    from negatoscope.auditing.audit_result import read_audit as read_audit
    from negatoscope.auditing.compare import compare as compare
    from negatoscope.auditing.unlabeled import classify_unlabeled as classify_unlabeled
    from negatoscope.data import DATASETS as DATASETS
    from negatoscope.data import Dataset as Dataset
    from negatoscope.data import load_dataset as load_dataset
    from negatoscope.data.open import open_dataset as open_dataset
    from negatoscope.data.split import split_validation as split_validation
    from negatoscope.hardening import METHODS as METHODS
    from negatoscope.hardening.harden import harden as harden
    from negatoscope.hardening.inspect import inspect as inspect
    from negatoscope.hardening.saved import load_hardened as load_hardened
    from negatoscope.hardening.verify import verify as verify
    from negatoscope.models.checkpoint import load_network as load_network
    from negatoscope.models.checkpoint import save_network as save_network
    from negatoscope.models.networks import PaperNetwork as PaperNetwork
    from negatoscope.models.open import open_classifier as open_classifier
    from negatoscope.models.predict import predict as predict
    from negatoscope.searching.result import read_search as read_search
    from negatoscope.searching.search import search as search
    from negatoscope.training.recipe import Recipe as Recipe
    from negatoscope.training.recipe import load_recipe as load_recipe
    from negatoscope.training.train import train as train
    from negatoscope.transforms import TRANSFORMS as TRANSFORMS
    from negatoscope.transforms.groups import GROUPS as GROUPS
    from negatoscope.transforms.tone import negative as negative

__version__ = "0.1.0"

_HOMES = {
    "ATTACKS": "attacks",
    "DATASETS": "data",
    "Dataset": "data",
    "GROUPS": "transforms.groups",
    "METHODS": "hardening",
    "PaperNetwork": "models.networks",
    "Recipe": "training.recipe",
    "TRANSFORMS": "transforms",
    "audit": "auditing.audit",
    "compare": "auditing.compare",
    "fgsm": "attacks.gradient",
    "classify_unlabeled": "auditing.unlabeled",
    "harden": "hardening.harden",
    "inspect": "hardening.inspect",
    "load_dataset": "data",
    "load_hardened": "hardening.saved",
    "load_network": "models.checkpoint",
    "load_recipe": "training.recipe",
    "negative": "transforms.tone",
    "open_classifier": "models.open",
    "open_dataset": "data.open",
    "pgd": "attacks.gradient",
    "predict": "models.predict",
    "read_audit": "auditing.audit_result",
    "read_search": "searching.result",
    "save_network": "models.checkpoint",
    "search": "searching.search",
    "split_validation": "data.split",
    "train": "training.train",
    "verify": "hardening.verify",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
