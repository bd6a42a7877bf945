"""Small networks of today: their size, their seeds, and that they learn."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from negatoscope.errors import InputError
from negatoscope.models.small_networks import SmallResNet, SmallViT


def resnet(seed: int = 0, channels: int = 1, classes: int = 10) -> nn.Module:
    return SmallResNet(channels=channels, classes=classes, seed=seed)


def vit(seed: int = 0, channels: int = 1, classes: int = 10) -> nn.Module:
    return SmallViT(channels=channels, size=28, classes=classes, seed=seed)


@pytest.mark.parametrize(("make", "parameters"), [(resnet, 77_754), (vit, 138_890)])
def test_a_network_has_the_parameters_that_its_page_says(make, parameters: int) -> None:  # type: ignore[no-untyped-def]
    network = make()
    assert sum(each.numel() for each in network.parameters()) == parameters
    assert f"{parameters:,} parameters" in (type(network).__doc__ or "")


@pytest.mark.parametrize("make", [resnet, vit])
def test_weights_follow_from_the_seed_and_leave_the_generator_alone(make) -> None:  # type: ignore[no-untyped-def]
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    first, again, other = make(seed=3), make(seed=3), make(seed=4)
    assert torch.equal(torch.rand(1), expected)
    same = [torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True)]
    assert all(same)
    assert not all(torch.equal(a, b) for a, b in zip(first.parameters(), other.parameters(), strict=True))


def test_no_two_blocks_of_a_transformer_begin_with_the_same_weights() -> None:
    first, second = (block.linear1.weight for block in list(vit().blocks)[:2])  # type: ignore[union-attr,arg-type]
    assert not torch.equal(first, second)  # type: ignore[arg-type]


@pytest.mark.parametrize("make", [resnet, vit])
def test_a_network_learns_a_few_images_by_heart(make) -> None:  # type: ignore[no-untyped-def]
    generator = torch.Generator().manual_seed(0)
    images, labels = torch.rand(12, 3, 28, 28, generator=generator), torch.arange(12) % 4
    network = make(channels=3, classes=4)
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    for _ in range(60):
        optimizer.zero_grad()
        functional.cross_entropy(network(images), labels).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    network.eval()
    with torch.no_grad():
        assert network(images).argmax(dim=1).tolist() == labels.tolist()


def test_a_size_that_no_patches_fit_is_one_sentence() -> None:
    with pytest.raises(InputError, match="expected a size that is a multiple of 4 for a vision transformer, got 30"):
        SmallViT(channels=1, size=30, classes=10, seed=0)
