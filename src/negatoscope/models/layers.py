"""Layers of the paper's network that are quicker here on a CPU than PyTorch's own, with the same values and gradients.

On a CPU PyTorch draws dropout masks one by one, stores the places of maxima as 64-bit numbers, and walks gradients
across the memory layout; together these cost as much as the second convolution. Elsewhere PyTorch's own layers run.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Num
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

_LANES = 65_536  # what 16 random bits distinguish
_WHOLE = {2: torch.int16, 4: torch.int32, 8: torch.int64}


def dropout(values: Float[Tensor, "*shape"], rate: float, *, training: bool) -> Float[Tensor, "*shape"]:
    """Each value 0 with probability `rate`, the others divided by ``1 - rate``; in training only.

    On a CPU the rate is rounded to a multiple of 1 / 65,536, neither 0 nor 1.

    Source: Srivastava et al. 2014, Journal of Machine Learning Research 15, section 4.
    """
    if not training or rate == 0.0:
        return values
    if values.device.type != "cpu":
        return functional.dropout(values, rate)
    return values * keep_mask(values.shape, rate, values.dtype) * (1 / (1 - rate))


def keep_mask(shape: torch.Size, rate: float, dtype: torch.dtype) -> Num[Tensor, "..."]:
    """Ones with probability ``1 - rate``, else zeros, on the CPU; the seed comes from torch's own generator.

    Sixteen random bits for each value are held against a threshold with whole-number arithmetic, which the processor
    does on 32 values at once.
    """
    count = shape.numel()
    source = np.random.SFC64(int(torch.randint(2**62, ())))
    bits = torch.from_numpy(source.random_raw(-(-count // 4)).view(np.int16))[:count].view(shape)
    threshold = min(max(round(rate * _LANES), 1), _LANES - 1) - _LANES // 2
    ones = bits.clamp_(threshold - 1, threshold).sub_(threshold - 1)
    if dtype != torch.bfloat16:
        return ones.to(dtype)
    return ones.mul_(0x3F80).view(torch.bfloat16)  # the bits of 1.0


def relu_(values: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """ReLU in place."""
    if values.device.type == "cpu" and _trains(values):
        return _Relu.apply(values)  # type: ignore[no-any-return,no-untyped-call]
    return functional.relu_(values)


def pool_relu(
    values: Float[Tensor, "batch channels height width"], *, size: int, rate: float, training: bool
) -> Float[Tensor, "batch units"]:
    """Max-pooling over windows of `size`, ReLU and dropout, flattened; ties go to the first value of a window."""
    height, width = values.shape[2:]
    halved = values.device.type == "cpu" and size == 2 and height % 2 == width % 2 == 0 < values.shape[0]
    if halved and _trains(values):
        return _PoolRelu.apply(values, rate if training else 0.0)  # type: ignore[no-any-return,no-untyped-call]
    if halved and not torch.compiler.is_compiling():  # without the places of maxima, which `max_pool2d` stores
        pixels = values.permute(0, 2, 3, 1)
        rows = torch.maximum(pixels[:, 0::2], pixels[:, 1::2])
        pooled = torch.maximum(rows[:, :, 0::2], rows[:, :, 1::2]).clamp_(min=0)
        return dropout(pooled.flatten(1, 2).transpose(1, 2).flatten(1), rate, training=training)
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


def _trains(values: Tensor) -> bool:
    return values.requires_grad and torch.is_grad_enabled() and not torch.compiler.is_compiling()


class _PoolRelu(torch.autograd.Function):
    """Windows of 2x2 in two halves, first across the width; what won is stored as 0 and 1.

    Bits of floating-point numbers, read as whole numbers, are in the same order where one of two is positive, and
    where none is, ReLU gives 0 whichever won (and for a NaN whose sign is minus). A processor takes maxima and products
    of whole numbers several times as fast as those of bf16, which it converts to float32 and back.
    """

    @staticmethod
    def forward(ctx: Any, values: Tensor, rate: float) -> Tensor:
        pixels = _bits(values.permute(0, 2, 3, 1))
        left, right = pixels[:, :, 0::2], pixels[:, :, 1::2]
        rows = torch.maximum(left, right)
        right_won = torch.gt(right, left, out=torch.empty_like(rows))
        top, bottom = rows[:, 0::2], rows[:, 1::2]
        pooled = torch.maximum(top, bottom).clamp_(min=0)
        bottom_won = torch.gt(bottom, top, out=torch.empty_like(pooled))
        if rate:
            pooled.mul_(keep_mask(pooled.shape, rate, pooled.dtype))
        ctx.scale = 1 / (1 - rate)
        result = pooled.flatten(1, 2).transpose(1, 2).flatten(1).view(values.dtype)
        result = result.mul_(ctx.scale) if rate else result
        ctx.save_for_backward(right_won, bottom_won, result)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        right_won, bottom_won, result = ctx.saved_tensors
        n, height, width, channels = bottom_won.shape
        passed = _where_positive(gradient, result)
        if ctx.scale != 1:
            passed.view(gradient.dtype).mul_(ctx.scale)
        pooled = passed.view(n, channels, height * width).transpose(1, 2).contiguous().view(bottom_won.shape)
        rows = torch.empty_like(right_won)
        _share(pooled, bottom_won, first=rows[:, 0::2], second=rows[:, 1::2])
        pixels = rows.new_empty(n, 2 * height, 2 * width, channels)
        _share(rows, right_won, first=pixels[:, :, 0::2], second=pixels[:, :, 1::2])
        return pixels.view(gradient.dtype).permute(0, 3, 1, 2), None


class _Relu(torch.autograd.Function):
    """ReLU in place, on bits as `_PoolRelu` does it."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        _bits(values).clamp_(min=0)
        ctx.mark_dirty(values)
        ctx.save_for_backward(values)
        return values

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return _where_positive(gradient, *ctx.saved_tensors).view(gradient.dtype)


def _where_positive(gradient: Tensor, result: Tensor) -> Tensor:
    """The bits of a gradient where ReLU's result is above 0, else 0."""
    return _bits(result).clamp(max=1).mul_(_bits(gradient))


def _bits(values: Tensor) -> Tensor:
    """The bits of floating-point numbers as whole numbers, in the same memory."""
    return values.view(_WHOLE[values.element_size()])


def _share(gradient: Tensor, second_won: Tensor, *, first: Tensor, second: Tensor) -> None:
    """Give each gradient to the one of two that won; the other gets 0."""
    torch.mul(gradient, second_won, out=second)
    torch.sub(gradient, second, out=first)
