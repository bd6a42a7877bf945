"""What outputs look like, where neither the model's file nor its user says what they are."""

import torch
from jaxtyping import Num
from torch import Tensor

from negatoscope.errors import InputError

_ENOUGH = 16  # images whose outputs all lie in [0, 1] by chance only for an odd classifier
_ROUNDING, _ROUNDING_OF_BYTES = 0.01, 0.1  # how far from 1 probabilities may add up to


def expect_logits(outputs: Num[Tensor, "batch columns"], *, name: str) -> None:
    """Ask where outputs that would count as logits look like probabilities.

    Log-probabilities are not asked about: as logits they mean the same. Sigmoids differ from small logits
    only over many images, of which some are near 0 and some near 1.

    Args:
        outputs: As they come; of uint8, 255 counts as 1.
        name: What they come from.

    Raises:
        InputError: They are in [0, 1], and add up to 1 or look like sigmoids; the sentence says what settles it.
    """
    whole, several = outputs.dtype == torch.uint8, outputs.shape[1] > 1
    values = outputs.double() / (255 if whole else 1)
    low, high = float(values.amin()), float(values.amax())
    if not (low >= 0 and high <= 1 + _ROUNDING):
        return
    off = (values.sum(dim=1) - 1).abs().amax()
    sums = several and bool(off <= (_ROUNDING_OF_BYTES if whole else _ROUNDING))
    sigmoids = len(values) >= _ENOUGH and low < 0.1 and high > 0.9 and not (whole and several)
    if sums or sigmoids:
        how = " and add up to 1 for each image" if sums else ", as sigmoids are"
        raise InputError(
            f"expected --output for {name}, whose outputs are in [0, 1]{how}; give --output probabilities, or --output "
            "logits if they are not probabilities"
        )
