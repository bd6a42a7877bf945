"""Hardening from end to end: an audit before, each method's fit, an audit after it, and the proof."""

import shutil
import weakref
from collections.abc import Callable, Sequence
from inspect import signature
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from negatoscope.auditing.plan import AuditConfig
from negatoscope.data import Dataset
from negatoscope.data.open import open_dataset
from negatoscope.data.unlabeled import open_unlabeled
from negatoscope.errors import expect
from negatoscope.hardening import FitData
from negatoscope.hardening.plan import HardenPlan, make_harden_plan
from negatoscope.hardening.result import HardenResult
from negatoscope.hardening.run import HardenProgress, run_harden
from negatoscope.hardware import Hardware, pick_hardware
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.open import open_classifier
from negatoscope.models.options import expect_known
from negatoscope.provenance import Provenance, python_call, record_provenance


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
        out: Where report, audits and hardened models go; None is a temporary folder that lasts as long as the result.
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
    folder = None if data_dir is None else Path(data_dir).expanduser()
    dataset = data if isinstance(data, Dataset) else open_dataset(data, data_dir=folder)
    chosen = {"suite": suite, "transforms": tuple(transforms), "limit": limit, "label_preserving": label_preserving}
    changed = {name: value for name, value in chosen.items() if value != getattr(AuditConfig(), name)}
    plan = make_harden_plan(
        _open(model, dataset, device, options),
        dataset,
        open_fit(fit, data_dir=folder),
        invariant=invariant,
        method=method,
        seeds=seeds,
        source=model,
        config=AuditConfig(**changed, overwrite=overwrite),  # type: ignore[arg-type]
    )
    named = {"fit": fit, "data": data, "invariant": invariant, "method": method, "seeds": seeds, **changed, **options}
    provenance = provenance_of(plan, command=python_call("negatoscope.harden", model, **named))
    if out is not None:
        return run_harden(plan, out=Path(out).expanduser(), provenance=provenance, progress=progress)
    temporary = Path(mkdtemp(prefix="negatoscope-"))
    try:
        result = run_harden(plan, out=temporary / "unsaved", provenance=provenance, progress=progress)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    weakref.finalize(result, shutil.rmtree, temporary, ignore_errors=True)
    return result


def open_fit(fit: Any, *, data_dir: Path | None) -> Any:
    """Images to fit on: a dataset, labelled or not, or what is one already or is `FitData`.

    Raises:
        DataError: There are none.
    """
    if not isinstance(fit, str | Path):
        return fit if isinstance(fit, Dataset | FitData) else open_dataset(fit, data_dir=data_dir)
    return open_unlabeled(fit) or open_dataset(fit, split="train", data_dir=data_dir)


def provenance_of(plan: HardenPlan, *, command: str) -> Provenance:
    """Where a plan's result comes from."""
    datasets = [data for data in (plan.dataset, plan.fit_dataset) if data is not None]
    return record_provenance(
        command=command,
        hardware=Hardware(plan.classifier.device, "float32").description,
        data=[data.provenance for data in datasets],
        packages=(*plan.classifier.packages, *(package for data in datasets for package in data.packages)),
    )


def _open(model: object, dataset: Dataset, device: str, options: dict[str, object]) -> ClassifierAdapter:
    if isinstance(model, ClassifierAdapter):
        option = next(iter(options), None)
        expect(option is None, f"no {option!r} beside a classifier that is open", "one; give it to open_classifier")
        return model
    return open_classifier(
        model,
        data_classes=len(dataset.class_names),
        class_names=dataset.class_names,
        device=pick_hardware(device, "float32").device,
        **options,
    )
