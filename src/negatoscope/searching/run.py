"""The run of a search: part by part, each written whole, so that a stopped search resumes to the same bits."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from negatoscope.attacks.search import SearchFound, search_images
from negatoscope.auditing.arguments import Named
from negatoscope.auditing.folder import expect_free_for, expect_same, remove_other
from negatoscope.auditing.parts import DONE, ROWS, UNREADABLE_NAMED, PartJob, RunTotals, run_parts
from negatoscope.auditing.plan import PLAN
from negatoscope.auditing.results import UnreadableImage
from negatoscope.auditing.self_check import check_clean
from negatoscope.data import Dataset
from negatoscope.data.batches import Batch, batches
from negatoscope.documents import write_document
from negatoscope.executors import LOCAL, Execution, Tell
from negatoscope.executors.jobs import run_jobs
from negatoscope.files import locked, remove_all, remove_leftovers, writing_folder
from negatoscope.models.predict import predictions_of, row_columns, to_images
from negatoscope.provenance import Provenance
from negatoscope.rows import Column, RowKey, make_rows, write_rows
from negatoscope.searching.examine import examine
from negatoscope.searching.gate import parse_rules
from negatoscope.searching.page import write_search_report
from negatoscope.searching.plan import SearchConfig, SearchIdentity, SearchPlan, make_search_plan
from negatoscope.searching.repeatable import check_repeatable
from negatoscope.searching.result import DOCUMENT, SearchResult
from negatoscope.searching.searched import SETTINGS, make_settings, write_settings
from negatoscope.searching.summary import Findings, summarize
from negatoscope.transforms import CLEAN
from negatoscope.transforms.spaces import Space
from negatoscope.types import Logits

SEARCH = 0.9
"""The share of all the time that searching takes; the rest is for one setting for all, other models and the report."""

Warn = Callable[[str], None]


@dataclass(frozen=True)
class SearchProgress:
    """Where a search stands: what is being done, how much of all is done, from 0 to 1, and what an earlier run did."""

    text: str
    share: float
    earlier: float = 0.0


def run_search(
    plan: SearchPlan,
    *,
    out: Path,
    provenance: Provenance,
    progress: Callable[[SearchProgress], None] | None = None,
    warn: Warn | None = None,
    execution: Execution = LOCAL,
) -> SearchResult:
    """The search of a plan, written to `out`; a stopped one resumes after the last part and ends with the same rows.

    Args:
        plan: What is searched.
        out: The folder.
        provenance: Where the result comes from.
        progress: Called with what is being done, and how much of all is done.
        warn: Called before the search with what a user must know.
        execution: Where parts of the images are searched.

    Raises:
        OutputError: `out` cannot be written or holds something else.
        InputError: The classifier fails the self-check or gives NaN, a rule is malformed, or a setting has no use.
        DataError: Not one image can be read.
    """
    parse_rules(plan.config.fail_under)
    expect_free_for(out, plan)
    pace = SearchPace(plan, progress)
    pace.say("checking clean images")
    checked, decoded = check_clean(plan.audit)
    warnings = (*plan.warnings, *check_repeatable(plan.classifier, decoded[0].pixels if decoded else None))
    if warn:
        for sentence in filter(None, (checked.suggestion, *warnings)):
            warn(f"Warning: {sentence}.")
    with locked(out):
        remove_leftovers([out, out / "figures"])
        expect_free_for(out, plan)
        remove_other(out, plan)
        remove_all([out / DOCUMENT])
        write_document(out / PLAN, plan.identity)
        totals = search_parts(plan, out, pace, execution=execution)
        findings = Findings(self_check=checked, totals=totals, warnings=warnings, provenance=provenance)
        summary, cases = examine(out, plan, summarize(out, plan, findings, say=pace.say), say=pace.say)
        write_search_report(out, summary, cases)
        write_document(out / DOCUMENT, summary)
    return SearchResult(summary, out)


@dataclass(frozen=True)
class SearchWork:
    """What the parts of a search have in common, as plain data.

    Args:
        named: The model and the data; None only where this process has them open.
        config: The user's settings.
        identity: What a search of these must be, on every machine.
    """

    named: Named | None
    config: SearchConfig
    identity: SearchIdentity

    def open(self) -> SearchPlan:
        """The search's plan.

        Raises:
            InputError: Something cannot be opened, or is another one on this machine.
        """
        assert self.named, "expect_named refused what has no text"
        plan = make_search_plan(*self.named.open(), self.config, named=self.named)
        expect_same(self.identity, plan.identity)
        return plan

    def run(self, plan: SearchPlan, job: PartJob, tell: Tell) -> None:
        """Leave the rows and the settings of a part in its folder."""
        part = plan.dataset.take(np.asarray(plan.parts[job.part]), split=plan.dataset.split)
        job.leave(lambda: _run_part(plan, part, job.folder, tell))


def search_parts(plan: SearchPlan, out: Path, pace: "SearchPace", *, execution: Execution = LOCAL) -> RunTotals:
    """Search every part that is not there yet, and put rows and settings where they stay; for who holds the lock.

    Raises:
        OutputError: `out` cannot be written.
        InputError: The classifier gives NaN.
        DataError: Not one image can be read.
        JobsError: Parts failed three times; all others are done.
    """
    work = SearchWork(plan.audit.named, plan.config, plan.identity)

    def run(jobs: Sequence[PartJob]) -> Iterator[PartJob]:
        for job in run_jobs(work, jobs, execution=execution, opened=plan, moved=pace.moved):
            pace.ended(job)
            yield job

    if (out / DONE).is_file():  # `run_parts` then has no part to skip
        pace.skip(len(plan.dataset))
    return run_parts(out, plan.dataset, plan.parts, run=run, skip=pace.skip, tables=(ROWS, SETTINGS))


def _run_part(plan: SearchPlan, dataset: Dataset, folder: Path, tell: Tell) -> None:
    part = whole_part(plan, dataset)
    rows, settings = list[pa.Table](), list[pa.Table]()
    clean = torch.zeros(len(part.labels), plan.classifier.input_spec.data_classes)
    counted = np.zeros(len(part.labels), dtype=np.bool_)
    for place, planned in enumerate(plan.spaces):
        chosen = planned.counts(part.labels)
        if chosen.any():
            images = part if chosen.all() else part.only(chosen)  # or all pixels are there twice
            asked = _asked(plan, tell, place * len(dataset), len(images.labels))
            found = search_batch(plan, planned.space, images, asked)
            rows.append(_rows(plan, planned.space.text, images, found.logits, found))
            settings.append(_settings(planned.space.text, images, found))
            clean[torch.from_numpy(chosen)] = found.clean_logits.cpu()
            counted |= chosen
        tell((float((place + 1) * len(dataset)), 0))
    if counted.any():
        rows.insert(0, _rows(plan, CLEAN, part.only(counted), clean[torch.from_numpy(counted)]))
    totals = RunTotals(
        read=len(part.labels),
        unreadable=len(part.unreadable),
        unreadable_named=tuple(
            UnreadableImage(name=image.name, reason=image.reason) for image in part.unreadable[:UNREADABLE_NAMED]
        ),
    )
    with writing_folder(folder) as temporary:
        write_rows(temporary / ROWS, rows)
        write_settings(temporary / SETTINGS, settings)
        write_document(temporary / DONE, totals)


def _asked(plan: SearchPlan, tell: Tell, before: int, images: int) -> Callable[[int, int], None]:
    """What tells how far a part is while images are searched: those that left, and the others by their queries."""

    def report(queries: int, left: int) -> None:
        tell((before + images - left + left * queries / plan.config.budget, queries))

    return report


def search_batch(
    plan: SearchPlan, space: Space, part: Batch, asked: Callable[[int, int], None] = lambda queries, left: None
) -> SearchFound:
    """What is found in a space for a batch of images; `asked` is called with the queries and the images left."""
    device = plan.classifier.device
    return search_images(
        plan.classifier,
        to_images(torch.from_numpy(part.pixels).to(device)),
        torch.from_numpy(part.labels).to(device),
        search=plan.search(space),
        keys=torch.from_numpy(part.hashes.view(np.int64)),
        batch_size=plan.audit.batch_size,
        progress=asked,
    )


def _rows(plan: SearchPlan, transform: str, part: Batch, logits: Logits, found: SearchFound | None = None) -> pa.Table:
    """A row for each image, clean, or under the setting that was found."""
    dataset = plan.dataset
    key = RowKey(dataset.spec, dataset.split, plan.classifier.name, transform, plan.config.seed)
    predictions = predictions_of(logits.cpu(), torch.from_numpy(part.labels))
    columns = row_columns(predictions, labels=part.labels, samples=part.samples, hashes=part.hashes, tracks=part.tracks)
    more: dict[str, Column] = (
        {} if found is None else {"parameters": found.parameters, "queries": found.queries.cpu().numpy()}
    )
    return make_rows(key, {**columns, **more})


def _settings(space: str, part: Batch, found: SearchFound) -> pa.Table:
    first_errors, margins, points = (
        values.cpu().numpy() for values in (found.first_errors, found.margins, found.points)
    )
    return make_settings(space, samples=part.samples, first_errors=first_errors, margins=margins, points=points)


def whole_part(plan: SearchPlan, dataset: Dataset) -> Batch:
    """The images of a part, decoded, as one batch."""
    parts = list(batches(dataset, plan.classifier.input_spec.resize, batch_size=plan.audit.batch_size))
    tracks = [batch.tracks for batch in parts if batch.tracks is not None]
    return Batch(
        pixels=np.concatenate([batch.pixels for batch in parts]),
        labels=np.concatenate([batch.labels for batch in parts]),
        samples=np.concatenate([batch.samples for batch in parts]),
        tracks=np.concatenate(tracks) if tracks else None,
        hashes=np.concatenate([batch.hashes for batch in parts]),
        names=tuple(chain.from_iterable(batch.names for batch in parts)),
        unreadable=tuple(chain.from_iterable(batch.unreadable for batch in parts)),
    )


class SearchPace:
    """Reports what is being done and how much of all is done: images by spaces, then what is counted from them."""

    def __init__(self, plan: SearchPlan, progress: Callable[[SearchProgress], None] | None) -> None:
        self.progress, self.spaces, self.images = progress, len(plan.spaces), len(plan.dataset)
        self.sizes = [len(part) for part in plan.parts]
        self.ended_images = self.earlier = 0
        self.running: dict[int, float] = {}

    def skip(self, images: int) -> None:
        """Count images that an earlier run searched in every space."""
        self.earlier += images
        self.ended_images += images
        self.say(self._searched)

    def moved(self, job: PartJob, state: tuple[float, int]) -> None:
        """Count the images of a part, in each space, that were searched so far; and say at which query it is."""
        self.running[job.part], queries = state
        self.say(f"{self._searched}, query {queries:,}" if queries else self._searched)

    def ended(self, job: PartJob) -> None:
        """Count a part."""
        self.running.pop(job.part, None)
        self.ended_images += self.sizes[job.part]
        self.say(self._searched)

    @property
    def _done(self) -> float:
        return self.ended_images + sum(self.running.values()) / self.spaces

    @property
    def _searched(self) -> str:
        return f"{self._done // 1:,.0f} of {self.images:,} images"

    def say(self, text: str) -> None:
        """Say what is being done."""
        if self.progress:
            done, earlier = self._done / self.images, self.earlier / self.images
            self.progress(SearchProgress(text, SEARCH * done, SEARCH * earlier))
