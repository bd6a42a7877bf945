"""A search from end to end: for each image the setting of a space that fools a classifier."""

from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from pathlib import Path
from typing import Any

from negatoscope.attacks.search import Feedback
from negatoscope.auditing.arguments import (
    Named,
    as_file,
    as_folder,
    as_texts,
    expect_named,
    given_settings,
    in_folder,
    open_labeled,
    open_model,
    provenance_of,
)
from negatoscope.executors import Execution, using_threads
from negatoscope.hardware import pick_hardware
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.options import expect_known, options_of_others
from negatoscope.provenance import python_call
from negatoscope.searching.plan import SearchConfig, make_search_plan
from negatoscope.searching.result import SearchResult
from negatoscope.searching.run import SearchProgress, run_search


def search(  # noqa: PLR0913 (the options of the command line)
    model: object,
    data: Any,
    *,
    space: str | Sequence[str] = "all",
    strategy: str = "local",
    budget: int = 100,
    feedback: Feedback = "scores",
    transfer: object = (),
    labels: str | Path | None = None,
    label_columns: str | Sequence[str] = (),
    limit: int | None = None,
    seed: int = 0,
    label_preserving: str | Path | None = None,
    fail_under: Sequence[str] = (),
    expect_accuracy: float | None = None,
    no_self_check: bool = False,
    bits: int | None = None,
    window: tuple[float, float] | str | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    device: str = "auto",
    data_dir: str | Path | None = None,
    executor: str = "local",
    workers: int | None = None,
    address: str = "",
    threads: int | None = None,
    progress: Callable[[SearchProgress], None] | None = None,
    **options: object,
) -> SearchResult:
    """Find, for each image, the setting of a space that fools a classifier, from its answers alone.

    Args:
        model: What `audit` takes.
        data: What `audit` takes.
        space: Transforms with ranges, such as "hue_shift(degrees=-180..180) | saturation(factor=0..2)", or the name of
            a space; or several, which are searched one after the other.
        strategy: How settings are proposed; `negatoscope list strategies` shows them.
        budget: Queries for each image in each space at most, the clean image among them; at least 1.
        feedback: What the strategy may read of an answer: "scores", or "labels" alone.
        transfer: Another model, or several, which are shown what was found: what `audit` takes.
        labels: What labels the images of a folder or an archive: a table beside them, or a pattern of file names.
        label_columns: The table's columns with file names, labels and perhaps objects, where not found by their names.
        limit: At most this many images, each class in proportion; None is all.
        seed: Decides which, and every draw.
        label_preserving: A TOML file of the classes that keep their label, over what the package holds.
        fail_under: The gate's rules, such as "robust=0.5": the lower end of the 95 % interval must reach it.
        expect_accuracy: The clean accuracy, in [0, 1], below which nothing is searched; None: chance.
        no_self_check: Whether to search where the self-check would stop, and to try no other settings.
        bits: How many of their 16 bits gray images use, 8 to 16, where their files do not say; None is all.
        window: Center and width of the values that become black to white, or a text such as "40,400"; None is all.
        out: Where report and rows go, and from where a stopped search resumes; None is a temporary folder that lasts as
            long as the result.
        overwrite: Whether another search that `out` holds makes room; this one resumes all the same.
        device: Where models that are opened here live: "auto", "cpu", "cuda" or "cuda:1".
        data_dir: A folder to look into first for named datasets.
        executor: Where parts of the images are searched, as in `audit`.
        workers: How many parts at once; None is as many as there are processors for.
        address: Of a Ray cluster, such as "10.0.0.1:6379"; "" starts one on this machine.
        threads: Of each part, which may decide last bits; None is one, and in this process as many as torch takes.
        progress: Called with what is being done, and how much of all is done.
        options: What the model's file does not say, by the names of `ModelOptions`, as in ``size=28, mean=0.1307``; of
            other models the same but for their name and weights.

    Raises:
        InputError: The classifier fails the self-check (the sentence says what probably is wrong), or something given
            is unusable.
        JobsError: Parts failed three times; all others are done, and the same call tries them again.
    """
    expect_known(options, signature(search).parameters)
    picked = pick_hardware(device, "float32", exact=True).device
    execution = Execution(executor, workers, address, threads, gpus=int(picked.type == "cuda"))
    config = SearchConfig(
        space=as_texts(space),
        strategy=strategy,
        budget=budget,
        feedback=feedback,
        limit=limit,
        seed=seed,
        label_preserving=as_file(label_preserving),
        fail_under=as_texts(fail_under),
        expect_accuracy=expect_accuracy,
        no_self_check=no_self_check,
        overwrite=overwrite,
        bits=bits,
        window=window,
        threads=execution.threads,
    )
    beside: dict[str, Any] = {"labels": labels, "label_columns": label_columns}
    dataset = open_labeled(data, data_dir=as_folder(data_dir), **beside)
    classes: dict[str, Any] = {"data_classes": len(dataset.class_names), "class_names": dataset.class_names}
    others = list(transfer) if isinstance(transfer, list | tuple) else [transfer]
    named = Named.of(model, data, options=options, data_dir=as_folder(data_dir), device=str(picked), **beside)
    expect_named(named, execution)
    with using_threads(execution.threads):
        plan = make_search_plan(
            open_model(model, device=str(picked), options=options, **classes),
            dataset,
            config,
            transfer=[
                open_model(other, device=str(picked), options=_of_others(other, options), **classes) for other in others
            ],
            named=named,
        )
    given = {name: value for name, value in beside.items() if value} | given_settings(config)
    models = {"transfer": others} if others else {}
    shown_data = data if isinstance(data, str | Path) else dataset
    command = python_call("negatoscope.search", model, shown_data, **given, **models, **options)
    with using_threads(execution.threads):
        provenance = provenance_of(plan.classifier, dataset, command=command)
        return in_folder(
            out,
            lambda folder: run_search(plan, out=folder, provenance=provenance, progress=progress, execution=execution),
        )


def _of_others(model: object, options: Mapping[str, object]) -> dict[str, object]:
    """The options that hold for another model, too; none where it is open."""
    return {} if isinstance(model, ClassifierAdapter) else options_of_others(options)
