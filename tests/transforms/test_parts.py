"""Working on a few images at a time changes neither what comes out, nor its layout, nor its slopes."""

import pytest
import torch

from negatoscope.levels import on_levels
from negatoscope.transforms import TRANSFORMS, parts
from negatoscope.transforms.parts import by_parts
from negatoscope.transforms.suites import suite

SPECS = suite("all").specs
LAYOUTS = [torch.contiguous_format, torch.channels_last]


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_the_layout_in_memory_is_kept(spec: str, layout: torch.memory_format) -> None:
    images = torch.rand(3, 3, 6, 5, generator=torch.Generator().manual_seed(1)).contiguous(memory_format=layout)
    assert TRANSFORMS.resolve(spec)[1](images).is_contiguous(memory_format=layout)


@pytest.mark.parametrize("spec", SPECS)
def test_many_parts_give_what_one_gives(spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    images = torch.rand(7, 3, 6, 5, generator=torch.Generator().manual_seed(2))
    function = TRANSFORMS.resolve(spec)[1]
    whole = function(images)
    monkeypatch.setattr(parts, "_VALUES", 1)
    torch.testing.assert_close(function(images), whole, rtol=0, atol=1e-6)


@pytest.mark.parametrize("spec", [spec for spec in SPECS if not spec.startswith("posterize")])
def test_slopes_are_those_of_small_steps(spec: str) -> None:
    images = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(3), dtype=torch.float64) * 0.9 + 0.05
    assert torch.autograd.gradcheck(TRANSFORMS.resolve(spec)[1], images.requires_grad_(), eps=1e-7, atol=1e-4)


@pytest.mark.parametrize("spec", [spec for spec in SPECS if spec not in ("edges", "gamma(exponent=0.5)")])
def test_slopes_are_numbers_in_black_and_in_white(spec: str) -> None:
    images = torch.tensor([0.0, 1.0]).reshape(2, 1, 1, 1).repeat(1, 3, 3, 3).requires_grad_()
    (slope,) = torch.autograd.grad(TRANSFORMS.resolve(spec)[1](images).sum(), images)
    assert bool(slope.isfinite().all())


def test_a_rotation_seen_in_inference_first_has_slopes_later() -> None:
    rotation = TRANSFORMS.resolve("rotation(degrees=7.25)")[1]
    with torch.inference_mode():
        rotation(torch.rand(1, 1, 5, 5))
    images = torch.rand(1, 1, 5, 5, generator=torch.Generator().manual_seed(4), requires_grad=True)
    (slope,) = torch.autograd.grad(rotation(images).sum(), images)
    assert slope[0, 0, 2, 2] == pytest.approx(1, abs=0.1)  # the middle hardly moves, so what it gives is about itself


@pytest.mark.parametrize("spec", SPECS)
def test_a_classifier_may_take_slopes_of_what_comes_out(spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "_VALUES", 1)
    changed = on_levels(TRANSFORMS.resolve(spec)[1](torch.rand(3, 3, 6, 5).mul(255).round() / 255)).requires_grad_()
    (slope,) = torch.autograd.grad((2 * changed).sum(), changed)
    assert torch.equal(slope, torch.full_like(slope, 2))


def test_what_is_made_of_parts_is_put_together_in_order() -> None:
    images = torch.rand(5, 1, 2, 2)
    assert torch.equal(by_parts(images, lambda part: part / 2), images / 2)
    assert by_parts(images[:0], torch.neg).shape == (0, 1, 2, 2)
