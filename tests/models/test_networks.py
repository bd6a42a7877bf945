"""The paper's network: its size, its first weights, and its scores beside plain layers of PyTorch."""

import math
from typing import Any

import pytest
import torch
from scipy.stats import kstest, truncnorm
from torch import Tensor, nn

from negatoscope.errors import InputError
from negatoscope.models.networks import NetworkSettings, PaperNetwork, initialize

LAYERS = {"conv1": (1 * 9, 32 * 9), "conv2": (32 * 9, 64 * 9), "dense1": (64 * 16, 200), "dense2": (200, 200)}
"""Fan-in and fan-out of the layers of a network for one channel of 12x12 pixels."""


def _network(*, seed: int = 0, size: int = 12, channels: int = 1, classes: int = 5, **settings: Any) -> PaperNetwork:
    return PaperNetwork(channels=channels, size=size, classes=classes, settings=NetworkSettings(**settings), seed=seed)


def test_the_paper_s_network_has_1904426_parameters() -> None:
    network = _network(size=28, classes=10)
    assert sum(parameter.numel() for parameter in network.parameters()) == 1_904_426


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("method", ["glorot", "pytorch", "he", "small", "truncated_normal"])
def test_first_weights_have_their_distribution(method: str, layer: str) -> None:
    fan_in, fan_out = LAYERS[layer]
    glorot, bound = math.sqrt(6 / (fan_in + fan_out)), 1 / math.sqrt(fan_in)
    expected = {
        "glorot": ("uniform", (-glorot, 2 * glorot)),
        "pytorch": ("uniform", (-bound, 2 * bound)),
        "he": ("norm", (0, math.sqrt(2 / fan_in))),
        "small": ("norm", (0, 0.05 if layer.startswith("conv") else 0.01)),
        "truncated_normal": (truncnorm(-2, 2, scale=0.1).cdf, ()),
    }
    distribution, arguments = expected[method]
    # All seeds together, so that no single draw decides.
    weights = torch.cat([_weights(method, layer, seed) for seed in range(5)]).double().numpy()
    assert kstest(weights, distribution, args=arguments).pvalue > 1e-4


def _weights(method: str, layer: str, seed: int) -> Tensor:
    weights: Tensor = getattr(_network(initialization=method, seed=seed), layer).weight.detach().flatten()
    return weights


@pytest.mark.parametrize(("method", "level"), [("glorot", 0.0), ("he", 0.0), ("small", 0.0), ("truncated_normal", 0.1)])
def test_first_biases_are_constant(method: str, level: float) -> None:
    network = _network(initialization=method)
    for layer in (*LAYERS, "output"):
        assert set(getattr(network, layer).bias.tolist()) == {torch.tensor(level).item()}


def test_first_biases_of_pytorch_are_uniform() -> None:
    biases = torch.cat([_network(initialization="pytorch", seed=seed).dense2.bias.detach() for seed in range(10)])
    bound = 1 / math.sqrt(200)
    assert kstest(biases.double().numpy(), "uniform", args=(-bound, 2 * bound)).pvalue > 1e-4


def test_the_seed_decides_every_weight_and_nothing_else_does() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        first = _network(seed=-3)
        torch.manual_seed(2)
        again, other = _network(seed=-3), _network(seed=-4)
    for name, weights in first.named_parameters():
        assert torch.equal(weights, again.get_parameter(name))
        assert name.endswith("bias") or not torch.equal(weights, other.get_parameter(name))


def test_making_a_network_leaves_the_global_generator_as_it_was() -> None:
    state = torch.get_rng_state()
    _network()
    assert torch.equal(torch.get_rng_state(), state)


def test_weights_are_drawn_anew_in_place() -> None:
    network = _network(seed=1)
    before = network.conv2.weight
    initialize(network, "glorot", seed=2)
    assert network.conv2.weight is before
    assert torch.equal(before, _network(seed=2).conv2.weight)


SETTINGS: list[dict[str, Any]] = [
    {},
    {"padding": "same"},
    {"pool_size": 3},
    {"pool_size": 1},
    {"conv_activation": "tanh"},
    {"conv_activation": "linear"},
    {"input_scaling": "centered"},
    {"input_scaling": "half"},
    {"batch_norm": True},
    {"padding": "same", "pool_size": 4, "conv_activation": "tanh", "batch_norm": True, "input_scaling": "centered"},
]


@pytest.mark.parametrize("training", [False, True], ids=["evaluating", "training"])
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_scores_are_those_of_plain_layers(settings: dict[str, Any], training: bool) -> None:
    network = _network(channels=3, initialization="pytorch", **settings).train(training)
    plain = _plain(network.settings, network.dense1.in_features).train(training)
    _copy_weights(network, plain)
    images = torch.rand((6, 3, 12, 12), generator=torch.Generator().manual_seed(1))
    fed = {"unit": images, "centered": 2 * images - 1, "half": images - 0.5}[network.settings.input_scaling]
    found, expected = network(images), plain(fed)
    assert found.shape == (6, 5)
    assert len(_norms(network)) == (4 if network.settings.batch_norm else 0)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    for norm, copied in zip(_norms(network), _norms(plain), strict=True):
        torch.testing.assert_close(norm.state_dict(), copied.state_dict())


