"""The suites of training: everyone trains the same thing, and operations are counted rightly. No timing is asserted."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from benchmarks import limit, train
from benchmarks.peers.contestants import make
from benchmarks.peers.task import Task, in_pytorch_layers, paper_network

from negatoscope.data import Dataset
from negatoscope.training.recipe import named_recipe


@pytest.fixture
def task() -> Callable[..., Task]:
    def of(epsilon: float, images: int = 64) -> Task:
        generator = np.random.default_rng(0)

        def dataset(split: str, n: int) -> Dataset:
            pixels = generator.integers(0, 256, (n, 1, 28, 28), dtype=np.uint8)
            names = tuple("0123456789")
            return Dataset("noise", split, pixels, generator.integers(0, 10, n), names, np.arange(n))

        recipe = replace(named_recipe("accurate", "mnist"), batch_size=16, shift=0)
        return Task(recipe, dataset("train", images), dataset("validation", 8), epsilon)

    return of


def steps_in_turn(*steps: int) -> Callable[[], int]:
    return iter([*steps, 0]).__next__


def test_the_peers_network_is_the_papers_in_other_layers(task: Callable[..., Task]) -> None:
    paper = paper_network(task(0.0)).eval()
    images = torch.rand(5, 1, 28, 28)
    torch.testing.assert_close(in_pytorch_layers(paper).eval()(images), paper(images))


@pytest.mark.parametrize("epsilon", [0.0, 0.1])
def test_operations_counted_by_hand_are_those_that_pytorch_counts(task: Callable[..., Task], epsilon: float) -> None:
    assert limit.flops_of(task(epsilon)) == pytest.approx(limit.counted_flops(task(epsilon)), rel=1e-12)


@pytest.mark.parametrize("name", ["pytorch float32", "pytorch bf16", "pytorch fast-layers", "foolbox float32"])
@pytest.mark.parametrize("epsilon", [0.0, 0.1])
def test_contestants_change_their_weights_and_keep_them_float32(
    task: Callable[..., Task], name: str, epsilon: float
) -> None:
    before = [weights.clone() for weights in paper_network(task(epsilon)).parameters()]
    after = list(make(name, task(epsilon)).run(steps_in_turn(2, 2)).parameters())
    assert all(not torch.equal(old, new) for old, new in zip(before, after, strict=True))
    assert {weights.dtype for weights in after} == {torch.float32}


@pytest.mark.parametrize("name", ["torchattacks float32", "cleverhans float32", "art float32"])
def test_peers_that_may_be_missing_train_too(task: Callable[..., Task], name: str) -> None:
    pytest.importorskip(name.split()[0])
    before = [weights.clone() for weights in paper_network(task(0.1)).parameters()]
    after = list(make(name, task(0.1)).run(steps_in_turn(2)).parameters())
    assert all(not torch.equal(old, new) for old, new in zip(before, after, strict=True))


def test_ours_stands_still_between_the_steps_it_is_asked_to_take(task: Callable[..., Task]) -> None:
    asked: list[int] = []
    plan = steps_in_turn(1, 2, 1)

    def next_steps() -> int:
        asked.append(1)
        return plan()

    make("negatoscope", task(0.1, images=64)).run(next_steps)
    assert len(asked) == 4  # at the start, and after 1, 3 and all 4 steps


def test_a_task_read_back_is_the_one_that_was_saved(task: Callable[..., Task], tmp_path: Path) -> None:
    before = task(0.1)
    before.save(tmp_path / "task.npz")
    after = Task.load(tmp_path / "task.npz")
    assert (after.recipe, after.epsilon, after.steps) == (before.recipe, before.epsilon, 4)
    np.testing.assert_array_equal(np.asarray(after.training.images), np.asarray(before.training.images))


def test_the_groups_of_a_profile_make_up_the_whole(task: Callable[..., Task]) -> None:
    shares = limit.profiled(task(0.1, images=64), steps=1)
    assert sum(shares.values()) == pytest.approx(100, abs=5)
    assert shares["convolution, backward"] > 0
    json.dumps(shares)


def test_a_contestant_in_its_own_process_takes_steps_and_reports_what_it_reached(
    task: Callable[..., Task], tmp_path: Path
) -> None:
    task(0.1).save(tmp_path / "task.npz")
    with train.start("pytorch float32", tmp_path / "task.npz") as worker:
        worker.wait()
        worker.advance(4)
        reached = worker.finish()
    assert set(reached) == {"clean", "FGSM"}
    assert 0 <= reached["FGSM"] <= 100


def test_a_contestant_that_fails_reports_why(task: Callable[..., Task], tmp_path: Path) -> None:
    task(0.1).save(tmp_path / "task.npz")
    with train.start("nobody float32", tmp_path / "task.npz") as worker, pytest.raises(RuntimeError, match="nobody"):
        worker.wait()
