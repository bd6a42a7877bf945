"""RandAugment draws its operations evenly, keeps their order, and can do without the negative."""

import torch

from negatoscope.hardening.rand_augment import OPERATIONS, draw_operations, each_changed


def test_rand_augment_draws_every_operation_equally_often_and_in_its_order() -> None:
    rows = draw_operations(20_000, seed=1, operations=2)
    counts = torch.bincount(rows.flatten() % len(OPERATIONS))
    assert len(counts) == 10
    assert all(abs(count - 4000) < 5 * 60 for count in counts.tolist())  # five deviations of 60
    names = list(OPERATIONS)
    images = torch.rand((3, 1, 8, 8), generator=torch.Generator().manual_seed(0))
    negative, solarize, right = (names.index(name) for name in ("negative", "solarize", "translation right"))
    rows = torch.tensor([[negative, solarize], [solarize, negative], [right, right + len(names)]])
    changed = each_changed(images, rows, share=0.9)
    last = OPERATIONS["translation right"](OPERATIONS["translation right"](images[2:], 0.9), -0.9)
    torch.testing.assert_close(changed[:1], OPERATIONS["solarize"](1 - images[:1], 0.9))
    torch.testing.assert_close(changed[1:2], 1 - OPERATIONS["solarize"](images[1:2], 0.9))
    torch.testing.assert_close(changed[2:], last)


def test_rand_augment_can_do_without_the_negative() -> None:
    among, names = len(OPERATIONS) - 1, list(OPERATIONS)
    assert names[-1] == "negative"
    rows = draw_operations(5000, seed=1, operations=2, among=among)
    assert set(rows.flatten().tolist()) == set(range(2 * among))
    images = torch.rand((2, 1, 8, 8), generator=torch.Generator().manual_seed(0))
    rows = torch.tensor([[names.index("rotation")], [among + names.index("rotation")]])
    changed = each_changed(images, rows, share=0.5, among=among)
    torch.testing.assert_close(changed[:1], OPERATIONS["rotation"](images[:1], 0.5))
    torch.testing.assert_close(changed[1:], OPERATIONS["rotation"](images[1:], -0.5))
