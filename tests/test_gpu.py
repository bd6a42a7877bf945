"""A GPU gives what a CPU gives, up to rounding."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.conftest import MakeDataset
from torch.nn.functional import cross_entropy

import negatoscope as ng
from negatoscope.attacks import resolve_attack
from negatoscope.hardware import pick_hardware
from negatoscope.models.networks import NetworkSettings, PaperNetwork
from negatoscope.models.predict import predict
from negatoscope.transforms import describe_transform
from negatoscope.transforms.suites import suite

pytestmark = pytest.mark.gpu
CPU, GPU = torch.device("cpu"), torch.device("cuda")


def _network() -> PaperNetwork:
    return PaperNetwork(channels=1, size=28, classes=10, settings=NetworkSettings(), seed=0).eval()


def test_predictions_are_those_of_the_cpu(make_dataset: MakeDataset) -> None:
    bars = make_dataset(600, size=28)
    on_cpu = predict(_network(), bars.images, bars.labels, device=CPU)
    on_gpu = predict(_network().to(GPU), bars.images, bars.labels, device=GPU)
    np.testing.assert_allclose(on_gpu.confidences, on_cpu.confidences, atol=1e-5)
    assert (on_gpu.predictions == on_cpu.predictions).mean() > 0.99


@pytest.mark.parametrize("spec", suite("all").specs)
def test_transforms_are_those_of_the_cpu(spec: str) -> None:
    images = torch.rand(20, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    transform = describe_transform(spec).function
    on_gpu = transform(images.to(GPU)).cpu()
    assert (on_gpu - transform(images)).abs().gt(1e-5).float().mean() < 0.001  # a threshold may lie in between


@pytest.mark.parametrize("spec", ["fgsm(epsilon=0.1)", "pgd(epsilon=0.1, steps=3)"])
def test_attacks_are_those_of_the_cpu(spec: str) -> None:
    images = torch.rand(20, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(20) % 10
    attack = resolve_attack(spec, seed=0)
    on_gpu = attack(_network().to(GPU), images.to(GPU), labels.to(GPU)).images.cpu()
    on_cpu = attack(_network(), images, labels).images
    # Where a slope is nearly 0, rounding decides its sign: pixels may differ, what they do to the loss may not.
    losses = [float(cross_entropy(_network()(attacked), labels).detach()) for attacked in (on_gpu, on_cpu, images)]
    assert losses[0] - losses[1] == pytest.approx(0, abs=0.02 * (losses[1] - losses[2]))


def test_an_audit_counts_as_on_the_cpu(make_dataset: MakeDataset, tmp_path: Path) -> None:
    bars = make_dataset(300, size=28, classes=7, split="test")
    network = ng.train(ng.Recipe("short", epochs=2), bars, validation=bars, hardware=pick_hardware("cpu")).network
    results = {
        device: ng.audit(network, bars, suite="all", size=28, channels="gray", device=device, out=tmp_path / device)
        for device in ("cpu", "cuda")
    }
    accuracies = {device: [each.accuracy for each in result.transforms.values()] for device, result in results.items()}
    assert len(accuracies["cuda"]) > 20
    np.testing.assert_allclose(accuracies["cuda"], accuracies["cpu"], atol=0.02)


def test_hardening_runs_there(make_dataset: MakeDataset, tmp_path: Path) -> None:
    bars = make_dataset(300, size=28, classes=7)
    network = ng.train(ng.Recipe("short", epochs=2), bars, validation=bars, hardware=pick_hardware("cpu")).network
    test = make_dataset(200, seed=1, size=28, classes=7, split="test")
    hardened = ng.harden(
        network, fit=bars, data=test, size=28, channels="gray", device="cuda", out=tmp_path / "hardened"
    )
    assert hardened.summary.methods
