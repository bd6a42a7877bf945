"""A first layer that cannot tell an image from its negative."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from negatoscope.errors import InputError, expect
from negatoscope.hardening import FitData, Progress, register_method
from negatoscope.hardening.fine_tuning import RECIPE, WRAPPERS, copy_to_train, fine_tune_copy, with_module
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.predict import to_images
from negatoscope.transforms.groups import Group
from negatoscope.types import Images

_ROUNDING = 2e-6  # of values from -1 to 1, as in levels.py of values from 0 to 1
_RATE = 0.002  # further than in fine-tuning: all that follows gets other values than before
_EQUAL = 1e-4  # of logits: how far those of an image and its negative may lie apart


class InvariantStem(nn.Module):
    """A convolution's responses to an image and to its negative, of each filter the higher one.

    Counted from middle gray, the negative is minus the image, so a filter `w` and its opposite-phase partner `-w` only
    change places, and ``max(w * x, -w * x) = |w * x|`` stays. 8-bit values are counted as whole numbers, from -255 to
    255: then both sides are the same bits. Other values differ by the rounding of ``1 - x``.

    Args:
        convolution: The first layer of a module; with a bias or without.
        black: What it gets for a black image.
        white: What it gets for a white one.
    """

    gray: Tensor
    reach: Tensor

    def __init__(self, convolution: nn.Conv2d, black: Images, white: Images) -> None:
        super().__init__()
        gray = (black + white) / 2
        self.register_buffer("gray", gray[0, :, :1, :1])
        self.register_buffer("reach", (white - gray)[0, :, :1, :1])
        with torch.no_grad():
            response = convolution(gray)[0]
        height, width = response.shape[1:]
        self.bias = nn.Parameter(response[:, height // 2, width // 2, None, None].clone())
        self.convolution = deepcopy(convolution)
        self.convolution.bias = None

    def forward(self, values: Tensor) -> Tensor:
        """Of each filter the response to the values or to those of the negative, whichever is higher."""
        signed = (values - self.gray) / self.reach
        whole = (2 * ((signed + 1) * 127.5).round() - 255) / 255
        exact = torch.where((signed - whole).abs() <= _ROUNDING, whole, signed)
        signed = signed + (exact - signed).detach()
        response: Tensor = self.convolution(signed * self.reach).abs() + self.bias
        return response


@register_method
def invariant_stem(
    classifier: ClassifierAdapter, fit: FitData, group: Group, seed: int, progress: Progress, *, epochs: int = 2
) -> ClassifierAdapter:
    """Replace the first convolution by opposite-phase pairs of its filters and their magnitude, then train further.

    By construction logits are the same for an image and its negative, whatever the weights: bit for bit for 8-bit
    images on a CPU, to rounding for others. Starts from the given weights: a filter's response is the higher one of
    those that it had for the image and for its negative.

    Args:
        classifier: A torch module whose first layer is a Conv2d that all else comes after; a copy of it is trained.
        fit: Labeled images.
        group: "negative".
        seed: Decides order and which images are held out.
        progress: Called after each epoch.
        epochs: Passes over the images.

    Raises:
        InputError: The group is another one, the classifier is no such module, or there are no labels.

    Source: Adelson and Bergen 1985, Journal of the Optical Society of America A 2(2) (opposite phases, energy).
    """
    names = [str(element) for element in group.elements]
    expect(names == ["identity", "negative"], "the group negative for invariant_stem", f"{group.name}; {WRAPPERS}")
    copied = copy_to_train(classifier, fit, method="invariant_stem")
    assert copied.module is not None, "copy_to_train checked it"
    images = to_images(torch.from_numpy(np.array(fit.images[:8]))).to(copied.device)
    name, convolution = _first_convolution(copied.module)
    stem = InvariantStem(convolution, *_black_and_white(copied, convolution, images))
    parent, _, child = name.rpartition(".")
    setattr(copied.module.get_submodule(parent), child, stem)
    with torch.no_grad():
        difference = float((copied(images) - copied(group.elements[1](images))).abs().max())
    expect(difference <= _EQUAL, "all of the module to come after its first convolution", f"another way; {WRAPPERS}")
    return fine_tune_copy(
        with_module(copied, copied.module),
        fit,
        seed,
        progress,
        recipe=replace(RECIPE, epochs=epochs, learning_rate=_RATE),
    )


def has_stem(classifier: ClassifierAdapter) -> bool:
    """Whether a classifier is a module with an `InvariantStem`."""
    module = classifier.module
    return module is not None and any(isinstance(layer, InvariantStem) for layer in module.modules())


def _first_convolution(module: nn.Module) -> tuple[str, nn.Conv2d]:
    for name, layer in module.named_modules():
        if name and isinstance(layer, nn.Conv2d):
            return name, layer
    raise InputError(f"expected a module with a Conv2d for invariant_stem, got a {type(module).__name__}; {WRAPPERS}")


@torch.no_grad()
def _black_and_white(classifier: ClassifierAdapter, convolution: nn.Conv2d, images: Images) -> tuple[Tensor, Tensor]:
    """What the convolution gets for a black and for a white image.

    Raises:
        InputError: It does not get images as they are, but for their range and normalization.
    """
    got: list[Tensor] = []
    handle = convolution.register_forward_pre_hook(lambda layer, inputs: got.append(inputs[0].clone()))
    for batch in (torch.zeros_like(images[:1]), torch.ones_like(images[:1]), images):
        classifier(batch)
    handle.remove()
    as_given = images.flip(1) if classifier.input_spec.channel_order == "BGR" else images
    black, white = got[:2]
    first = len(got) == 3 and got[2].shape[2:] == images.shape[2:] and bool((black != white).all())
    first = first and torch.allclose(got[2], black + as_given * (white - black), atol=1e-4)
    expect(first, "a first convolution that gets the images for invariant_stem", f"one that does not; {WRAPPERS}")
    return black, white
