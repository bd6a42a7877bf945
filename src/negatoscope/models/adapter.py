"""A user's classifier as the audit sees it: images in [0, 1] in, logits out, and its own normalization between."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Num, Shaped
from torch import Tensor, nn

from negatoscope.errors import InputError, expect, shown
from negatoscope.levels import on_levels
from negatoscope.models import ModelKind, Run
from negatoscope.models.input_spec import WHOLE, InputSpec
from negatoscope.models.layouts import LAYOUTS
from negatoscope.types import Images, Logits

FIXED_BATCH = "if it takes a fixed number at once, give it with --batch"
_ROUNDING = 1e-3  # of the logarithm of a probability of 1, with few bits
RANGES = {"0..1": (1.0, 0.0), "0..255": (255.0, 0.0), "-1..1": (2.0, -1.0)}


@dataclass(frozen=True)
class ClassifierAdapter:
    """Any classifier, called like all others: images in [0, 1] to logits, one column for each class of the data.

    Args:
        name: How reports call it.
        kind: What it came as.
        input_spec: What it expects, and how its outputs are read.
        run: The classifier as it came.
        device: Where images are sent and outputs arrive.
        sha256: Of its files or weights, or else of its outputs for fixed images: it differs where the classifier does.
        runs_code: Whether opening it ran code that its author or the user wrote.
        packages: What runs it beside torch, by the names that are imported.
        output_assumed: Whether its outputs count as logits only because nobody says what they are.
        labels: What it calls the classes that it chooses from, where that is known.
        module: The torch module that it is, where it is one.
    """

    name: str
    kind: ModelKind
    input_spec: InputSpec
    run: Run
    device: torch.device
    sha256: str
    runs_code: bool
    packages: tuple[str, ...] = ()
    output_assumed: bool = False
    labels: tuple[str, ...] = ()
    module: nn.Module | None = field(default=None, compare=False)

    @property
    def stateless(self) -> bool:
        """Whether it is known to keep nothing between calls, so that several threads may call it at once.

        So are files of ONNX, and modules that are made of PyTorch's layers and ours alone; whoever writes a layer may
        keep in it what its next call reads.
        """
        if self.module is None:
            return self.kind == "onnx"
        return all(map(_is_known, self.module.modules()))

    def __call__(self, images: Images) -> Logits:
        """Logits for images that have the size and channels of `input_spec.resize`.

        Raises:
            InputError: The images have another shape, or the outputs are not finite or not what `input_spec` says.
        """
        if len(images) == 0:
            return images.new_zeros(0, self.input_spec.data_classes)
        outputs = forward(self.run, images, input_spec=self.input_spec, name=self.name)
        return to_logits(outputs, input_spec=self.input_spec, name=self.name)


def forward(run: Run, images: Images, *, input_spec: InputSpec, name: str) -> Num[Tensor, "batch columns"]:
    """A classifier's own outputs, a row for each image, however many it takes at once.

    Raises:
        InputError: The images have another shape than it expects, or it gives another number of outputs.
    """
    native = preprocess(images, input_spec=input_spec)
    if input_spec.batch is None:
        return _rows(run(native), n=len(native), name=name)
    if lacking := -len(native) % input_spec.batch:  # the last image again, as often as it takes
        native = torch.cat([native, native[-1:].expand(lacking, *native.shape[1:])])
    parts = torch.split(native, input_spec.batch)
    return torch.cat([_rows(run(part), n=input_spec.batch, name=name) for part in parts])[: len(images)]


def preprocess(images: Images, *, input_spec: InputSpec) -> Shaped[Tensor, "batch ..."]:
    """Images in [0, 1] as the classifier expects them: range, order of channels, normalization, type, layout.

    Images that are those of 8-bit pixels but for rounding arrive as these pixels do.

    Raises:
        InputError: Their size or channels are not those of `input_spec.resize`.
    """
    expected, given = input_spec.resize.shape, tuple(images.shape[1:])
    expect(given == expected, f"images of channels, height and width {expected}", given)
    scale, shift = RANGES[input_spec.range]
    images = on_levels(images)
    values = images if (scale, shift) == (1.0, 0.0) else images * scale + shift
    values = values.flip(1) if input_spec.channel_order == "BGR" else values
    values = values - _of_channels(input_spec.mean, images) if input_spec.mean else values
    values = values / _of_channels(input_spec.std, images) if input_spec.std else values
    values = values.round().clamp(0, 255) if input_spec.dtype in WHOLE else values
    return LAYOUTS[input_spec.layout].arrange(values.to(getattr(torch, input_spec.dtype)))


def to_logits(outputs: Num[Tensor, "batch columns"], *, input_spec: InputSpec, name: str) -> Logits:
    """Outputs as logits of the data's classes.

    Probabilities are divided by their sum, so whole numbers may stand for them, and those below the smallest float32
    count as that. A uint8 sigmoid is divided by 255.

    Raises:
        InputError: There are not as many columns as classes, or a row is not finite, negative or empty.
    """
    n, columns = outputs.shape
    fits = columns == input_spec.classes or (columns, input_spec.classes) == (1, 2)
    expect(fits, f"{input_spec.classes} outputs of {name}", f"{columns}; give --classes or --output-name")
    values = outputs.float()
    if columns == 1:
        values = _two_classes(values / 255 if outputs.dtype == torch.uint8 else values, input_spec, name)
    values = _log_shares(values, name) if input_spec.output == "probabilities" else values
    if input_spec.output == "log_probabilities" and bool((values > _ROUNDING).any()):
        got = f"{float(values.amax()):.4g}"
        raise InputError(f"expected log-probabilities from {name}, got {got}; say with --output what it gives")
    values = values[:, list(input_spec.class_map)] if input_spec.class_map else values
    highest = values.amax(dim=1)
    broken = int((~highest.isfinite()).sum())  # the highest of a row with NaN is NaN; -inf beside others is no fault
    expect(
        broken == 0,
        f"finite outputs of {name}",
        f"NaN or infinity for {broken} of {n} images; correct it or its options",
    )
    return values


def _two_classes(column: Float[Tensor, "batch 1"], input_spec: InputSpec, name: str) -> Float[Tensor, "batch 2"]:
    if input_spec.output == "logits":
        return torch.cat([torch.zeros_like(column), column], dim=1)
    share = column.exp() if input_spec.output == "log_probabilities" else column
    if bool((share > 1 + 1e-5).any()):
        got = float(share.max())
        raise InputError(f"expected a sigmoid as the one output of {name}, got {got:.4g}; say what it is with --output")
    both = torch.cat([(1 - share).clamp(min=0), share], dim=1)
    return both if input_spec.output == "probabilities" else _log_shares(both, name)


def _log_shares(values: Logits, name: str) -> Logits:
    low, total = values.amin(), values.sum(dim=1, keepdim=True)
    if bool(low < 0) or bool((total == 0).any()):
        got = f"{float(low):.4g}" if bool(low < 0) else "a row of zeros"
        raise InputError(f"expected probabilities from {name}, got {got}; say with --output what it gives")
    return (values / total).clamp(min=torch.finfo(torch.float32).tiny).log()


def _rows(outputs: object, *, n: int, name: str) -> Num[Tensor, "n columns"]:
    if not isinstance(outputs, Tensor) or outputs.ndim == 0 or len(outputs) != n or outputs.numel() == 0:
        got = _listed(outputs)
        raise InputError(f"expected a row of outputs for each of {n} images from {name}, got {got}")
    return outputs.reshape(n, -1)


def _listed(outputs: object) -> str:
    """What came instead of a row for each image; several outputs one after the other, with their shapes."""
    if isinstance(outputs, Tensor):
        return f"a tensor {list(outputs.shape)}; {FIXED_BATCH}"
    parts: Iterable[tuple[object, object]] = ()
    if isinstance(outputs, Mapping | list | tuple):
        parts = outputs.items() if isinstance(outputs, Mapping) else enumerate(outputs)
    shapes = [f"{key}: {list(part.shape) if isinstance(part, Tensor) else shown(part)}" for key, part in parts]
    named = f" of {', '.join(shapes[:8])}" if shapes else ""
    return f"a {type(outputs).__name__}{named}; wrap it in a function that returns one tensor"


def _of_channels(values: tuple[float, ...], images: Images) -> Tensor:
    return images.new_tensor(values).reshape(1, -1, 1, 1)


def _is_known(module: nn.Module) -> bool:
    changed = module._forward_hooks or module._forward_pre_hooks or "forward" in vars(module)
    return type(module).__module__.startswith(("torch.nn.modules.", "negatoscope.models.")) and not changed
