"""Hardening from end to end: an audit before, each method's fit, an audit after it, and the proof."""

from collections.abc import Callable, Sequence
from inspect import signature
from pathlib import Path
from typing import Any

from negatoscope.auditing.arguments import (
    Named,
    as_file,
    as_folder,
    as_texts,
    expect_named,
    in_folder,
    open_labeled,
    open_model,
    provenance_of,
)
from negatoscope.auditing.plan import AuditConfig
from negatoscope.data.unlabeled import open_images
from negatoscope.executors import Execution, using_threads
from negatoscope.hardening import FitData
from negatoscope.hardening.jobs import HardenProgress
from negatoscope.hardening.plan import NamedHarden, make_harden_plan
from negatoscope.hardening.result import HardenResult
from negatoscope.hardening.run import run_harden
from negatoscope.hardware import pick_hardware
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
    labels: str | Path | None = None,
    label_columns: str | Sequence[str] = (),
    limit: int | None = None,
    label_preserving: str | Path | None = None,
    bits: int | None = None,
    window: tuple[float, float] | str | None = None,
    no_self_check: bool = False,
    overwrite: bool = False,
    device: str = "auto",
    data_dir: str | Path | None = None,
    executor: str = "local",
    workers: int | None = None,
    address: str = "",
    threads: int | None = None,
    progress: Callable[[HardenProgress], None] | None = None,
    **options: object,
) -> HardenResult:
    """Make a classifier give an image and its transforms the same prediction, and measure what that costs.

    Args:
        model: What `audit` takes.
        fit: Images that look as they should, labeled or not: what `audit` takes as `data`, or `FitData`. Of data with
            splits, "train" where no other is named.
        data: Labeled evaluation images: what `audit` takes.
        invariant: The group of transforms, or several, comma-separated; `negatoscope list groups` shows them.
        method: A method's spec, several, comma-separated, or "all"; `negatoscope list methods` shows them.
        out: Where report, audits and hardened models go, a folder or a URL; None is a temporary folder that lasts as
            long as the result, as the copy does that a result at a URL has.
        seeds: Fit each randomized method with this many seeds: 0, 1, ...
        suite: What else is audited before and after: "negative", "semantic", "all", or "none".
        transforms: Specs of more transforms or attacks.
        labels: What labels the images of a folder or an archive: a table beside them, or a pattern of file names.
        label_columns: The table's columns with file names, labels and perhaps objects, where not found by their names.
        limit: At most this many evaluation images, each class in proportion; None is all.
        label_preserving: A TOML file of the classes that keep their label, over what the package holds.
        bits: How many of their 16 bits gray images use, 8 to 16, where their files do not say; None is all.
        window: Center and width of the values that become black to white, or a text such as "40,400"; None is all.
        no_self_check: Whether to go on where the self-check would stop, and to try no other settings.
        overwrite: Whether another model's proof that `out` holds makes room.
        device: Where a model that is opened here lives: "auto", "cpu", "cuda", "cuda:1" or "mps".
        data_dir: A folder to look into first for named datasets.
        executor: Where methods are fitted and audited: "local" is this process, "processes" are others on this machine,
            "ray" is a Ray cluster. Others open model and data themselves, so all must be named by a text.
        workers: How many fits at once; None is as many as there are processors for.
        address: Of a Ray cluster, such as "10.0.0.1:6379"; "" starts one on this machine.
        threads: Of each fit, which may decide last bits; None is one, and in this process as many as torch takes.
        progress: Called with what is being done, and how much of all is done.
        options: What the model's file does not say, by the names of `ModelOptions`, as in ``size=28, mean=0.1307``.

    Raises:
        InputError: Something given is unusable: a group of colors for gray images, too few fit images, a method that
            cannot take the model, or what `audit` refuses.
        JobsError: Fits failed three times; the same call tries them again.
    """
    expect_known(options, signature(harden).parameters)
    folder, picked = as_folder(data_dir), pick_hardware(device, "float32").device
    execution = Execution(executor, workers, address, threads, gpus=int(picked.type == "cuda"))
    chosen = {
        "suite": suite,
        "transforms": as_texts(transforms),
        "limit": limit,
        "label_preserving": as_file(label_preserving),
        "bits": bits,
        "window": window,
        "no_self_check": no_self_check,
        "threads": execution.threads,
    }
    changed = {name: value for name, value in chosen.items() if value != getattr(AuditConfig(), name)}
    config = AuditConfig(**changed, overwrite=overwrite)  # type: ignore[arg-type]
    how: dict[str, Any] = {"invariant": invariant, "method": method, "seeds": seeds}
    beside: dict[str, Any] = {"labels": labels, "label_columns": label_columns}
    labeled = {name: value for name, value in beside.items() if value}
    texts = Named.of(model, data, options=options, data_dir=folder, device=str(picked), **beside)
    named = NamedHarden(texts, str(fit), **how, config=config) if texts and isinstance(fit, str | Path) else None
    expect_named(named, execution)
    with using_threads(execution.threads):
        if named:
            plan = named.open()
        else:
            dataset = open_labeled(data, data_dir=folder, **beside)
            names = dataset.class_names
            opened = open_model(model, device=device, options=options, data_classes=len(names), class_names=names)
            images = fit if isinstance(fit, FitData) else open_images(fit, split="train", data_dir=folder)
            plan = make_harden_plan(opened, dataset, images, **how, config=config, source=model)
        command = python_call("negatoscope.harden", model, fit=fit, data=data, **labeled, **how, **changed, **options)
        provenance = provenance_of(plan.classifier, *plan.datasets, command=command)
        return in_folder(
            out,
            lambda folder: run_harden(plan, out=folder, provenance=provenance, progress=progress, execution=execution),
        )
