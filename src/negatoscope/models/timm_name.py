"""Models of timm, by name."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from negatoscope.errors import InputError, expect, needed, reason
from negatoscope.models import LoadedModel, register_model
from negatoscope.models.options import ModelOptions
from negatoscope.models.torch_module import load_callable, load_weights

_RESIZES = ("bilinear", "bicubic", "nearest")


@register_model("timm", form="timm:NAME")
def timm_name(text: str, options: ModelOptions, device: torch.device) -> LoadedModel | None:
    """A name after "timm:"; its weights come from `weights`, else timm fetches the ones of that name.

    Raises:
        InputError: timm has no such model, or its configuration asks for something that there is not here.
        DataError: The weights are missing or damaged, or belong to another model.
        MissingExtraError: timm is not installed.
    """
    if not text.startswith("timm:"):
        return None
    name = text.removeprefix("timm:")
    timm = needed("timm", extra="timm", why=text)
    own = {"num_classes": options.classes} if options.weights and options.classes else {}
    try:
        model: nn.Module = timm.create_model(name, pretrained=options.weights is None, **own)
    except Exception as error:  # an unknown name, weights that cannot be fetched
        raise InputError(f"expected the name of a model that timm can make, got {name!r}: {reason(error)}") from error
    if options.weights:
        load_weights(model, options.weights, key=options.weights_key)
    declared = read_config(timm.data.resolve_model_data_config(model), name=name)
    loaded = load_callable(model.eval(), name=name, device=device)
    return replace(loaded, kind="timm", runs_code=False, declared=declared, packages=("timm", "torchvision"))


def read_config(config: Mapping[str, Any], *, name: str) -> ModelOptions:
    """What timm's data configuration says, as options.

    Raises:
        InputError: It asks for another resampling or another crop than there is here.
    """
    channels, height, width = config["input_size"]
    interpolation, mode = config["interpolation"], config.get("crop_mode") or "center"
    possible = interpolation in _RESIZES and mode in ("center", "squash")
    expect(possible, f"{name} to be resized by one of {', '.join(_RESIZES)}", f"{interpolation} and {mode}")
    return ModelOptions(
        size=(height, width),
        channels="gray" if channels == 1 else "rgb",
        interpolation=interpolation,
        resize_mode="crop" if mode == "center" else "stretch",
        crop_pct=float(config["crop_pct"]),
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
        range="0..1",
        output="logits",
    )
