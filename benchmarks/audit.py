"""A whole audit beside the forward passes alone, and beside the way people find out the same today.

**Against its forward passes**: `audit` of GTSRB's test images, suite "all", from the zip to the report: decoding,
resizing, the self-check, every transform, per-sample rows, statistics with their intervals, pictures and the page.
The bound is the network on images that lie ready in memory, as many passes as the suite has transforms and one more, in
the batches of the audit, which are the fastest for it. The paper's network at 32x32 and, where transformers is
installed, MobileNetV2 at 224x224.

**Against one pass a transform**: the transforms that both Pillow and kornia have, on the same images. With Pillow: a
torch Dataset of pictures that lie decoded in memory, resized and changed by Pillow, made tensors as torchvision's
ToTensor does, a DataLoader with batches of 128 and no or two workers, the network in evaluation mode without gradients,
and accuracy counted; once unchanged and once for each transform. With kornia: the same, the change made on the batch.
Peers spend nothing on decoding, and keep no rows, intervals, pictures or report: ours has them all in its time. Two
networks: the paper's, whose forward passes everybody pays, and one of a fiftieth of its operations.

**The negative alone**: 10,000 images of MNIST that lie in memory, clean and negated, with predictions and confidences
as outputs of both. Ours also checks itself on 512 of them, hashes, writes and reads rows, and counts the summary
(`no_report`). foolbox's loop (its InversionAttack) does nothing else; cleverhans has none in its PyTorch version.

**A trivial network**: how many predictions a second of CPU time the suite "all" makes where the network costs nothing:
transforms, rows and statistics.

`details` say where the time of ours goes, which `where` measures.
"""

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks import harness, where
from benchmarks.harness import Findings, Profiled
from benchmarks.peers import one_pass
from negatoscope.auditing.audit import audit
from negatoscope.auditing.audit_result import AuditResult
from negatoscope.auditing.plan import AuditConfig, AuditPlan, make_plan
from negatoscope.data import Dataset, load_dataset
from negatoscope.data.batches import batches
from negatoscope.data.split import stratified_sample
from negatoscope.memory import keep_freed_memory
from negatoscope.models.networks import NetworkSettings, PaperNetwork
from negatoscope.models.open import open_classifier
from negatoscope.models.predict import to_images
from negatoscope.pixels import ResizeSpec

CLASSES, SIDE, DIGIT = 43, 32, 28
_PLACES = where.AUDIT | where.REPORT


def run(quick: bool) -> Findings:
    keep_freed_memory()  # as the command does; for everyone
    rounds = 1 if quick else 2
    paper = trained(paper_network(), steps=5 if quick else 150)
    n, turns = (64, 1) if quick else (2000, 3)
    found = [_against_forward("the paper's network", paper, images=n, rounds=turns)]
    if not quick and harness.available("transformers"):
        found.append(_against_forward("MobileNetV2, 3x224x224", _mobilenet(), images=40, rounds=1, side=224))
    small = trained(small_network(), steps=5 if quick else 150)
    for name, network, images in (("the paper's network", paper, 1000), ("a small network", small, 6000)):
        found.append(_against_passes(name, network, images=64 if quick else images, rounds=rounds))
    for name, network in (
        ("the paper's network", _paper_of_digits()),
        ("a small network", _of_digits()),
    ):
        found.append(_negative_alone(name, network.eval(), images=128 if quick else 10_000, rounds=1 if quick else 7))
    found.append(_trivial(images=128 if quick else 10_000, rounds=1 if quick else 3))
    return Findings.of(found)


def _against_forward(name: str, network: nn.Module, *, images: int, rounds: int, side: int = SIDE) -> Profiled:
    plan = _plan(network, AuditConfig(suite="all", limit=images), side=side)
    ours = partial(_audit, plan)
    ready = [
        to_images(torch.from_numpy(batch.pixels))
        for batch in batches(plan.dataset, plan.classifier.input_spec.resize, batch_size=plan.batch_size)
    ]

    def forward() -> None:
        with torch.inference_mode():
            for _ in range(len(plan.transforms) + 1):
                for batch in ready:
                    network(batch)

    times = harness.take_turns({"negatoscope": ours, "forward passes alone": forward}, rounds=rounds, warm_up=0)
    share = statistics.median(times["negatoscope"]) / statistics.median(times["forward passes alone"])
    note = f"{images:,} images, {len(plan.transforms) + 1} passes: {share:.3f} times the forward passes"
    measure = harness.measure(f"audit of the suite all: {name}, {images:,} images", "s", times, note=note)
    return measure, where.shares(ours, _PLACES)


def _against_passes(name: str, network: nn.Module, *, images: int, rounds: int) -> Profiled:
    dataset = _chosen("test", images)
    specs = one_pass.shared_specs()
    pictures = one_pass.pictures(dataset)
    contestants: dict[str, Callable[[], object]] = {
        "negatoscope": partial(_audit, _plan(network, AuditConfig(suite="none", transforms=specs), dataset=dataset))
    }
    for workers in (0, 2):
        contestants[f"Pillow, {workers} workers"] = partial(
            one_pass.with_pillow, network, pictures, dataset.labels, specs, workers=workers
        )
    if harness.available("kornia"):
        contestants["kornia"] = partial(one_pass.with_kornia, network, pictures, dataset.labels, specs)
    passes = len(specs) + 1
    note = f"{images:,} images, {passes} passes each; ours decodes, keeps rows and writes its report in that time"
    amount = images * passes
    times = harness.take_turns(contestants, rounds=rounds, warm_up=0)
    measure = harness.measure(f"one pass a transform: {name}", "images/s", times, amount=amount, note=note)
    return measure, where.shares(contestants["negatoscope"], _PLACES)


