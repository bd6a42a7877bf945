"""Two networks of today, as small as the paper's: one with residual blocks, one of attention alone."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from negatoscope.errors import expect
from negatoscope.types import Images, Logits

WIDTHS = (16, 32, 64)
"""Of the three stages of `SmallResNet`."""

PATCH, WIDTH, DEPTH, HEADS = 4, 64, 4, 4
"""Of `SmallViT`: pixels of a patch's side, values of a token, blocks, heads of attention."""


class SmallResNet(nn.Module):
    """A residual network of eight layers with batch norm: one block in each of three stages, then the mean of the map.

    With one channel and 10 classes it has 77,754 parameters.

    Args:
        channels: Of the images, which may have any size from 4 pixels on.
        classes: How many logits it gives.
        seed: Decides the weights.

    Source: He et al. 2016, arXiv 1512.03385, section 4.2, with n = 1 and projections where shapes change.
    """

    def __init__(self, *, channels: int, classes: int, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.stem = _normed_convolution(channels, WIDTHS[0])
            self.stages = nn.Sequential(
                *(
                    _ResidualBlock(before, after, stride=1 if before == after else 2)
                    for before, after in zip((WIDTHS[0], *WIDTHS), WIDTHS, strict=False)
                )
            )
            self.output = nn.Linear(WIDTHS[-1], classes)

    def forward(self, images: Images) -> Logits:
        """Class scores for images in [0, 1]."""
        logits: Tensor = self.output(self.stages(functional.relu(self.stem(images))).mean(dim=(2, 3)))
        return logits


class SmallViT(nn.Module):
    """A vision transformer: patches of 4x4 pixels, four blocks of width 64, then the mean over all tokens.

    With one channel of 28x28 pixels and 10 classes it has 138,890 parameters.

    Args:
        channels: Of the images.
        size: Their height and width, a multiple of 4.
        classes: How many logits it gives.
        seed: Decides the weights.

    Raises:
        InputError: `size` is no multiple of 4.

    Source: Dosovitskiy et al. 2021, arXiv 2010.11929; Beyer et al. 2022, arXiv 2205.01580, for the mean in place of a
        class token.
    """

    def __init__(self, *, channels: int, size: int, classes: int, seed: int) -> None:
        super().__init__()
        expect(size % PATCH == 0, f"a size that is a multiple of {PATCH} for a vision transformer", size)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.patches = nn.Conv2d(channels, WIDTH, PATCH, stride=PATCH)
            self.positions = nn.Parameter(0.02 * torch.randn(1, (size // PATCH) ** 2, WIDTH))
            self.blocks = nn.Sequential(*(_transformer_block() for _ in range(DEPTH)))
            self.norm = nn.LayerNorm(WIDTH)
            self.output = nn.Linear(WIDTH, classes)

    def forward(self, images: Images) -> Logits:
        """Class scores for images in [0, 1]."""
        tokens = self.patches(images).flatten(2).transpose(1, 2) + self.positions
        with sdpa_kernel(SDPBackend.MATH):  # on a processor the gradient of the fused one takes most of a step
            tokens = self.blocks(tokens)
        logits: Tensor = self.output(self.norm(tokens).mean(dim=1))
        return logits


class _ResidualBlock(nn.Module):
    def __init__(self, before: int, after: int, *, stride: int) -> None:
        super().__init__()
        self.first = _normed_convolution(before, after, stride=stride)
        self.second = _normed_convolution(after, after)
        same = before == after
        self.shortcut = nn.Identity() if same else _normed_convolution(before, after, stride=stride, size=1)

    def forward(self, values: Float[Tensor, "batch before height width"]) -> Float[Tensor, "batch after down across"]:
        changed = self.second(functional.relu(self.first(values)))
        return functional.relu(changed + self.shortcut(values))


def _normed_convolution(before: int, after: int, *, stride: int = 1, size: int = 3) -> nn.Module:
    convolution = nn.Conv2d(before, after, size, stride=stride, padding=size // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(after))


def _transformer_block() -> nn.Module:
    return nn.TransformerEncoderLayer(
        WIDTH, HEADS, 2 * WIDTH, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    )
