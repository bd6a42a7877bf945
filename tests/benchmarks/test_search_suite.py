"""The suite of searches: peers and ours search the same space with as many queries. No timing is asserted."""

import pytest
import torch
from benchmarks import search
from torch import Tensor, nn

from negatoscope.transforms.spaces import resolve_space
from negatoscope.types import Images, Labels


class Counting(nn.Module):
    """The color that is most of an image, and how many images were shown."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.shown = 0

    def forward(self, images: Tensor) -> Tensor:
        self.shown += len(images)
        colors = images.mean(dim=(2, 3)) * self.scale
        return nn.functional.pad(colors, (0, search.CLASSES - 3), value=-1.0)


@pytest.fixture
def colored() -> tuple[Images, Labels]:
    labels = torch.arange(6) % 3
    images = torch.full((6, 3, search.SIDE, search.SIDE), 0.2)
    images[torch.arange(6), labels] = 0.8
    return images, labels


@pytest.mark.filterwarnings("ignore:torch.meshgrid:UserWarning")  # foolbox 3.3.4
def test_foolbox_and_ours_try_as_many_settings_of_the_same_turns_and_shifts(colored: tuple[Images, Labels]) -> None:
    network, accuracies = Counting().eval(), dict[str, object]()
    measure = search._against_foolbox(network, *colored, rounds=1, accuracies=accuracies)
    assert accuracies == {measure.name: {"foolbox's grid": 1.0, "negatoscope": 1.0}}
    ranges = {(each.name, each.low, each.high) for each in resolve_space(search.PLACES, channels=3).dimensions}
    assert ranges == {("degrees", -20.0, 20.0), ("right", -0.1, 0.1), ("down", -0.1, 0.1)}


def test_art_and_ours_search_the_same_colors(colored: tuple[Images, Labels]) -> None:
    pytest.importorskip("art")
    accuracies = dict[str, object]()
    measure = search._against_art(Counting(), *colored, rounds=1, accuracies=accuracies)
    assert set(measure.peers) == {"ART's composite attack"}


def test_the_bound_is_as_many_forward_passes_as_the_search_had(colored: tuple[Images, Labels]) -> None:
    network = Counting()
    measure = search._against_forward(network, *colored, rounds=1)
    assert "606 forward passes" in measure.note, "101 for each of six images that nothing fools"
    assert network.shown == 5 * 606
