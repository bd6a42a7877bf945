"""How near training comes to what the machine can do at all, and where the rest goes.

Floating-point operations of convolutions and fully connected layers are counted by hand, layer by layer, and held
against `torch.utils.flop_counter` by a test. The rest (pooling, dropout, activations, the optimizer) counts as nothing
done. The limit is the quickest product of two square matrices, over several sizes, that PyTorch reached on the same
processors in the same run, in the same precision; products and training steps are taken in turn.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import harness
from benchmarks.harness import Findings, Measure
from benchmarks.peers.contestants import make
from benchmarks.peers.task import DEVICE, Task, in_pytorch_layers, paper_network
from benchmarks.train import STEPS, start, task_of

SIZES = {"cpu": (512, 1024, 2048, 3072, 4096), "cuda": (4096, 8192, 16384)}
DTYPES = {"bf16": torch.bfloat16, "float32": torch.float32}
RUNS = (
    ("mnist", 0.0, "bf16"),
    ("mnist", 0.1, "bf16"),
    ("gtsrb", 0.0, "bf16"),
    ("gtsrb", 0.1, "bf16"),
    ("mnist", 0.0, "float32"),
    ("mnist", 0.1, "float32"),
)
"""What is trained: the dataset, epsilon, the precision."""

GROUPS = {
    "convolution, forward": ("aten::mkldnn_convolution", "aten::cudnn_convolution", "aten::_slow_conv2d_forward"),
    "convolution, backward": ("aten::convolution_backward",),
    "fully connected": ("aten::mm", "aten::addmm"),
    "pooling, dropout and activations": (
        *("_PoolRelu", "_Relu", "aten::maximum", "aten::gt", "aten::sub", "aten::mul", "aten::clamp"),
        *("aten::max_pool2d", "aten::native_dropout", "aten::bernoulli_", "aten::random_", "aten::masked"),
        *("aten::relu", "aten::threshold_backward", "aten::sign", "aten::tanh"),
    ),
    "casts and copies": ("aten::copy_", "aten::_to_copy", "aten::contiguous", "aten::clone"),
    "optimizer": ("aten::_fused_adamw_", "Optimizer.", "aten::_foreach"),
}
"""Groups of operators, by how their names begin; the first that fits counts."""


def run(quick: bool) -> Findings:
    rounds = 1 if quick else 10
    runs = RUNS[:2] if quick else RUNS
    steps = 2 if quick else STEPS
    tasks = {which: _task(which, steps * (rounds + 1)) for which in {each[:2] for each in runs}}
    products = _products((256,) if quick else SIZES[DEVICE.type])
    with TemporaryDirectory() as folder, ExitStack() as stack:
        contestants: dict[str, Callable[[], object]] = {name: product for name, (_, product) in products.items()}
        files = {which: Path(folder) / f"{which[0]}-{which[1]}.npz" for which in tasks}
        for which, file in files.items():
            tasks[which].save(file)
        workers = {each: stack.enter_context(start(f"negatoscope {each[2]}", files[each[:2]])) for each in runs}
        for each, worker in workers.items():
            worker.wait()
            contestants[_title(each)] = lambda worker=worker: worker.advance(steps)  # type: ignore[misc]
        times = harness.take_turns(contestants, rounds=rounds)
    best = {
        dtype: max((flops / median(times[name]), name) for name, (flops, _) in products.items() if dtype in name)
        for dtype in DTYPES
    }
    measures = [
        harness.value(f"best matrix product, {dtype}", "GFLOP/s", flops / 1e9, higher_is_better=True, note=name)
        for dtype, (flops, name) in best.items()
    ]
    images = steps * tasks[runs[0][:2]].recipe.batch_size
    for each in runs:
        flops, seconds = flops_of(tasks[each[:2]]), times[_title(each)]
        measures.append(_share(each, seconds, flops=flops, images=images, best=best[each[2]][0]))
    if DEVICE.type != "cpu":  # of kernels on a GPU the seconds of operators on the processor say nothing
        return Findings(measures)
    profiles = {_title(each): profiled(tasks[each[:2]], steps=steps) for each in runs if each[2] == "bf16"}
    return Findings(measures, {"profile": profiles})


def flops_of(task: Task) -> float:
    """Floating-point operations of a training step for one image, a multiplication and an addition as two.

    A layer's backward pass costs its forward pass twice: once for its weights, once for its input. The images need a
    gradient only where FGSM follows it.
    """
    network = paper_network(task)
    inner = network.size - 2
    convolutions = [2 * inner**2 * 32 * 9 * network.channels, 2 * (inner - 2) ** 2 * 64 * 9 * 32]
    dense = [2 * layer.weight.numel() for layer in (network.dense1, network.dense2, network.output)]
    plain = 3.0 * sum(convolutions + dense) - convolutions[0]
    return plain if task.epsilon == 0 else 2 * plain + convolutions[0]


def counted_flops(task: Task) -> float:
    """The same, as PyTorch counts it while a few images are trained on."""
    network = in_pytorch_layers(paper_network(task))
    images = torch.rand(4, *np.shape(task.training.images)[1:])
    with FlopCounterMode(display=False) as counter:
        if task.epsilon:
            network(images.requires_grad_()).sum().backward()
        network(images.detach()).sum().backward()
    return float(counter.get_total_flops()) / len(images)


def profiled(task: Task, *, steps: int) -> dict[str, float]:
    """Percent of the wall time of some steps of our engine by group of operators, after as many to warm up."""
    plan: Iterator[int] = iter([steps, steps, 0])
    profiler = profile(activities=[ProfilerActivity.CPU])
    began = ended = 0.0

    def next_steps() -> int:
        nonlocal began, ended
        count, now = next(plan), time.perf_counter()
        if count == 0:
            ended = now
            profiler.stop()
        elif began:
            profiler.start()
        began = time.perf_counter() if count else began
        return count

    make("negatoscope", task).run(next_steps)
    operators = {event.key: event.self_cpu_time_total / 1e6 for event in profiler.key_averages()}
    return grouped(operators, ended - began)


def grouped(operators: Mapping[str, float], wall: float) -> dict[str, float]:
    """Percent of some wall seconds by group, from the seconds of operators by their names."""
    groups = dict.fromkeys([*GROUPS, "other operators"], 0.0)
    for name, seconds in operators.items():
        group = next((group for group, starts in GROUPS.items() if name.startswith(starts)), "other operators")
        groups[group] += 100 * seconds / wall
    return groups | {"Python between operators": max(0.0, 100 - sum(groups.values()))}


def _products(sizes: tuple[int, ...]) -> dict[str, tuple[float, Callable[[], object]]]:
    """Products of square matrices by name: floating-point operations of a call, and the call."""
    products: dict[str, tuple[float, Callable[[], object]]] = {}
    for dtype, kind in DTYPES.items():
        for size in sizes:
            left, right = (torch.randn(size, size, device=DEVICE).to(kind) for _ in range(2))
            times = max(1, (1024 // size) ** 3)
            for layout, other in (("", right), (", transposed", right.t())):
                call = _Product(left, other, torch.empty_like(left), times)
                products[f"{dtype} {size}x{size}{layout}"] = (2.0 * size**3 * times, call)
    return products


class _Product:
    """Some products into memory that is there already; small ones often enough to take a millisecond or more."""

    def __init__(self, left: torch.Tensor, right: torch.Tensor, out: torch.Tensor, times: int) -> None:
        self.left, self.right, self.out, self.times = left, right, out, times

    def __call__(self) -> None:
        for _ in range(self.times):
            torch.mm(self.left, self.right, out=self.out)
        if DEVICE.type == "cuda":
            torch.cuda.synchronize()


def _task(which: tuple[str, float], steps: int) -> Task:
    dataset, epsilon = which
    return task_of(dataset, epsilon=epsilon, images=128 * max(steps, 2 * STEPS + 1), validation=200)


def _title(each: tuple[str, float, str]) -> str:
    dataset, epsilon, precision = each
    return f"{'FGSM adversarial' if epsilon else 'plain'} training, {dataset}, {precision}"


def _share(
    each: tuple[str, float, str], seconds: Sequence[float], *, flops: float, images: int, best: float
) -> Measure:
    """Training's floating-point operations a second in percent of the best product's."""
    name, rate = f"share of the best matrix product: {_title(each)}", images / median(seconds)
    note = f"{rate:,.0f} images/s of {flops / 1e6:.1f} MFLOP each: {flops * rate / 1e9:.0f} GFLOP/s"
    return harness.measure(name, "%", {"negatoscope": seconds}, amount=100 * flops * images / best, note=note)
