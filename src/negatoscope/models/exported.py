"""torch.export files. torch's loader says of itself that it is for files one trusts; what is a pickle is refused."""

import io
import json
import logging
import zipfile
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import torch
from torch import Tensor
from torch.export.passes import move_to_device_pass

from negatoscope.errors import DataError, InputError
from negatoscope.files import sha256_of
from negatoscope.models import LoadedModel, register_model
from negatoscope.models.layouts import FLAT, Dims, in_shape
from negatoscope.models.options import ModelOptions
from negatoscope.models.shapes import read_shape
from negatoscope.stores import expand_home

_CODE = ("aotinductor", "custom_obj", "opaque_obj")
"""Parts of an archive that hold machine code or pickled objects."""


@register_model("export", form="model.pt2")
def exported_program(text: str, options: ModelOptions, device: torch.device) -> LoadedModel | None:
    """A file of `torch.export.save`, ending in ".pt2"; layout, size, channels, batch and type are read from it.

    Raises:
        DataError: The file is missing, no exported program, or holds objects or machine code.
        InputError: It is no classifier of images, or its shape leaves something open.
    """
    path = expand_home(text)
    if path.suffix != ".pt2":
        return None
    _expect_tensors_only(path)
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)  # torch writes tracebacks of files that it cannot read; one sentence is enough
    try:
        program = torch.export.load(path)
        program = move_to_device_pass(program, device) if device.type != "cpu" else program
    except Exception as error:  # damaged in any way
        raise DataError(f"expected an exported program in {path.name}, got one that this torch cannot read") from error
    finally:
        logging.disable(before)
    dims, dtype = _input(program, path.name)
    declared = replace(read_shape(dims, options=options, name=path.name), dtype=dtype)
    module, shape = program.module(), dims if declared.layout in FLAT else ()
    return LoadedModel(
        name=path.name,
        kind="export",
        run=lambda images: module(in_shape(images, shape)),
        sha256=sha256_of(path),
        runs_code=True,
        module=module,
        declared=declared,
    )


def _expect_tensors_only(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            bad = [PurePosixPath(member).name for member in archive.namelist() if not _harmless(archive, member)]
    except FileNotFoundError as error:
        raise DataError(f"expected an exported program in {path}, but there is no such file") from error
    except (OSError, zipfile.BadZipFile, RuntimeError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise DataError(f"expected an exported program in {path.name}, got another file; save it again") from error
    if bad:
        raise DataError(
            f"expected tensors alone in {path.name}, got {bad[0]}, which may run code; save it with torch.export.save"
        )


def _harmless(archive: zipfile.ZipFile, member: str) -> bool:
    """Whether the loader, which opens pickles and machine code, finds neither here, but tensors."""
    name = PurePosixPath(member)
    if name.name.startswith(_CODE) or "aotinductor" in name.parts:
        return False
    if member.endswith("_config.json"):
        config = json.loads(archive.read(member)).get("config", {})
        pickled = [entry["path_name"] for entry in config.values() if entry.get("use_pickle")]
        return all(_loads_as_tensors(archive.read(str(PurePosixPath(member).with_name(name)))) for name in pickled)
    return not member.endswith(".pt") or _loads_as_tensors(archive.read(member))


def _loads_as_tensors(content: bytes) -> bool:
    try:
        torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception:  # torch raises many kinds; whatever it does not read is not opened
        return not content
    return True


def _input(program: Any, name: str) -> tuple[Dims, Any]:
    names = program.graph_signature.user_inputs
    values = [node.meta["val"] for node in program.graph.nodes if node.op == "placeholder" and node.name in names]
    if len(values) != 1 or not isinstance(values[0], Tensor):
        raise InputError(f"expected one tensor as the input of {name}, got {len(values)} inputs; wrap it in Python")
    dims = [length if type(length) is int else None for length in values[0].shape]
    return dims, str(values[0].dtype).removeprefix("torch.")
