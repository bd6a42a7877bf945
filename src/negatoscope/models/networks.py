"""The paper's network, with every choice that the paper leaves open as a named setting."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from negatoscope.documents import expect_choices
from negatoscope.errors import expect
from negatoscope.models.layers import dropout, pool_any, pool_relu, relu_
from negatoscope.types import Images, Logits

Initialization = Literal["glorot", "pytorch", "he", "small", "truncated_normal"]
Activation = Literal["relu", "tanh", "linear"]
Padding = Literal["valid", "same"]
InputScaling = Literal["unit", "centered", "half"]

_ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "relu": relu_,
    "tanh": torch.tanh,
    "linear": lambda values: values,
}
_FEW = 64  # images of which a layer's outputs, 200 kB each, fit into a block that the C library keeps (`memory.py`)


@dataclass(frozen=True)
class NetworkSettings:
    """What the paper does not say about its network.

    Args:
        padding: Of the convolutions.
        pool_size: Side of the max-pooling layer's window, in pixels.
        conv_activation: What follows each convolution; "linear" is nothing.
        initialization: How weights are drawn.
        batch_norm: Whether batch normalization stands before each activation.
        dropout_pool: The dropout rate after pooling, in [0, 1).
        dropout_first: The dropout rate after the first fully connected layer, in [0, 1).
        dropout_second: The dropout rate after the second one, in [0, 1).
        input_scaling: "centered" feeds ``2 * images - 1``, "half" ``images - 0.5``, "unit" the images as they are.
    """

    padding: Padding = "valid"
    pool_size: int = 2
    conv_activation: Activation = "relu"
    initialization: Initialization = "glorot"
    batch_norm: bool = False
    dropout_pool: float = 0.0
    dropout_first: float = 0.0
    dropout_second: float = 0.0
    input_scaling: InputScaling = "unit"

    def __post_init__(self) -> None:
        expect_choices(self)
        expect(1 <= self.pool_size <= 8, "pool_size from 1 to 8", self.pool_size)
        for name in ("dropout_pool", "dropout_first", "dropout_second"):
            expect(0.0 <= getattr(self, name) < 1.0, f"{name} in [0, 1)", getattr(self, name))


class PaperNetwork(nn.Module):
    """Two 3x3 convolutions (32 and 64 filters), one max-pooling layer, two layers of 200 units, then the logits.

    With the default settings, one channel of 28x28 pixels and 10 classes it has 1,904,426 parameters.

    Source: Hosseini and Poovendran 2017, arXiv 1703.06857v1, section on the experiments.
    """

    def __init__(self, *, channels: int, size: int, classes: int, settings: NetworkSettings, seed: int) -> None:
        super().__init__()
        self.settings = settings
        self.channels, self.size, self.classes = channels, size, classes
        padding = 1 if settings.padding == "same" else 0
        pooled = (size - 4 * (1 - padding)) // settings.pool_size
        expect(pooled >= 1, "images large enough for two 3x3 convolutions and pooling", f"size {size}")
        with torch.random.fork_rng(devices=[]):  # the layers draw weights that `initialize` then draws anew
            self.conv1 = nn.Conv2d(channels, 32, 3, padding=padding)
            self.conv2 = nn.Conv2d(32, 64, 3, padding=padding)
            self.dense1 = nn.Linear(64 * pooled * pooled, 200)
            self.dense2 = nn.Linear(200, 200)
            self.output = nn.Linear(200, classes)
        norms = [nn.BatchNorm2d(32), nn.BatchNorm2d(64), nn.BatchNorm1d(200), nn.BatchNorm1d(200)]
        self.norms = nn.ModuleList(norms if settings.batch_norm else [nn.Identity() for _ in norms])
        initialize(self, settings.initialization, seed=seed)

    def forward(self, images: Images) -> Logits:
        """Class scores for images in [0, 1]."""
        settings = self.settings
        match settings.input_scaling:
            case "unit":
                values = images
            case "centered":
                values = 2 * images - 1
            case "half":
                values = images - 0.5
        if self.training or torch.is_grad_enabled() or torch.compiler.is_compiling() or values.device.type != "cpu":
            values = self._convolutions(values)
        else:  # a few at a time, so that memory is kept, while the layers behind them are best at many
            values = values.contiguous(memory_format=torch.channels_last)
            values = torch.cat([self._convolutions(few) for few in torch.split(values, _FEW)])
        values = functional.relu(self.norms[2](self.dense1(values)))
        values = dropout(values, settings.dropout_first, training=self.training)
        values = functional.relu(self.norms[3](self.dense2(values)))
        values = dropout(values, settings.dropout_second, training=self.training)
        logits: Tensor = self.output(values)
        return logits

    def _convolutions(self, values: Images) -> Float[Tensor, "batch units"]:
        settings = self.settings
        activation = _ACTIVATIONS[settings.conv_activation]
        values = activation(self.norms[0](self.conv1(values)))
        values = self.norms[1](self.conv2(values))
        # No activation ever falls, so pooling first gives the same values on a quarter of the pixels.
        pool = pool_relu if settings.conv_activation == "relu" else partial(pool_any, activation)
        return pool(values, size=settings.pool_size, rate=settings.dropout_pool, training=self.training)


def initialize(network: nn.Module, method: Initialization, *, seed: int) -> None:
    """Draw every weight anew, in place, from a generator of its own.

    "glorot": uniform, Glorot and Bengio 2010, biases 0. "he": normal, He et al. 2015 (arXiv 1502.01852), biases 0.
    "pytorch": uniform within 1/sqrt(fan-in), weights and biases. "small": normal with deviation 0.05 in convolutions
    and 0.01 elsewhere, biases 0. "truncated_normal": deviation 0.1 cut at two deviations, biases 0.1.
    """
    generator = torch.Generator().manual_seed(seed)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            _initialize_layer(layer, method, generator)


@torch.no_grad()
def _initialize_layer(layer: nn.Conv2d | nn.Linear, method: Initialization, generator: torch.Generator) -> None:
    bias = layer.bias
    assert bias is not None, "every layer of the network has a bias"
    bias.zero_()
    match method:
        case "glorot":
            nn.init.xavier_uniform_(layer.weight, generator=generator)
        case "he":
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
        case "pytorch":
            bound = 1 / math.sqrt(layer.weight[0].numel())
            nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
            nn.init.uniform_(bias, -bound, bound, generator=generator)
        case "small":
            nn.init.normal_(layer.weight, std=0.05 if isinstance(layer, nn.Conv2d) else 0.01, generator=generator)
        case "truncated_normal":
            nn.init.trunc_normal_(layer.weight, std=0.1, a=-0.2, b=0.2, generator=generator)
            nn.init.constant_(bias, 0.1)
