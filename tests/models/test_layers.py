"""Our pooling and dropout give what PyTorch's own layers give."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from negatoscope.models.layers import dropout, keep_mask, pool_any, pool_relu, relu_


def _images(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    images = torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(dtype)
    return images.contiguous(memory_format=torch.channels_last).requires_grad_()


def _pytorch(images: torch.Tensor, size: int = 2) -> torch.Tensor:
    return functional.relu(functional.max_pool2d(images, size)).flatten(1)


@given(
    n=st.integers(1, 3),
    channels=st.integers(1, 5),
    height=st.integers(2, 9),
    width=st.integers(2, 9),
    size=st.integers(1, 2),
    dtype=st.sampled_from([torch.float32, torch.bfloat16, torch.float64]),
    seed=st.integers(0, 9),
)
@settings(max_examples=60, deadline=None)
def test_pooling_has_the_values_and_gradients_of_pytorch(n, channels, height, width, size, dtype, seed):
    images = _images(n, channels, height, width, seed=seed, dtype=dtype)
    with torch.no_grad():
        images.copy_((images * 2).round() / 2)  # many ties and zeros
    ours, theirs = pool_relu(images, size=size, rate=0.0, training=True), _pytorch(images, size)
    assert torch.equal(ours, theirs)
    weights = torch.randn(ours.shape, generator=torch.Generator().manual_seed(seed)).to(dtype)
    (our_gradient,) = torch.autograd.grad(ours, images, weights)
    (their_gradient,) = torch.autograd.grad(theirs, images, weights)
    assert torch.equal(our_gradient, their_gradient)


@given(
    shape=st.lists(st.integers(1, 5), min_size=4, max_size=4),
    dtype=st.sampled_from([torch.float32, torch.bfloat16, torch.float16, torch.float64]),
    seed=st.integers(0, 9),
)
@settings(max_examples=40, deadline=None)
def test_relu_has_the_values_and_gradients_of_pytorch(shape, dtype, seed):
    values = _images(*shape, seed=seed, dtype=dtype)
    with torch.no_grad():
        values.copy_((values * 2).round() / 2)  # many zeros, of either sign
    ours, theirs = relu_(values * 1), functional.relu(values)
    assert torch.equal(ours, theirs)
    weights = torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(dtype)
    assert torch.equal(*(torch.autograd.grad(result, values, weights)[0] for result in (ours, theirs)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("shape", [(4, 3, 8, 8), (1, 2, 2, 6), (2, 1, 7, 8), (0, 3, 8, 8)])
def test_pooling_without_gradients_has_the_same_values(shape, dtype):
    images = _images(*shape, dtype=dtype)
    with torch.no_grad():
        assert torch.equal(pool_relu(images, size=2, rate=0.5, training=False), _pytorch(images))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_pooling_without_gradients_passes_on_nan(sign):
    images = torch.ones(1, 1, 4, 4)
    images[0, 0, 1, 2] = torch.tensor(torch.nan).copysign(torch.tensor(sign))
    assert pool_relu(images, size=2, rate=0.0, training=False).isnan().tolist() == [[False, True, False, False]]


def test_pooling_leaves_its_input_as_it_was():
    images = _images(4, 3, 8, 8)
    before = images.detach().clone()
    pool_relu(images, size=2, rate=0.5, training=True).sum().backward()
    assert torch.equal(images.detach(), before)


def test_pooling_passes_on_nan_where_training_diverges():
    images = torch.full((1, 1, 2, 2), torch.nan, requires_grad=True)
    assert pool_relu(images, size=2, rate=0.0, training=True).isnan().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dropout_in_pooling_drops_or_scales_and_its_gradient_does_the_same(dtype):
    torch.manual_seed(0)
    images = _images(8, 4, 16, 16, dtype=dtype)
    found, full = pool_relu(images, size=2, rate=0.25, training=True), _pytorch(images)
    positive = full > 0
    scaled = full * (1 / 0.75)
    assert ((found == 0) | (found == scaled)).all()
    assert 0.2 < float((found == 0)[positive].double().mean()) < 0.3
    (gradient,) = torch.autograd.grad(found.sum(), images)
    of_one = torch.ones((), dtype=dtype) * (1 / 0.75)
    assert int((gradient == of_one).sum()) == int((found != 0).sum())
    assert ((gradient == 0) | (gradient == of_one)).all()


def test_pooling_with_tanh_is_that_of_pytorch():
    images = _images(2, 3, 6, 6)
    expected = torch.tanh(functional.max_pool2d(images, 2)).flatten(1)
    assert torch.equal(pool_any(torch.tanh, images, size=2, rate=0.0, training=True), expected)


def test_dropout_does_nothing_at_rate_zero_or_in_evaluation():
    values = torch.randn(5, 7)
    assert dropout(values, 0.0, training=True) is values
    assert dropout(values, 0.9, training=False) is values


@pytest.mark.parametrize("rate", [0.001, 0.1, 0.25, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_share_of_dropped_values_is_the_rate(rate, dtype):
    torch.manual_seed(1)
    ones = keep_mask(torch.Size([1000, 1000]), rate, dtype)
    assert ones.dtype == dtype
    assert set(ones.unique().tolist()) == {0.0, 1.0}
    deviation = (rate * (1 - rate) / 1e6) ** 0.5
    assert abs(float(ones.double().mean()) - (1 - rate)) < 5 * deviation


@pytest.mark.parametrize(("rate", "share"), [(1e-9, 1.0), (1 - 1e-9, 0.0)])
def test_rates_next_to_none_and_all_are_possible(rate, share):
    ones = keep_mask(torch.Size([1000]), rate, torch.float32)
    assert float(ones.mean()) == pytest.approx(share, abs=0.01)
    assert set(ones.unique().tolist()) <= {0.0, 1.0}


def test_masks_follow_the_seed_of_torch_and_differ_from_each_other():
    torch.manual_seed(3)
    first, second = (keep_mask(torch.Size([3, 5]), 0.5, torch.float32) for _ in range(2))
    torch.manual_seed(3)
    assert torch.equal(first, keep_mask(torch.Size([3, 5]), 0.5, torch.float32))
    assert not torch.equal(first, second)


def test_neighboring_values_are_dropped_independently():
    torch.manual_seed(2)
    ones = keep_mask(torch.Size([4096, 1024]), 0.5, torch.float32).double() - 0.5
    for shift in (1, 2, 3, 4, 8, 1024):
        flat = ones.flatten()
        assert abs(float((flat[:-shift] * flat[shift:]).mean()) * 4) < 5 / len(flat) ** 0.5
