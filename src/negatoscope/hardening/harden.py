"""Hardening from end to end: an audit before, each method's fit, an audit after it, and the proof."""

from collections.abc import Callable, Sequence
from inspect import signature
from pathlib import Path
from typing import Any

from negatoscope.auditing.arguments import as_file, as_folder, as_texts, in_folder, open_model, provenance_of
from negatoscope.auditing.plan import AuditConfig
from negatoscope.data import Dataset
from negatoscope.data.open import open_dataset
from negatoscope.data.unlabeled import open_images
from negatoscope.hardening import FitData
from negatoscope.hardening.plan import make_harden_plan
from negatoscope.hardening.result import HardenResult
from negatoscope.hardening.run import HardenProgress, run_harden
from negatoscope.models.options import expect_known
from negatoscope.provenance import python_call


def harden(  # noqa: PLR0913 (the options of the command line)
    model: object,
    *,
    fit: Any,
    data: Any,
    invariant: str = "negative",
    method: str = "canonicalize",
    out: str | Path | None = None,
    seeds: int = 1,
    suite: str = "semantic",
    transforms: Sequence[str] = (),
    limit: int | None = None,
    label_preserving: str | Path | None = None,
    overwrite: bool = False,
    device: str = "auto",
    data_dir: str | Path | None = None,
    progress: Callable[[HardenProgress], None] | None = None,
    **options: object,
) -> HardenResult:
    """Make a classifier give an image and its transforms the same prediction, and measure what that costs.

    Args:
        model: What `audit` takes.
        fit: Images that look as they should, labelled or not: what `audit` takes as `data`, or `FitData`. Of data with
            splits, "train" where no other is named.
        data: Labelled images that judge: what `audit` takes.
        invariant: The group of transforms, or several, comma-separated; `negatoscope list groups` shows them.
        method: A method's spec, several, comma-separated, or "all"; `negatoscope list methods` shows them.
        out: Where report, audits and hardened models go, a folder or a URL; None is a temporary folder that lasts as
            long as the result, as the copy does that a result at a URL has.
        seeds: How many times each method that draws is fitted.
        suite: What else is audited before and after: "negative", "semantic", "all", or "none".
        transforms: Specs of more transforms or attacks.
        limit: At most this many images judge, each class in proportion; None is all.
        label_preserving: A TOML file of the classes that keep their label, over what the package holds.
        overwrite: Whether another model's proof that `out` holds makes room.
        device: Where a model that is opened here lives: "auto", "cpu", "cuda", "cuda:1" or "mps".
        data_dir: A folder to look into first for named datasets.
        progress: Called with what is being done, and how much of all is done.
        options: What the model's file does not say, by the names of `ModelOptions`, as in ``size=28, mean=0.1307``.

    Raises:
        InputError: Something given is unusable: a group of colors for gray images, too few fit images, a method that
            cannot take the model, or what `audit` refuses.
    """
    expect_known(options, signature(harden).parameters)
    folder = as_folder(data_dir)
    dataset = data if isinstance(data, Dataset) else open_dataset(data, data_dir=folder)
    names = dataset.class_names
    chosen = {
        "suite": suite,
        "transforms": as_texts(transforms),
        "limit": limit,
        "label_preserving": as_file(label_preserving),
    }
    changed = {name: value for name, value in chosen.items() if value != getattr(AuditConfig(), name)}
    plan = make_harden_plan(
        open_model(model, device=device, options=options, data_classes=len(names), class_names=names),
        dataset,
        fit if isinstance(fit, FitData) else open_images(fit, split="train", data_dir=folder),
        invariant=invariant,
        method=method,
        seeds=seeds,
        source=model,
        config=AuditConfig(**changed, overwrite=overwrite),  # type: ignore[arg-type]
    )
    named = {"fit": fit, "data": data, "invariant": invariant, "method": method, "seeds": seeds, **changed, **options}
    command = python_call("negatoscope.harden", model, **named)
    provenance = provenance_of(plan.classifier, *plan.datasets, command=command)
    return in_folder(out, lambda folder: run_harden(plan, out=folder, provenance=provenance, progress=progress))
