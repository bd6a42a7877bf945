"""What every transform promises when each image has a setting of its own; a new one is picked up from the registry."""

import math

import pytest
import torch
from torch import Tensor

from negatoscope.descriptions import ParameterRange, literal_type, ranges_of, takes_tensors
from negatoscope.errors import InputError
from negatoscope.models.predict import to_images
from negatoscope.transforms import TRANSFORMS, parts
from negatoscope.types import Images

STEPPED = {
    *("solarize(threshold)", "posterize(bits)", "pixel_flips(probability)"),
    *("translation(right)", "translation(down)"),
}
"""Settings in which a transform moves by steps, so that it has no slope."""

COLORED = {"saturation_shift"}
"""Transforms that refuse gray images."""

SETTINGS = {
    f"{name}({setting})": (name, setting, range)
    for name in TRANSFORMS.names()
    for setting, range in ranges_of(TRANSFORMS.get(name)).items()
}

over_settings = pytest.mark.parametrize(("name", "setting", "range"), SETTINGS.values(), ids=SETTINGS)
over_smooth = pytest.mark.parametrize(
    ("name", "setting", "range"),
    [entry for key, entry in SETTINGS.items() if key not in STEPPED],
    ids=[key for key in SETTINGS if key not in STEPPED],
)
both_layouts = pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=str)


def others(name: str, setting: str) -> dict[str, float]:
    """An ordinary value of each other setting that must be given."""
    ranges, settings = ranges_of(TRANSFORMS.get(name)), TRANSFORMS.settings(name)
    needed = [key for key, each in settings.items() if each.default is each.empty and key != setting]
    return {key: (ranges[key].low + ranges[key].high) / 2 for key in needed}


def values_of(name: str, setting: str, range: ParameterRange) -> Tensor:
    """The ends of the range, its identity, and values between."""
    middle = (range.low + range.high) / 2
    identity = middle if range.identity is None else range.identity
    spread = [range.low + (range.high - range.low) * share for share in (0.003, 0.31, 0.77)]
    values = torch.tensor([range.low, range.high, identity, middle, *spread], dtype=torch.float64)
    return values.floor() if literal_type(TRANSFORMS.settings(name)[setting].annotation) is int else values


def some_images(channels: int = 3, dtype: torch.dtype = torch.float32) -> Images:
    pixels = torch.randint(0, 256, (7, channels, 9, 8), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    return to_images(pixels).to(dtype)


def one_call_per_image(images: Images, name: str, settings: dict[str, Tensor], fixed: dict[str, float]) -> Images:
    whole = {key for key in settings if literal_type(TRANSFORMS.settings(name)[key].annotation) is int}
    calls = []
    for place, image in enumerate(images):
        own = {key: value[place].item() for key, value in settings.items()}
        own = {key: int(value) if key in whole else value for key, value in own.items()}
        calls.append(TRANSFORMS.get(name)(image[None], **own, **fixed))
    return torch.cat(calls)


@over_settings
def test_a_setting_with_a_range_may_have_a_value_for_each_image(name: str, setting: str, range: ParameterRange) -> None:
    assert takes_tensors(TRANSFORMS.settings(name)[setting].annotation)


@both_layouts
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("dtype", "near"), [(torch.float32, 1e-6), (torch.float64, 1e-7)], ids=str)
@over_settings
def test_a_value_for_each_image_gives_what_one_call_per_image_gives(
    name: str,
    setting: str,
    range: ParameterRange,
    dtype: torch.dtype,
    near: float,
    channels: int,
    layout: torch.memory_format,
) -> None:
    images = some_images(3 if name in COLORED else channels, dtype).contiguous(memory_format=layout)
    values, fixed = values_of(name, setting, range), others(name, setting)
    found = TRANSFORMS.get(name)(images, **{setting: values}, **fixed)
    expected = one_call_per_image(images, name, {setting: values}, fixed)
    torch.testing.assert_close(found, expected, rtol=0, atol=near)
    assert found.is_contiguous(memory_format=layout)


@pytest.mark.parametrize("name", sorted({name for name, _, _ in SETTINGS.values()}))
def test_several_settings_may_have_a_value_for_each_image(name: str) -> None:
    images = some_images()
    ranges = ranges_of(TRANSFORMS.get(name))
    settings = {key: values_of(name, key, range).roll(place) for place, (key, range) in enumerate(ranges.items())}
    found = TRANSFORMS.get(name)(images, **settings)
    torch.testing.assert_close(found, one_call_per_image(images, name, settings, {}), rtol=0, atol=1e-6)


