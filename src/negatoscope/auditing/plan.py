"""What an audit does, decided before it starts: images, transforms, parts; and whether a folder already holds it."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from negatoscope.auditing.results import SuiteSummary
from negatoscope.data import Dataset
from negatoscope.data.split import stratified_sample
from negatoscope.documents import to_plain
from negatoscope.errors import InputError, OutputError, SpecError
from negatoscope.files import write_whole
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.predict import suitable_batch
from negatoscope.pixels import DECODING
from negatoscope.transforms import TransformKind, describe_transform
from negatoscope.transforms.label_preserving import preserved_classes
from negatoscope.transforms.suites import suite as load_suite
from negatoscope.types import Images

_PARTS = (64, 2048)  # images whose rows are written together: what a stopped audit does again at most
_PART_VALUES = 8_000_000
_PLAN = "plan.json"


@dataclass(frozen=True)
class PlannedTransform:
    """One transform of an audit.

    Args:
        spec: Its canonical spec string.
        kind: "label_preserving", "path" or "control".
        function: Images to images.
        parameters: What the spec sets.
        preserved: The classes that keep their label, whose images alone count; None is all.
    """

    spec: str
    kind: TransformKind
    function: Callable[[Images], Images]
    parameters: Mapping[str, bool | int | float | str]
    preserved: tuple[int, ...] | None


@dataclass(frozen=True)
class AuditConfig:
    """What a user chooses of an audit.

    Args:
        suite: The name of a suite of transforms; "" for none.
        transforms: Specs of more transforms.
        limit: At most this many images, in proportion to the classes; None is all.
        seed: Decides which.
        label_preserving: A TOML file of the classes that keep their label, over what the package holds.
    """

    suite: str = "semantic"
    transforms: Sequence[str] = ()
    limit: int | None = None
    seed: int = 0
    label_preserving: Path | None = None


@dataclass(frozen=True)
class AuditPlan:
    """An audit that can be run.

    Args:
        classifier: Who is asked.
        dataset: The chosen images.
        available: How many there were to choose from.
        steps: The transforms, without repetition.
        suite: The suite's name, and its version.
        choice: What was asked for.
    """

    classifier: ClassifierAdapter
    dataset: Dataset
    available: int
    steps: tuple[PlannedTransform, ...]
    suite: SuiteSummary
    choice: AuditConfig = field(default_factory=AuditConfig)

    @property
    def parts(self) -> int:
        """How many parts there are."""
        return -(-len(self.dataset) // self.part_size)

    @property
    def part_size(self) -> int:
        """Images of one part: fewer where images are large, so that a stopped audit loses little."""
        return max(_PARTS[0], min(_PARTS[1], _PART_VALUES // self._values))

    @property
    def batch_size(self) -> int:
        """Images per forward pass: part of what decides the last bits of a confidence."""
        return suitable_batch(self.classifier.device, values=self._values)

    @property
    def _values(self) -> int:
        fit = self.classifier.input_spec.resize
        return fit.height * fit.width * (1 if fit.channels == "gray" else 3)

    @property
    def identity(self) -> dict[str, Any]:
        """Everything that decides the rows, as plain data."""
        return {
            "schema": 1,
            "classifier": self.classifier.sha256,
            "name": self.classifier.name,
            "input_spec": to_plain(self.classifier.input_spec),
            "dataset": self.dataset.spec,
            "split": self.dataset.split,
            "images": self.dataset.fingerprint,
            "transforms": [step.spec for step in self.steps],
            "seed": self.choice.seed,
            "decoding": DECODING,
        }

    @property
    def digest(self) -> str:
        """Sixteen hex digits that differ when the rows would."""
        return sha256(json.dumps(self.identity, sort_keys=True, default=str).encode()).hexdigest()[:16]


def make_plan(classifier: ClassifierAdapter, dataset: Dataset, choice: AuditConfig) -> AuditPlan:
    """Choose images and resolve transforms.

    Raises:
        InputError: There are no images, no transforms, or the classifier has fewer classes than the data.
        SpecError: A suite or a transform is unknown.
    """
    if len(dataset) == 0:
        raise InputError(f"expected images in {dataset.spec}, found none; name another split or dataset")
    available = len(dataset)
    if choice.limit is not None:
        chosen = stratified_sample(dataset.labels, limit=choice.limit, seed=choice.seed)
        dataset = dataset.take(chosen, split=f"{dataset.split} ({len(chosen)} of {available})")
    channels = classifier.input_spec.resize.channels
    chosen_suite = load_suite(choice.suite, channels=channels) if choice.suite else None
    texts = [*(chosen_suite.specs if chosen_suite else ()), *choice.transforms]
    steps: dict[str, PlannedTransform] = {}
    for text in texts:
        facts = describe_transform(text)
        if facts.color and channels == "gray":
            raise SpecError(f"expected transforms of gray images, since {classifier.name} wants gray, got {facts.spec}")
        mask = preserved_classes(dataset.spec, dataset.class_names, facts.spec, override=choice.label_preserving)
        preserved = None if all(mask) else tuple(index for index, holds in enumerate(mask) if holds)
        arguments: Mapping[str, Any] = facts.spec.arguments
        steps[str(facts.spec)] = PlannedTransform(str(facts.spec), facts.kind, facts.function, arguments, preserved)
    if not steps:
        raise InputError("expected a suite or at least one transform, got neither; give --transform")
    version = chosen_suite.version if chosen_suite else 0
    suite = SuiteSummary(name=choice.suite, version=version)
    return AuditPlan(classifier, dataset, available, tuple(steps.values()), suite, choice)


def reserve_output(out: Path, plan: AuditPlan) -> None:
    """Make `out` this audit's folder, or find that it is.

    Raises:
        OutputError: It holds other files or another audit, or cannot be written.
    """
    expect_free(out, plan)
    if not (out / _PLAN).exists():
        told = {"digest": plan.digest, **plan.identity}
        write_whole(out / _PLAN, (json.dumps(told, indent=1, default=str) + "\n").encode())


def expect_free(out: Path, plan: AuditPlan) -> None:
    """Refuse a folder that is neither empty nor this audit's; nothing is written.

    Raises:
        OutputError: It holds other files or another audit.
    """
    file = out / _PLAN
    if out.exists() and not out.is_dir():
        raise OutputError(f"expected a folder to write to in {out}, got a file; give another --out")
    if file.is_file():
        try:
            held = json.loads(file.read_text(encoding="utf-8"))["digest"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise OutputError(f"expected an audit's plan in {file}, got something else; give another --out") from error
        if held != plan.digest:
            raise OutputError(
                f"expected {out} to hold this audit or nothing, it holds another one (other model, data or transforms);"
                " give another --out"
            )
        return
    strangers = sorted(path.name for path in out.iterdir() if path.name != ".lock") if out.is_dir() else []
    if strangers:
        raise OutputError(f"expected {out} to be empty or an audit's, it holds {strangers[0]}; give another --out")
