"""What an image costs is counted as torch counts it, and measured in turns."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from negatoscope.hardening import cost
from negatoscope.hardening.cost import (
    Cost,
    InferenceCost,
    cost_of_file,
    count_flops,
    count_parameters,
    paired_milliseconds,
)

onnx = pytest.importorskip("onnx")
pytestmark = [
    pytest.mark.filterwarnings("ignore:You are using the legacy TorchScript-based ONNX export:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:torch.onnx"),
]

NETWORKS = {
    "linear": nn.Sequential(nn.Flatten(), nn.Linear(192, 10)),
    "without bias": nn.Sequential(nn.Flatten(), nn.Linear(192, 7, bias=False)),
    "convolution": nn.Sequential(nn.Conv2d(3, 5, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(80, 10)),
    "groups": nn.Sequential(nn.Conv2d(3, 6, 3, groups=3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    "transposed": nn.Sequential(nn.ConvTranspose2d(3, 4, 2, stride=2), nn.Flatten(), nn.Linear(1024, 3)),
}


def exported(network: nn.Module, file: Path, *, batch: int = 1, dynamic: bool = True) -> object:
    torch.onnx.export(
        network.eval(),
        (torch.zeros(batch, 3, 8, 8),),
        str(file),
        dynamo=False,
        input_names=["images"],
        dynamic_axes={"images": {0: "n"}} if dynamic else None,
    )
    return onnx.load(str(file))


def torch_flops(network: nn.Module, images: int = 1) -> int:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(images, 3, 8, 8))
    return int(counter.get_total_flops())


@pytest.mark.parametrize("name", NETWORKS)
def test_operations_and_weights_of_a_file_are_those_that_torch_counts(name: str, tmp_path: Path) -> None:
    network = NETWORKS[name]
    model = exported(network, tmp_path / "a.onnx")
    assert count_flops(model, batch=None) == torch_flops(network) > 0
    assert count_parameters(model) == sum(weights.numel() for weights in network.parameters())


def test_a_file_that_takes_several_images_at_once_costs_as_much_for_each(tmp_path: Path) -> None:
    network = NETWORKS["convolution"]
    several = exported(network, tmp_path / "a.onnx", batch=4, dynamic=False)
    assert count_flops(several, batch=4) == torch_flops(network)


def test_a_product_whose_shape_nothing_tells_is_not_guessed() -> None:
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    unknown = helper.make_graph(
        [helper.make_node("MatMul", ["images", "weight"], ["logits"])],
        "unknown",
        [
            helper.make_tensor_value_info("images", kind, ["n", "m"]),
            helper.make_tensor_value_info("weight", kind, None),
        ],
        [helper.make_tensor_value_info("logits", kind, None)],
    )
    assert count_flops(helper.make_model(unknown), batch=None) is None


BEFORE = InferenceCost(
    milliseconds_before=1.0,
    milliseconds_after=3.0,
    ratio=3.0,
    passes=2.0,
    parameters_before=None,
    parameters_added=7,
    flops_before=None,
    flops_added=9,
)


def test_the_cost_of_a_file_takes_the_place_of_that_of_the_process() -> None:
    made = cost_of_file(BEFORE, Cost(100, 1000, 0.5), Cost(130, 2500, 1.5), ratio=2.9)
    assert (made.parameters_before, made.parameters_added) == (100, 30)
    assert (made.flops_before, made.flops_added) == (1000, 1500)
    assert (made.milliseconds_before, made.milliseconds_after, made.ratio) == (0.5, 1.5, 2.9)
    assert made.passes == 2.0


@pytest.mark.parametrize("missing", [(None, 5), (5, None)])
def test_a_file_whose_operations_or_weights_cannot_be_counted_changes_nothing(
    missing: tuple[int | None, int | None],
) -> None:
    known = Cost(1, 2, 3.0)
    assert cost_of_file(BEFORE, Cost(*missing, 1.0), known, ratio=1.0) is BEFORE
    assert cost_of_file(BEFORE, known, Cost(*missing, 1.0), ratio=1.0) is BEFORE


class Clock:
    """A clock that goes on only as something runs."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(cost, "time", clock)
    return clock


def test_two_that_take_turns_are_compared_pair_by_pair(clock: Clock) -> None:
    slower: Iterator[float] = itertools.cycle([1.0, 1.0, 10.0])  # a third of all pairs is disturbed, both of the pair
    factor = 1.0

    def before() -> None:
        nonlocal factor
        factor = next(slower)
        clock.now += 0.010 * factor

    def after() -> None:
        clock.now += 0.025 * factor

    first, second, ratio = paired_milliseconds(before, after, images=5)
    assert (first, second, ratio) == pytest.approx((2.0, 5.0, 2.5))


def test_what_is_slow_is_measured_three_times_and_what_is_quick_no_more_than_31_times(clock: Clock) -> None:
    for seconds, rounds in ((100.0, 3), (0.001, 31)):
        calls = 0

        def call(seconds: float = seconds) -> None:
            nonlocal calls
            calls += 1
            clock.now += seconds

        paired_milliseconds(call, call, images=1)
        assert calls == 2 + 2 * rounds  # a first pair warms up