@over_settings
def test_many_parts_give_what_one_gives(
    name: str, setting: str, range: ParameterRange, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, arguments = some_images(), {setting: values_of(name, setting, range), **others(name, setting)}
    whole = TRANSFORMS.get(name)(images, **arguments)
    monkeypatch.setattr(parts, "_VALUES", 1)
    torch.testing.assert_close(TRANSFORMS.get(name)(images, **arguments), whole, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "setting", "identity"),
    [(name, setting, range.identity) for name, setting, range in SETTINGS.values() if range.identity is not None],
)
def test_at_the_identity_nothing_changes(name: str, setting: str, identity: float) -> None:
    images = some_images()
    found = TRANSFORMS.get(name)(images, **{setting: torch.full((7,), float(identity))}, **others(name, setting))
    torch.testing.assert_close(found, images, rtol=0, atol=1e-6)


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64], ids=str)
@over_settings
def test_shape_dtype_device_and_range_are_kept(
    name: str, setting: str, range: ParameterRange, dtype: torch.dtype, device: str
) -> None:
    for channels, height, width in ((1, 1, 1), (3, 1, 1), (1, 6, 5), (3, 8, 8)):
        planes = 3 if name in COLORED else channels
        images = torch.rand(7, planes, height, width, generator=torch.Generator().manual_seed(1)).to(device, dtype)
        values = values_of(name, setting, range).to(device)
        before = images.clone(), values.clone()
        found = TRANSFORMS.get(name)(images, **{setting: values}, **others(name, setting))
        assert (found.shape, found.dtype, found.device) == (images.shape, images.dtype, images.device)
        assert bool(((found >= 0) & (found <= 1)).all())
        found.zero_()
        assert torch.equal(images, before[0])
        assert torch.equal(values, before[1])


@over_settings
def test_no_images_with_no_values_are_none(name: str, setting: str, range: ParameterRange) -> None:
    images = torch.rand(0, 3, 5, 4)
    assert TRANSFORMS.get(name)(images, **{setting: torch.rand(0)}, **others(name, setting)).shape == images.shape


@over_smooth
def test_slopes_with_respect_to_a_setting_are_those_of_small_steps(
    name: str, setting: str, range: ParameterRange
) -> None:
    images = some_images(dtype=torch.float64).mul_(0.9).add_(0.05)[:3]
    values = torch.tensor([0.23, 0.41, 0.83], dtype=torch.float64) * (range.high - range.low) + range.low
    fixed = {key: torch.full((3,), value, dtype=torch.float64) for key, value in others(name, setting).items()}

    def at(values: Tensor) -> Images:
        found: Images = TRANSFORMS.get(name)(images, **{setting: values}, **fixed)
        return found

    assert torch.autograd.gradcheck(at, values.requires_grad_(), eps=1e-7, atol=1e-4)
    (slope,) = torch.autograd.grad(at(values).square().sum(), values)
    assert bool(slope.ne(0).all())


@over_smooth
def test_slopes_are_numbers_in_black_and_in_white(name: str, setting: str, range: ParameterRange) -> None:
    images = torch.tensor([0.0, 1.0]).repeat(4)[:7].reshape(7, 1, 1, 1).repeat(1, 3, 3, 3).requires_grad_()
    values = values_of(name, setting, range).requires_grad_()
    found = TRANSFORMS.get(name)(images, **{setting: values}, **others(name, setting))
    (slope,) = torch.autograd.grad(found.sum(), values)
    assert bool(slope.isfinite().all())


@over_settings
def test_a_value_that_is_out_of_range_or_no_number_is_refused_in_one_sentence(
    name: str, setting: str, range: ParameterRange
) -> None:
    for wrong in (math.nan, math.inf, -1e9):
        values = values_of(name, setting, range)
        values[4] = wrong
        with pytest.raises(InputError, match=rf"^expected {setting} of .*, got {wrong}; "):
            TRANSFORMS.get(name)(some_images(), **{setting: values}, **others(name, setting))


@pytest.mark.usefixtures("unchecked")
@over_settings
def test_one_value_for_each_image_is_expected(name: str, setting: str, range: ParameterRange) -> None:
    for values in (values_of(name, setting, range)[:6], values_of(name, setting, range)[:, None], torch.tensor(0.5)):
        with pytest.raises(InputError, match=rf"^expected {setting} of .*, one for each of 7 images, got a tensor of "):
            TRANSFORMS.get(name)(some_images(), **{setting: values}, **others(name, setting))


def test_a_fraction_of_a_bit_is_refused() -> None:
    with pytest.raises(InputError, match=r"^expected whole bits of posterize, got a fraction; round them$"):
        TRANSFORMS.get("posterize")(some_images(), bits=torch.full((7,), 2.5))
