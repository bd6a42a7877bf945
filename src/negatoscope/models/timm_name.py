"""Models of timm, by name."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from negatoscope.errors import InputError, expect, needed, reason, suggest
from negatoscope.models import LoadedModel, register_model
from negatoscope.models.options import ModelOptions
from negatoscope.models.torch_module import load_callable
from negatoscope.models.weights import put_weights, read_weights

_RESIZES = ("bilinear", "bicubic", "nearest")


@register_model("timm", form="timm:NAME")
def timm_name(text: str, options: ModelOptions, device: torch.device) -> LoadedModel | None:
    """A name after "timm:"; its weights come from `weights`, which say how many classes it has, else timm fetches them.

    Raises:
        InputError: timm has no such model, or its configuration asks for something that there is not here.
        DataError: The weights are missing or damaged, or belong to another model.
        MissingExtraError: timm is not installed.
    """
    if not text.startswith("timm:"):
        return None
    name = text.removeprefix("timm:")
    timm = needed("timm", extra="timm", why=text)
    model = _made(timm, name, options)
    if options.weights:
        weights = read_weights(options.weights, key=options.weights_key)
        heads = model.pretrained_cfg.get("classifier")  # of a model with two of them a tuple
        last = weights.get(f"{heads if isinstance(heads, str) else (heads or ('',))[0]}.weight")
        if last is not None and len(last) != model.num_classes:
            model.reset_classifier(len(last))
        put_weights(model, weights, source=options.weights)
    declared = read_config(timm.data.resolve_model_data_config(model), name=name)
    loaded = load_callable(model.eval(), name=name, device=device)
    return replace(loaded, kind="timm", runs_code=False, declared=declared, packages=("timm", "torchvision"))


def _made(timm: Any, name: str, options: ModelOptions) -> Any:
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)  # of each try to fetch weights; one sentence is enough
    try:
        model = timm.create_model(name, pretrained=options.weights is None)
    except Exception as error:  # an unknown name, weights that cannot be fetched
        known = timm.is_model(name) or ":" in name
        hint = f"give a file with --weights ({reason(error)})" if known else suggest(name, timm.list_models())
        what = "weights that timm can fetch" if known else "the name of a model that timm can make"
        raise InputError(f"expected {what}, got {name!r}; {hint}") from error
    finally:
        logging.disable(before)
    return model


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
