"""Which device trains, and in which precision: picked by what is there, never by the user's globals."""

import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from negatoscope.errors import InputError

Precision = Literal["bf16", "float32"]


@dataclass(frozen=True)
class Hardware:
    """Where a network is trained and in which precision its large products run; weights are float32 always."""

    device: torch.device
    precision: Precision

    @property
    def description(self) -> str:
        """The processor's model, its share that is used, and the precision: for provenance."""
        if self.device.type == "cuda":
            return f"{torch.cuda.get_device_name(self.device)}, {self.precision}"
        threads = torch.get_num_threads()
        return f"{processor_name()}, {threads} thread{'s' if threads > 1 else ''}, {self.precision}"

    def autocast(self) -> torch.autocast:
        """The context in which large products run in this precision."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16")


def pick_hardware(device: str = "auto", precision: str = "auto", *, exact: bool = False) -> Hardware:
    """The fastest device at hand, or the one asked for, with bf16 where its instructions are there.

    Args:
        device: "auto", or a torch device such as "cpu", "cuda", "cuda:1", "mps".
        precision: "auto", "bf16" or "float32".
        exact: Whether numbers of 64 bits are computed with: "auto" is then never "mps", which has none.

    Raises:
        InputError: The device is unknown or not on this machine, or the precision is unknown.
    """
    if device == "auto":
        mps = torch.backends.mps.is_available() and not exact
        device = "cuda" if torch.cuda.is_available() else "mps" if mps else "cpu"
    try:
        chosen = torch.device(device)
        torch.empty(1, device=chosen).item()  # the device "meta" can hold tensors but no values
    except (RuntimeError, AssertionError, ImportError) as error:
        raise InputError(f"expected --device to be one of {_devices()}, got {device!r}{_lacking(device)}") from error
    if precision not in ("auto", "bf16", "float32"):
        raise InputError(f"expected precision auto, bf16 or float32, got {precision!r}")
    return Hardware(chosen, "bf16" if precision == "bf16" or (precision == "auto" and _has_bf16(chosen)) else "float32")


def _devices() -> str:
    """What torch can use on this machine, as one names it."""
    backends = {"cuda": torch.cuda, "mps": torch.backends.mps}
    return ", ".join(["cpu", *(name for name, backend in backends.items() if backend.is_available())])


def _lacking(device: str) -> str:
    if not device.startswith("cuda") or torch.cuda.is_available():
        return ""
    if torch.version.cuda is None:
        return f": torch {torch.__version__} is built without CUDA; install one that is built with it"
    return f": torch {torch.__version__} finds no GPU or no driver; see nvidia-smi"


def _has_bf16(device: torch.device) -> bool:
    """Whether it has instructions for it: on x86 Linux lists avx512_bf16 and amx_bf16, on Arm bf16."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and "bf16" in _processor_line("flags", "Features")


def processor_name() -> str:
    """The processor as it names itself."""
    return _processor_line("model name") or platform.processor() or platform.machine()


def _processor_line(*names: str) -> str:
    """What Linux says of the first processor under one of these names, "" where it says nothing."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(errors="replace").splitlines() if path.is_file() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(names)), "")