def _negative_alone(name: str, network: nn.Module, *, images: int, rounds: int) -> Profiled:
    plan = _digits(network, AuditConfig(suite="none", transforms=["negative"], limit=images))
    dataset = plan.dataset
    contestants: dict[str, Callable[[], object]] = {"negatoscope": partial(_audit, plan, no_report=True)}
    note = "rows and summary, no report"
    if harness.available("foolbox"):
        assert isinstance(dataset.images, np.ndarray), "MNIST is one array"
        loop = partial(one_pass.with_foolbox, network, dataset.images, dataset.labels)
        contestants |= {f"foolbox, batches of {size}": partial(loop, batch_size=size) for size in (128, 512)}
        predictions, confidences = loop(batch_size=128)
        rows = _audit(plan, no_report=True).rows()
        order = np.lexsort((rows["sample"].to_numpy(), rows["transform"].to_pylist()))  # clean and negative
        same = int((rows["prediction"].to_numpy()[order] == predictions).sum())
        apart = float(np.abs(rows["confidence"].to_numpy()[order] - confidences).max())
        note += f"; {same:,} of {2 * images:,} predictions are foolbox's, confidences differ by {apart:.1g} at most"
    times = harness.take_turns(contestants, rounds=rounds)
    measure = harness.measure(f"the negative alone: {name}", "images/s", times, amount=2 * images, note=note)
    return measure, where.shares(contestants["negatoscope"], where.AUDIT)


def _trivial(*, images: int, rounds: int) -> Profiled:
    weights = torch.randn(DIGIT, 10, generator=torch.Generator().manual_seed(0))
    plan = _digits(lambda batch: batch[:, 0, DIGIT // 2] @ weights, AuditConfig(suite="all", limit=images))
    ours = partial(_audit, plan, no_report=True)
    times = harness.take_turns({"negatoscope": ours}, rounds=rounds, clock=time.process_time)
    passes = len(plan.transforms) + 1
    note, name = f"{images:,} images of MNIST, {passes} passes; CPU seconds", "evaluations of a trivial network"
    measure = harness.measure(name, "evaluations/s", times, amount=images * passes, note=note)
    return measure, where.shares(ours, where.AUDIT)


def _audit(plan: AuditPlan, *, no_report: bool = False) -> AuditResult:
    transforms = [transform.spec for transform in plan.transforms]
    settings: dict[str, Any] = {"suite": "none", "transforms": transforms, "expect_accuracy": 0.0}
    return audit(plan.classifier, plan.dataset, no_report=no_report, **settings)


def _digits(model: Callable[[Tensor], Tensor], choice: AuditConfig) -> AuditPlan:
    classifier = open_classifier(model, size=DIGIT, channels="gray", data_classes=10)
    return make_plan(classifier, load_dataset("mnist", split="test"), choice)


def _plan(network: nn.Module, choice: AuditConfig, *, side: int = SIDE, dataset: Dataset | None = None) -> AuditPlan:
    classifier = open_classifier(network, size=side, channels="rgb", data_classes=CLASSES)
    return make_plan(classifier, dataset or load_dataset("gtsrb", split="test"), choice)


def _chosen(split: str, images: int) -> Dataset:
    dataset = load_dataset("gtsrb", split=split)
    return dataset.take(stratified_sample(dataset.labels, limit=images, seed=0), split=split)


def paper_network() -> nn.Module:
    return PaperNetwork(channels=3, size=SIDE, classes=CLASSES, settings=NetworkSettings(), seed=0)


def small_network() -> nn.Module:
    """About 0.7 million operations an image, where the paper's network has 35."""
    torch.manual_seed(0)
    convolutions = [nn.Conv2d(3, 8, 5, stride=4, padding=2), nn.ReLU(), nn.Conv2d(8, 32, 3, stride=2, padding=1)]
    return nn.Sequential(*convolutions, nn.ReLU(), nn.Flatten(), nn.Linear(32 * 16, CLASSES))


def _paper_of_digits() -> nn.Module:
    return PaperNetwork(channels=1, size=DIGIT, classes=10, settings=NetworkSettings(), seed=0)


def _of_digits() -> nn.Module:
    """0.7 million operations an image of 28x28 pixels."""
    torch.manual_seed(0)
    convolutions = [nn.Conv2d(1, 16, 5, stride=2, padding=2), nn.ReLU(), nn.Conv2d(16, 32, 3, stride=2, padding=1)]
    return nn.Sequential(*convolutions, nn.ReLU(), nn.Flatten(), nn.Linear(32 * 49, 32), nn.ReLU(), nn.Linear(32, 10))


def _mobilenet() -> nn.Module:
    from transformers import MobileNetV2Config, MobileNetV2ForImageClassification

    class Logits(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            settings = MobileNetV2Config()
            settings.num_labels = CLASSES
            self.network = MobileNetV2ForImageClassification(settings)

        def forward(self, images: Tensor) -> Any:
            return self.network(images).logits

    torch.manual_seed(0)
    return Logits().eval()


def trained(network: nn.Module, *, steps: int) -> nn.Module:
    """So far that it has something to lose under transforms."""
    (batch,) = batches(_chosen("train", 4000 if steps > 5 else 200), ResizeSpec(SIDE, SIDE, "rgb"), batch_size=4000)
    images, labels = to_images(torch.from_numpy(batch.pixels)), torch.from_numpy(batch.labels)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    generator = np.random.default_rng(0)
    network.train()
    for _ in range(steps):
        chosen = torch.from_numpy(generator.choice(len(labels), 128))
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(images[chosen]), labels[chosen]).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return network.eval()