def _plain(settings: NetworkSettings, features: int) -> nn.Sequential:
    """The network as its docstring tells it, in the order in which textbooks write it."""
    padding = 1 if settings.padding == "same" else 0

    def activation() -> nn.Module:
        return {"relu": nn.ReLU, "tanh": nn.Tanh, "linear": nn.Identity}[settings.conv_activation]()

    def norm(layer: nn.Module) -> list[nn.Module]:
        return [layer] if settings.batch_norm else []

    return nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=padding),
        *norm(nn.BatchNorm2d(32)),
        activation(),
        nn.Conv2d(32, 64, 3, padding=padding),
        *norm(nn.BatchNorm2d(64)),
        activation(),
        nn.MaxPool2d(settings.pool_size),
        nn.Flatten(),
        nn.Linear(features, 200),
        *norm(nn.BatchNorm1d(200)),
        nn.ReLU(),
        nn.Linear(200, 200),
        *norm(nn.BatchNorm1d(200)),
        nn.ReLU(),
        nn.Linear(200, 5),
    )


def _norms(network: nn.Module) -> list[nn.Module]:
    return [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d)]


def _copy_weights(network: PaperNetwork, plain: nn.Sequential) -> None:
    weighted = [layer for layer in plain if isinstance(layer, nn.Conv2d | nn.Linear)]
    named = (network.conv1, network.conv2, network.dense1, network.dense2, network.output)
    for ours, theirs in zip(named, weighted, strict=True):
        theirs.load_state_dict(ours.state_dict())


@pytest.mark.parametrize(("padding", "units"), [("valid", 64 * 4 * 4), ("same", 64 * 6 * 6)])
def test_padding_same_keeps_the_size(padding: str, units: int) -> None:
    assert _network(padding=padding).dense1.in_features == units


@pytest.mark.parametrize("n", [0, 1])
def test_no_image_and_one_image_are_a_batch(n: int) -> None:
    assert _network().eval()(torch.zeros(n, 1, 12, 12)).shape == (n, 5)


@pytest.mark.parametrize(
    ("size", "settings"), [(0, {}), (4, {}), (5, {}), (1, {"padding": "same"}), (11, {"pool_size": 8})], ids=str
)
def test_too_small_images_are_one_sentence(size: int, settings: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=rf"^expected images large enough for .*, got size {size}$"):
        _network(size=size, **settings)


@pytest.mark.parametrize(("size", "settings"), [(6, {}), (2, {"padding": "same"}), (12, {"pool_size": 8})], ids=str)
def test_the_smallest_images_work(size: int, settings: dict[str, Any]) -> None:
    assert _network(size=size, **settings).eval()(torch.zeros(2, 1, size, size)).shape == (2, 5)


NAN, INF = float("nan"), float("inf")
IMPOSSIBLE: list[tuple[str, Any]] = [
    *(
        (name, value)
        for name in ("padding", "conv_activation", "initialization", "input_scaling")
        for value in ("", "x")
    ),
    *(("pool_size", value) for value in (0, -1, 9)),
    *((f"dropout_{place}", value) for place in ("pool", "first", "second") for value in (1.0, 1, -0.1, NAN, INF)),
]


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(("name", "value"), IMPOSSIBLE, ids=str)
def test_an_impossible_setting_is_one_sentence(name: str, value: Any) -> None:
    with pytest.raises(InputError, match=rf"^expected {name} .*, got '?{value}'?$"):
        NetworkSettings(**{name: value})


def test_dropout_acts_in_training_only() -> None:
    network = _network(channels=3, dropout_pool=0.25, dropout_first=0.5, dropout_second=0.1)
    images = torch.rand((2, 3, 12, 12), generator=torch.Generator().manual_seed(1))
    certain = network.eval()(images)
    assert torch.equal(certain, network(images))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        drawn = torch.stack([network.train()(images) for _ in range(20)])
    assert len(drawn.unique(dim=0)) == 20


@pytest.mark.parametrize("settings", [{}, {"batch_norm": True, "padding": "same"}, {"pool_size": 3}], ids=str)
def test_without_gradients_scores_are_the_same_bits_in_any_layout(settings: dict[str, Any]) -> None:
    network = _network(channels=3, initialization="pytorch", **settings).eval()
    images = torch.rand((37, 3, 12, 12), generator=torch.Generator().manual_seed(1))
    expected = network(images.contiguous(memory_format=torch.channels_last)).detach()
    with torch.no_grad():
        for layout in (torch.contiguous_format, torch.channels_last):
            assert torch.equal(network(images.contiguous(memory_format=layout)), expected)


def test_an_export_without_gradients_takes_any_number_of_images() -> None:
    network, images = _network().eval(), torch.rand(40, 1, 12, 12)
    with torch.no_grad():
        exported = torch.export.export(network, (images[:2],), dynamic_shapes=({0: torch.export.Dim("batch")},))
        torch.testing.assert_close(exported.module()(images), network(images))
