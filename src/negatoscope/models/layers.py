"""Layers of the paper's network that are quicker here on a CPU than PyTorch's own, with the same values and gradients.

On a CPU PyTorch draws dropout masks one by one, stores the places of maxima as 64-bit numbers, and walks gradients
across the memory layout; together these cost as much as the second convolution. Elsewhere PyTorch's own layers run.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

_LANES = 65_536  # what 16 random bits distinguish


def dropout(values: Float[Tensor, "*shape"], rate: float, *, training: bool) -> Float[Tensor, "*shape"]:
    """Each value 0 with probability `rate`, the others divided by ``1 - rate``; in training only.

    On a CPU the rate is rounded to a multiple of 1 / 65,536.

    Source: Srivastava et al. 2014, Journal of Machine Learning Research 15, section 4.
    """
    if not training or rate == 0.0:
        return values
    if values.device.type != "cpu":
        return functional.dropout(values, rate)
    return values * keep_mask(values.shape, rate, values.dtype) * (1 / (1 - rate))


def keep_mask(shape: torch.Size, rate: float, dtype: torch.dtype) -> Float[Tensor, "..."]:
    """Ones with probability ``1 - rate``, else zeros, on the CPU; the seed comes from torch's own generator.

    Sixteen random bits for each value are held against a threshold with whole-number arithmetic, which the processor
    does on 32 values at once.
    """
    count = shape.numel()
    source = np.random.SFC64(int(torch.randint(2**62, ())))
    bits = torch.from_numpy(source.random_raw(-(-count // 4)).view(np.int16))[:count].view(shape)
    threshold = round(rate * _LANES) - _LANES // 2
    ones = bits.clamp_(threshold - 1, threshold).sub_(threshold - 1)
    if dtype != torch.bfloat16:
        return ones.to(dtype)
    return ones.mul_(0x3F80).view(torch.bfloat16)  # the bits of 1.0


def pool_relu(
    values: Float[Tensor, "batch channels height width"], *, size: int, rate: float, training: bool
) -> Float[Tensor, "batch units"]:
    """Max-pooling over windows of `size`, ReLU and dropout, flattened; ties go to the first value of a window."""
    height, width = values.shape[2:]
    ours = values.device.type == "cpu" and size == 2 and height % 2 == width % 2 == 0 and values.shape[0] > 0
    if ours and values.requires_grad and torch.is_grad_enabled() and not torch.compiler.is_compiling():
        return _PoolRelu.apply(values, rate if training else 0.0)  # type: ignore[no-any-return,no-untyped-call]
    pooled = functional.relu(functional.max_pool2d(values, size)).flatten(1)
    return dropout(pooled, rate, training=training)


def pool_any(
    activation: Callable[[Tensor], Tensor],
    values: Float[Tensor, "batch channels height width"],
    *,
    size: int,
    rate: float,
    training: bool,
) -> Float[Tensor, "batch units"]:
    """As `pool_relu`, with any activation that never falls in place of ReLU."""
    return dropout(activation(functional.max_pool2d(values, size)).flatten(1), rate, training=training)


class _PoolRelu(torch.autograd.Function):
    """Windows of 2x2 in two halves, first across the width; what won is stored as 0 and 1 of the values' type."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, rate: float) -> Tensor:
        pixels = values.permute(0, 2, 3, 1)
        left, right = pixels[:, :, 0::2], pixels[:, :, 1::2]
        rows = torch.maximum(left, right)
        right_won = torch.gt(right, left, out=rows.new_empty(rows.shape))
        top, bottom = rows[:, 0::2], rows[:, 1::2]
        pooled = torch.maximum(top, bottom)
        bottom_won = torch.gt(bottom, top, out=pooled.new_empty(pooled.shape))
        passed = torch.gt(pooled, 0, out=pooled.new_empty(pooled.shape))
        if rate:
            passed.mul_(keep_mask(passed.shape, rate, passed.dtype))
        ctx.save_for_backward(right_won, bottom_won, passed)
        ctx.scale = 1 / (1 - rate)
        result = pooled.mul_(passed)
        result = result.mul_(ctx.scale) if rate else result
        return result.flatten(1, 2).transpose(1, 2).flatten(1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        right_won, bottom_won, passed = ctx.saved_tensors
        n, height, width, channels = passed.shape
        pooled = gradients[0].view(n, channels, height * width).transpose(1, 2).contiguous().view(passed.shape)
        pooled.mul_(passed)
        if ctx.scale != 1:
            pooled.mul_(ctx.scale)
        rows = pooled.new_empty(right_won.shape)
        _share(pooled, bottom_won, first=rows[:, 0::2], second=rows[:, 1::2])
        pixels = pooled.new_empty(n, 2 * height, 2 * width, channels)
        _share(rows, right_won, first=pixels[:, :, 0::2], second=pixels[:, :, 1::2])
        return pixels.permute(0, 3, 1, 2), None


def _share(gradient: Tensor, second_won: Tensor, *, first: Tensor, second: Tensor) -> None:
    """Give each gradient to the one of two that won; the other gets 0."""
    torch.mul(gradient, second_won, out=second)
    torch.sub(gradient, second, out=first)
