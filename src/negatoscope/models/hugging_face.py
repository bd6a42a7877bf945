"""Hugging Face image classifiers: a folder with config.json, read offline; code that lies in it is never run."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch

from negatoscope.errors import DataError, InputError, expect, needed, reason
from negatoscope.files import sha256_of
from negatoscope.models import LoadedModel, register_model
from negatoscope.models.adapter import preprocess
from negatoscope.models.input_spec import InputSpec
from negatoscope.models.options import ModelOptions
from negatoscope.models.predict import to_images
from negatoscope.models.preprocessor import read_preprocessor
from negatoscope.models.torch_module import digest_of
from negatoscope.pixels import resize_image
from negatoscope.stores import expand_home

_TOLERANCE = 0.01  # of the range of pixels, on average; libraries round and resample a little differently


@register_model("hugging_face", form="a Hugging Face folder")
def hugging_face(text: str, options: ModelOptions, device: torch.device) -> LoadedModel | None:
    """A folder of `save_pretrained`: weights as safetensors, and the preprocessor's configuration, which is followed.

    Raises:
        DataError: It holds no image classifier, or only some of its weights, or none as safetensors.
        InputError: Its preprocessor does something that is not done here.
        MissingExtraError: transformers is not installed.
    """
    folder = expand_home(text)
    if not folder.is_dir():
        return None
    if not (folder / "config.json").is_file():
        raise DataError(f"expected a folder with config.json, as save_pretrained makes it, but {folder} has none")
    transformers = needed("transformers", extra="hf", why="a Hugging Face folder", names=["AutoImageProcessor"])
    with _quiet(transformers):
        load = transformers.AutoModelForImageClassification.from_pretrained
        model, lacking = _opened(load, folder, use_safetensors=True, output_loading_info=True)
        if missing := sorted(lacking["missing_keys"]) + sorted(map(str, lacking["mismatched_keys"])):
            raise DataError(f"expected all weights of an image classifier in {folder.name}, it lacks {missing[0]}")
        processor = None
        if (folder / "preprocessor_config.json").is_file():
            processor = _opened(transformers.AutoImageProcessor.from_pretrained, folder)
        loaded = _loaded(model.eval().requires_grad_(False), processor, name=folder.name, device=device)
    files = sorted(path for path in folder.iterdir() if path.suffix in (".json", ".safetensors"))
    digest = sha256(repr([(path.name, sha256_of(path)) for path in files]).encode()).hexdigest()
    return replace(loaded, sha256=digest, runs_code=False)


def is_pipeline(model: object) -> bool:
    """Whether it is a pipeline of transformers: it has a task, a model and what prepares images for it."""
    return all(hasattr(model, name) for name in ("task", "model", "image_processor"))


def load_pipeline(pipeline: Any, *, name: str, device: torch.device) -> LoadedModel:
    """A pipeline for image classification: its model, and its image processor, which is followed.

    Raises:
        InputError: It is for another task, or its image processor does something that is not done here.
    """
    task = pipeline.task
    expect(task == "image-classification", "a pipeline for image-classification", f"one for {task}; give another")
    expect(not pipeline.model.training, f"the model of {name} in evaluation mode", "training mode; call .eval() first")
    return _loaded(pipeline.model, pipeline.image_processor, name=name, device=device)


def _loaded(model: Any, processor: Any, *, name: str, device: torch.device) -> LoadedModel:
    declared = ModelOptions(channels="gray" if getattr(model.config, "num_channels", 3) == 1 else "rgb")
    if processor is not None:
        declared = declared.over(read_preprocessor(processor, name=name))
        _expect_same(processor, replace(declared, classes=2), name)
    model.to(device)
    return LoadedModel(
        name=name,
        kind="hugging_face",
        run=lambda images: model(pixel_values=images.to(model.dtype)).logits,
        sha256=digest_of(model),
        runs_code=True,
        module=model,
        declared=declared,
        labels=tuple(name for _, name in sorted(getattr(model.config, "id2label", {}).items())),
        packages=("transformers",),
    )


def _opened(load: Callable[..., Any], folder: Path, **settings: object) -> Any:
    try:
        return load(str(folder), local_files_only=True, trust_remote_code=False, **settings)
    except Exception as error:  # damaged or unsupported in any way
        text = f"expected a classifier that transformers can open in {folder.name}: {reason(error)}"
        raise DataError(text) from error


def _expect_same(processor: Any, declared: ModelOptions, name: str) -> None:
    """Hold our preprocessing against its own, on a picture of smooth colors."""
    input_spec = InputSpec.from_options(declared, name=name)
    down, across = np.mgrid[0:300, 0:380] / 379
    planes = [255 * down, 255 * across, 255 * (1 - across)][: input_spec.planes]
    pixels = np.stack(planes).astype(np.uint8)
    given = pixels.transpose(1, 2, 0) if input_spec.planes == 3 else pixels[0]
    try:
        theirs = torch.as_tensor(processor(images=given, return_tensors="pt")["pixel_values"][0])
    except Exception as error:  # a setting can make it fail in any way
        text = f"expected the image processor of {name} to take a picture, but {reason(error)}; correct its settings"
        raise InputError(text) from error
    resized = to_images(torch.from_numpy(resize_image(pixels, input_spec.resize)[None]))
    ours = preprocess(resized, input_spec=input_spec)[0]
    black, white = (preprocess(torch.full((1, *ours.shape), value), input_spec=input_spec)[0] for value in (0.0, 1.0))
    same = theirs.shape == ours.shape and float(((ours - theirs) / (white - black)).abs().mean()) < _TOLERANCE
    if not same:
        raise InputError(
            f"expected {name} to resize, crop, rescale and normalize as its configuration says, but its "
            f"{type(processor).__name__} does more; wrap it in Python"
        )


@contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """Without progress bars and advice; what matters comes as an exception."""
    logging = transformers.utils.logging
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
