"""The device and the precision are those asked for, or the fastest at hand."""

import re
from pathlib import Path

import pytest
import torch

from negatoscope.errors import InputError
from negatoscope.hardware import Hardware, pick_hardware, processor_name


@pytest.mark.parametrize("precision", ["bf16", "float32"])
def test_what_is_asked_for_is_picked(precision: str) -> None:
    picked = pick_hardware("cpu", precision)
    assert (picked.device, picked.precision) == (torch.device("cpu"), precision)


def test_the_processor_trains_where_nothing_else_is() -> None:
    if torch.cuda.is_available() or torch.backends.mps.is_available():
        pytest.skip("this machine has an accelerator")
    assert pick_hardware().device == torch.device("cpu")


@pytest.mark.gpu
def test_an_accelerator_trains_where_there_is_one() -> None:
    assert pick_hardware().device.type in ("cuda", "mps")
    assert pick_hardware("cpu").device.type == "cpu"


def test_bf16_is_picked_where_the_processor_lists_it() -> None:
    if not Path("/proc/cpuinfo").is_file():
        pytest.skip("this system lists no instruction sets")
    # PyTorch asks the processor itself.
    capable = any(has for name, has in torch.cpu.get_capabilities().items() if name.endswith("bf16"))
    assert pick_hardware("cpu").precision == ("bf16" if capable else "float32")


@pytest.mark.parametrize(
    "device", ["", "gpu", "cuda:999", "CPU", "cpu:-1", "meta", "hpu", "privateuseone", "xla", "lazy"]
)
def test_a_device_that_is_not_here_is_one_sentence(device: str) -> None:
    with pytest.raises(InputError, match=rf"^expected --device to be one of cpu.*, got '{device}'(: torch .*)?$"):
        pick_hardware(device)


def test_cuda_without_cuda_says_what_is_lacking(monkeypatch: pytest.MonkeyPatch) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    for version, sentence in (
        (None, "is built without CUDA; install one that"),
        ("13.0", "finds no GPU or no driver;"),
    ):
        monkeypatch.setattr(torch.version, "cuda", version)
        with pytest.raises(
            InputError, match=rf"^expected --device to be one of cpu.*, got 'cuda': torch \S+ {sentence}"
        ):
            pick_hardware("cuda")


@pytest.mark.parametrize("precision", ["", "float16", "BF16", "fp32"])
def test_an_unknown_precision_is_one_sentence(precision: str) -> None:
    with pytest.raises(InputError, match=rf"^expected precision auto, bf16 or float32, got '{precision}'$"):
        pick_hardware("cpu", precision)


def test_the_description_names_processor_threads_and_precision() -> None:
    described = Hardware(torch.device("cpu"), "float32").description
    assert re.fullmatch(rf"{re.escape(processor_name())}, {torch.get_num_threads()} threads?, float32", described)
    assert processor_name()


def test_what_needs_numbers_of_64_bits_is_not_put_on_a_device_without_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert pick_hardware(exact=True).device == torch.device("cpu")
