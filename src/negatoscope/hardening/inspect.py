"""Find the images of a data set that look negated, or with swapped channels, beside the rest."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from negatoscope.auditing.arguments import as_folder, if_written
from negatoscope.auditing.unlabeled import without_names
from negatoscope.data import Dataset
from negatoscope.data.depth import expect_whole_depth
from negatoscope.data.split import stratified_sample
from negatoscope.data.unlabeled import open_images
from negatoscope.documents import write_document
from negatoscope.errors import expect
from negatoscope.files import expect_free, locked, remove_all, remove_leftovers, write_whole
from negatoscope.hardening import LEAST
from negatoscope.hardening.cross_fit import CrossFitted, Progress, cross_fit
from negatoscope.hardening.inspection import Cut, ElementEstimate, Inspection, InspectionConfig, RankedImage
from negatoscope.hardening.inspection_images import Picture, ReadImages, draw_pictures, read_images
from negatoscope.hardening.inspection_page import inspection_html
from negatoscope.hardening.inspection_text import inspection_csv, inspection_markdown
from negatoscope.hardware import pick_hardware
from negatoscope.pixels import DecodeSpec
from negatoscope.provenance import python_call, record_provenance
from negatoscope.statistics.contamination import Contamination, estimate_contamination, recall_of_kind
from negatoscope.transforms.groups import Group, resolve_group
from negatoscope.types import IndexArray

LISTED = 100
"""Images of the ranking that the document holds, and that have pictures at most."""

_WRITTEN = ("inspection.json", "images.csv", "report.html", "report.md", ".lock")
_CUTS = (0.5, 1.0, 1.5, 2.0)  # of the estimated number
_READING = 0.1  # of the work
_LEAST_SIZE, _MOST_SIZE, _MOST_FOLDS = 8, 256, 20
_PICTURED = 24  # images with pictures, where fewer stand out


def inspect(  # noqa: PLR0913 (the options of the command line)
    data: Any,
    *,
    invariant: str = "negative",
    folds: int = 2,
    seed: int = 0,
    size: int = 32,
    limit: int | None = None,
    keep_names: bool = False,
    bits: int | None = None,
    window: tuple[float, float] | str | None = None,
    out: str | Path | None = None,
    data_dir: str | Path | None = None,
    progress: Progress | None = None,
) -> Inspection:
    """Rank images by how much they look transformed beside the rest of their data: negated, or with swapped channels.

    No model and no labels are needed: small networks are fitted on the images themselves, each on all folds but one,
    and score the images of that one. What most images are counts as natural, so a data set of which half is negated
    tells nothing, and a kind of image that is always negated is taken for one that looks like that.

    Args:
        data: What `open_dataset` takes, or a folder of images without labels, or what `load_dataset` gives.
        invariant: The group's name, such as "negative" or "channel_permutation"; or several, comma-separated.
        folds: Each image is scored by a network that was fitted on the other folds; 2 or more.
        seed: Decides folds, weights, and which images a limit leaves.
        size: Larger images are scored at this many pixels a side; 8 to 256.
        limit: At most this many images, each class in proportion; None is all.
        keep_names: Whether `images.csv` names the files of private data, whose images are numbered elsewhere.
        bits: How many of their 16 bits gray images use, 8 to 16, where their files do not say; None is all.
        window: Center and width of the values that become black to white, or a text such as "40,400"; None is all.
        out: Where report, ranking and document go, a folder or a URL; None writes nothing.
        data_dir: A folder to look into first for named datasets.
        progress: Called with what is being done and the share of the work that is done.

    Raises:
        InputError: There are too few images, or something given is unusable, such as a group of colors for gray images.
        DataError: The data cannot be read.
        OutputError: `out` cannot be written, or holds something else.
    """
    config = InspectionConfig(
        invariant=invariant,
        folds=folds,
        seed=seed,
        size=size,
        limit=limit,
        keep_names=keep_names,
        bits=bits,
        window=window,
    )
    dataset = open_images(data, data_dir=as_folder(data_dir))
    changed = {name: value for name, value in vars(config).items() if value != getattr(InspectionConfig(), name)}
    shown = data if isinstance(data, str | Path) else dataset
    command = python_call("negatoscope.inspect", shown, **changed)
    return if_written(
        out, lambda folder: run_inspection(dataset, config, out=folder, command=command, progress=progress)
    )


def run_inspection(
    dataset: Dataset, config: InspectionConfig, *, out: Path | None, command: str, progress: Progress | None = None
) -> Inspection:
    """The inspection of open images; `out` gets page, document and table, in place of earlier ones.

    Raises:
        InputError: As `inspect` says.
    """
    expect_possible(config)
    if out is not None:
        expect_free(out, own=_WRITTEN, what="an inspection")
    say = progress or (lambda text, share: None)
    chosen, names = _chosen(dataset, config)
    read = read_images(chosen, size=config.size, progress=lambda text, share: say(text, _READING * share))
    group = resolve_group(config.invariant, channels=read.fit.images.shape[1])
    fewest = LEAST * config.folds / (config.folds - 1)
    got = f"{len(read.positions)}; add some"
    expect(len(read.positions) >= fewest, f"at least {np.ceil(fewest):.0f} images for {config.folds} folds", got)
    fitted = cross_fit(
        *(read.fit, group),
        folds=config.folds,
        seed=config.seed,
        progress=lambda text, share: say(text, _READING + (1 - _READING) * share),
    )
    order = np.argsort(-fitted.scores, kind="stable")
    contamination = estimate_contamination(fitted.kinds)
    expected = _expected(fitted, order, contamination)
    ranked = _ranked(chosen, read, group, fitted, order, expected)
    found = Inspection(
        data=dataset.spec,
        split=chosen.split,
        n=len(order),
        channels=group.channels,
        height=read.fit.images.shape[2],
        width=read.fit.images.shape[3],
        config=config,
        elements=tuple(
            ElementEstimate(element=str(element), estimate=share * len(order))
            for element, share in zip(group.elements[1:], contamination.by_kind, strict=True)
        ),
        estimate=contamination.share * len(order),
        low=contamination.low * len(order),
        high=contamination.high * len(order),
        cuts=_cuts(expected, contamination.share * len(order)),
        images=ranked[:LISTED],
        unreadable=read.unreadable,
        left_out=chosen.left_out,
        provenance=record_provenance(
            command=without_names(command, dataset),
            hardware=pick_hardware("cpu", "float32").description,
            data=[dataset.provenance],
            packages=dataset.packages,
        ),
    )
    if out is not None:
        first = order[: min(LISTED, max(_PICTURED, found.standing_out))]
        mending = [group.elements[index] for index in fitted.elements[first]]
        pictures = draw_pictures(chosen, read.positions[first], mending)
        called = [names[read.positions[index]] for index in order] if names else []
        _write(out, found, pictures, table=inspection_csv(ranked, called))
    return found


def _write(out: Path, found: Inspection, pictures: Sequence[Picture], *, table: str) -> None:
    with locked(out):
        remove_leftovers([out])
        remove_all([out / "inspection.json"])  # its presence means complete
        write_whole(out / "images.csv", table.encode())
        write_whole(out / "report.html", inspection_html(found, pictures).encode())
        write_whole(out / "report.md", inspection_markdown(found).encode())
        write_document(out / "inspection.json", found)


def expect_possible(config: InspectionConfig) -> None:
    """Refuse, before any image is opened, what suits none.

    Raises:
        InputError: A number is out of range, or no group is named.
        SpecError: A group is unknown.
    """
    expect(2 <= config.folds <= _MOST_FOLDS, f"--folds from 2 to {_MOST_FOLDS}", config.folds)
    expect(0 <= config.seed < 2**32, "--seed from 0 to 4294967295", config.seed)
    expect(_LEAST_SIZE <= config.size <= _MOST_SIZE, f"--size from {_LEAST_SIZE} to {_MOST_SIZE}", config.size)
    DecodeSpec.of(config.bits, config.window)
    resolve_group(config.invariant, channels=3)


def _chosen(dataset: Dataset, config: InspectionConfig) -> tuple[Dataset, Sequence[str]]:
    """The images to inspect, and what `images.csv` calls them."""
    expect(len(dataset), f"images in {dataset.spec}", "none; name another split or dataset")
    if config.limit is not None:
        chosen = stratified_sample(dataset.labels, limit=config.limit, seed=config.seed)
        dataset = dataset.take(chosen, split=f"{dataset.split} ({len(chosen)} of {len(dataset)})")
    dataset = dataset.decoded(DecodeSpec.of(config.bits, config.window))
    expect_whole_depth(dataset)
    names = dataset.names if config.keep_names or not dataset.private else ()
    if dataset.private:
        left_out = tuple(replace(entry, names=()) for entry in dataset.left_out)
        dataset = replace(dataset, names=(), left_out=left_out)
    return dataset, names


def _expected(fitted: CrossFitted, order: IndexArray, contamination: Contamination) -> Float64[np.ndarray, " n"]:
    """How many images down to each place of the ranking are transformed, by the estimate; their share only falls."""
    ranks, found = np.arange(1, len(order) + 1), np.zeros(len(order))
    for kind, share in zip(fitted.kinds, contamination.by_kind, strict=True):
        found += share * len(order) * recall_of_kind(kind, fitted.scores[order])
    shares = np.minimum(found / ranks, 1.0)
    expected: Float64[np.ndarray, " n"] = np.maximum.accumulate(shares[::-1])[::-1] * ranks
    return expected


def _ranked(
    dataset: Dataset,
    read: ReadImages,
    group: Group,
    fitted: CrossFitted,
    order: IndexArray,
    expected: Float64[np.ndarray, " n"],
) -> tuple[RankedImage, ...]:
    ranked = []
    for rank, (index, transformed) in enumerate(zip(order.tolist(), expected.tolist(), strict=True), start=1):
        position = int(read.positions[index])
        sample = int(dataset.samples[position])
        ranked.append(
            RankedImage(
                rank=rank,
                sample=sample,
                name=(dataset.names[position] if dataset.names else "") or f"image {sample}",
                label=dataset.class_names[dataset.labels[position]] if dataset.class_names else "",
                score=float(fitted.scores[index]),
                element=str(group.elements[fitted.elements[index]]),
                precision=transformed / rank,
            )
        )
    return tuple(ranked)


def _cuts(expected: Float64[np.ndarray, " n"], estimate: float) -> tuple[Cut, ...]:
    """What to expect of the first of the ranking, around the estimated number of transformed images."""
    if round(estimate) == 0:  # none stands out
        return ()
    firsts = sorted({min(len(expected), round(part * estimate)) for part in _CUTS} - {0})
    return tuple(
        Cut(first=first, precision=expected[first - 1] / first, recall=min(1.0, expected[first - 1] / estimate))
        for first in firsts
    )
