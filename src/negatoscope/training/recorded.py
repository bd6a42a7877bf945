"""A step of training on a GPU, recorded once as a CUDA graph and replayed.

For a network as small as the paper's, launching the hundred kernels of a step one by one takes several times as long as
they run.
"""

import warnings
from collections.abc import Callable

import torch
from torch import Tensor

_EAGER = 3  # steps before one is recorded: in the first, optimizers make their state and libraries their workspace


class RecordedStep:
    """A function on the GPU that is recorded after a few calls and replayed from then on.

    Args:
        step: From tensors to a tensor, all on the GPU. It launches the same kernels for inputs of the same shapes and
            never waits for the GPU. What it returns is overwritten by the next call.

    Source: https://docs.pytorch.org/docs/stable/notes/cuda.html, section on CUDA graphs.
    """

    def __init__(self, step: Callable[..., Tensor]) -> None:
        self.step = step
        self.graph: torch.cuda.CUDAGraph | None = None
        self.shapes: list[torch.Size] = []
        self.eager = 0

    def __call__(self, *inputs: Tensor) -> Tensor:
        """As `step`; inputs of other shapes than those recorded, such as a last small batch, are not replayed."""
        shapes = [given.shape for given in inputs]
        if self.graph is None and shapes != self.shapes:
            self.shapes, self.eager = shapes, 0
        if shapes != self.shapes or self.eager < _EAGER:
            self.eager += self.graph is None
            return self._run(inputs)
        if self.graph is None:
            self._record(inputs)
        assert self.graph is not None, "just recorded"
        for own, given in zip(self.inputs, inputs, strict=True):
            own.copy_(given)
        self.graph.replay()
        return self.result

    def _run(self, inputs: tuple[Tensor, ...]) -> Tensor:
        """Kernel by kernel, on a stream of its own, as recording needs it of the calls before."""
        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "This instance was constructed with capturable=True")  # what it is for
            result = self.step(*inputs)
        torch.cuda.current_stream().wait_stream(side)
        return result

    def _record(self, inputs: tuple[Tensor, ...]) -> None:
        self.inputs = [given.clone() for given in inputs]
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.result = self.step(*self.inputs)
        self.graph = graph
