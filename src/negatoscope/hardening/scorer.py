"""How natural an image looks: a small network, fitted on images that look as they should against their transforms."""

import time

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from negatoscope.errors import expect
from negatoscope.hardening import LEAST, FitData, Progress
from negatoscope.hardening.orbit import orbit
from negatoscope.models.predict import to_images
from negatoscope.transforms.groups import Group
from negatoscope.types import Images

SIDE = 32
"""Images of twice this many pixels and more are averaged down towards it before they are scored."""

_WIDTHS = (8, 16, 32)
_BATCH, _RATE = 128, 0.01
_SAMPLED = 8  # elements of a large group that an image is compared with in one step
_HELD_OUT, _PATIENCE = 0.1, 2  # share of the images, epochs without a better one
_MOST_HELD_OUT = 2000


class Scorer(nn.Module):
    """Three strided convolutions, the mean, a linear layer: 6,000 parameters, one score for each image.

    Args:
        channels: Of the images.
        side: The shorter side of the images, in pixels.
    """

    def __init__(self, channels: int, *, side: int) -> None:
        super().__init__()
        self.reduction = max(1, side // SIDE)
        layers: list[nn.Module] = [nn.AvgPool2d(self.reduction)] if self.reduction > 1 else []
        for before, after in zip((channels, *_WIDTHS), _WIDTHS, strict=False):
            layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.ReLU()]
        self.layers = nn.Sequential(*layers)
        self.output = nn.Linear(_WIDTHS[-1], 1)

    def forward(self, images: Images) -> Float[Tensor, " batch"]:
        """The score of each image in [0, 1]: higher is more natural."""
        scores: Tensor = self.output(self.layers(images).mean(dim=(2, 3)))
        return scores[:, 0]

    def over_orbit(self, images: Images, group: Group) -> Float[Tensor, "batch elements"]:
        """The score of each image under each element of `group`."""
        members = orbit(images, group)
        scores: Tensor = self(members.flatten(0, 1))
        return scores.reshape(members.shape[:2])


@torch.enable_grad()
def fit_scorer(
    fit: FitData, group: Group, *, epochs: int, seed: int, progress: Progress, patience: int = _PATIENCE
) -> tuple[Scorer, float]:
    """A scorer that ranks images above all their transforms, and the share of held-out images for which it does.

    Images are compared with their own transforms alone (cross-entropy of the identity among the orbit), so labels are
    not needed. Fitting ends when the held-out images get no better.

    Args:
        fit: Images that look as they should.
        group: Their transforms.
        epochs: At most.
        seed: Decides weights, order and which images are held out.
        progress: Called after each epoch.
        patience: How many epochs in a row may be no better than the best, before fitting ends.

    Raises:
        InputError: There are fewer than 20 images.
    """
    expect(len(fit.images) >= LEAST, f"at least {LEAST} images to fit on", len(fit.images))
    chosen, held = fit.held_out(share=_HELD_OUT, seed=seed)
    held = np.sort(np.random.default_rng(seed).permutation(held)[:_MOST_HELD_OUT])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        scorer = Scorer(fit.images.shape[1], side=min(fit.images.shape[2:]))
    scorer = scorer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # twice as fast
    steps = -(-len(chosen) // _BATCH)
    optimizer = torch.optim.AdamW(scorer.parameters(), lr=_RATE, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=epochs * steps)
    random = np.random.default_rng(seed)
    best, state = -1.0, scorer.state_dict()
    since = 0
    for epoch in range(epochs):
        began = time.monotonic()
        for batch in np.array_split(random.permutation(chosen), steps):
            images = to_images(torch.from_numpy(fit.images[np.sort(batch)]))
            loss = _loss(scorer, images, _some(group, random))
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
        right = _ranked_first(scorer, fit, held, group)
        seconds = time.monotonic() - began
        ranked = f"{100 * right:.2f} % of {len(held)} held-out images ranked right"
        progress(f"epoch {epoch + 1} of {epochs}: {ranked} ({seconds:.0f} s)")
        since = 0 if right > best else since + 1
        if right > best:
            best, state = right, {name: tensor.clone() for name, tensor in scorer.state_dict().items()}
        if right == 1.0 or since > patience:
            break
    scorer.load_state_dict(state)
    return scorer.eval().requires_grad_(False), best


def _loss(scorer: Scorer, images: Images, group: Group) -> Tensor:
    scores = scorer.over_orbit(images, group)
    return functional.cross_entropy(scores, scores.new_zeros(len(scores), dtype=torch.long))


def _some(group: Group, random: np.random.Generator) -> Group:
    """The identity and a few other elements: as many images are not transformed at once."""
    if len(group) <= _SAMPLED:
        return group
    others = random.choice(len(group) - 1, _SAMPLED - 1, replace=False) + 1
    return Group(group.name, group.channels, (group.elements[0], *(group.elements[index] for index in others)))


@torch.no_grad()
def _ranked_first(scorer: Scorer, fit: FitData, held: np.ndarray, group: Group) -> float:
    right = 0
    for start in range(0, len(held), _BATCH):
        images = to_images(torch.from_numpy(fit.images[held[start : start + _BATCH]]))
        scores = scorer.over_orbit(images, group)
        members = orbit(images, group)
        other = (members != members[:, :1]).flatten(2).any(dim=2)  # an image that a transform leaves alone ties
        right += int((scores[:, :1] >= scores.masked_fill(~other, -torch.inf)).all(dim=1).sum())
    return right / len(held)
