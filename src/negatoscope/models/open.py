"""Open any classifier by one text, and settle its input and outputs before anything is counted."""

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import torch
from torch import Tensor

from negatoscope.errors import InputError, expect, reason
from negatoscope.models import MODELS, LoadedModel, model_forms
from negatoscope.models.adapter import ClassifierAdapter, forward
from negatoscope.models.by_url import on_disk
from negatoscope.models.class_map import read_class_map, read_labels
from negatoscope.models.foreign import expect_openable
from negatoscope.models.input_spec import InputSpec
from negatoscope.models.objects import load_object
from negatoscope.models.options import ModelOptions, read_options
from negatoscope.models.output_kind import expect_logits
from negatoscope.stores import path_of
from negatoscope.types import Images

_OF_SOME_KINDS = {
    "weights": ("torch", "timm"),
    "weights_key": ("torch", "timm"),
    "provider": ("onnx",),
    "output_name": ("onnx",),
}
"""Options that only some kinds of models have a use for."""


def open_classifier(
    model: object,
    *,
    data_classes: int | None = None,
    class_names: Sequence[str] = (),
    device: torch.device | str = "cpu",
    **options: object,
) -> ClassifierAdapter:
    """A classifier of any kind, ready to classify images in [0, 1].

    Two images are sent through it, to see that it runs, how many outputs it has, and that its outputs for an image do
    not depend on the image beside it. Where neither its file nor `output` says what the outputs are, they count as
    logits, unless they look like probabilities.

    Args:
        model: What names it (see `MODELS`), or itself: a torch module, a fitted estimator of scikit-learn, a pipeline
            of transformers, or another callable.
        data_classes: How many classes the data have.
        class_names: What they are called, for a class map by names. Where neither this nor `data_classes` is given, a
            text file as class map names the classifier's classes, a line for each.
        device: Where it lives.
        options: What its file does not say, by the names of `ModelOptions`, as in ``size=28, mean=0.1307``; a TOML file
            with them as `config`.

    Raises:
        DataError: A file is missing, damaged, a pickle, or reads other files than its own.
        InputError: It is of no known kind, something is left open (such as `output`, where outputs look like
            probabilities), or it does not take what the options say.
        MissingExtraError: An optional package is not installed.
    """
    device = torch.device(device)
    given = read_options(options)
    loaded = _load(model, given, device)
    name = given.name or loaded.name
    assumed = given.over(loaded.declared).output is None
    draft = InputSpec.from_options(replace(given.over(loaded.declared), classes=2, class_map=None), name=name)
    outputs = _probe(loaded, draft, device, name)
    if assumed:
        expect_logits(outputs, name=name)
    classes = max(2, outputs.shape[1])
    expect(given.classes in (None, classes), f"{given.classes} outputs of {name}, as --classes says", classes)
    class_map = given.class_map or (loaded.declared.class_map if class_names else None) or ()
    labels = loaded.labels
    if isinstance(class_map, str) and data_classes is None and not class_names and path_of(class_map).is_file():
        labels, class_map = read_labels(class_map, classes=classes), ()
    if isinstance(class_map, str):
        class_map = read_class_map(
            class_map, classes=classes, data_classes=data_classes, class_names=class_names, labels=labels
        )
    input_spec = replace(draft, classes=classes, class_map=class_map)
    mode = input_spec.resize.mode
    expect(mode == "crop" or given.crop_pct in (None, 1.0), "--resize-mode crop beside --crop-pct", mode)
    _expect_classes(input_spec, data_classes, name)
    digest = loaded.sha256 or sha256(outputs.double().numpy().tobytes()).hexdigest()
    classifier = ClassifierAdapter(
        name,
        loaded.kind,
        input_spec,
        loaded.run,
        device,
        digest,
        loaded.runs_code,
        packages=loaded.packages,
        output_assumed=assumed,
        labels=tuple(labels[index] for index in class_map or range(classes)) if len(labels) == classes else (),
        module=loaded.module,
    )
    with torch.no_grad():
        classifier(_patterns(input_spec, device))  # its outputs are what the input spec says, or an error
    return classifier


def _load(model: object, options: ModelOptions, device: torch.device) -> LoadedModel:
    if not isinstance(model, str | Path):
        _expect_used(options, "callable")
        name = getattr(model, "__name__", type(model).__name__)
        return load_object(model, name=name, options=options, device=device)
    place = path_of(model)
    expect_openable(place)
    with on_disk(place) as path:
        text = str(path) if path.exists() else str(model)  # that may be no path at all
        for kind in MODELS.names():
            loaded = MODELS.get(kind)(text, options, device)
            if loaded is not None:
                _expect_used(options, kind)
                return loaded
    got = "none of these" if place.exists() else "no file"
    raise InputError(f"expected {model_forms()}, got {str(model)!r}, which is {got}; correct it")


def _expect_used(options: ModelOptions, kind: str) -> None:
    for name, kinds in _OF_SOME_KINDS.items():
        what = f"--{name.replace('_', '-')} with a model of kind {' or '.join(kinds)}"
        expect(name not in options.given or kind in kinds, what, f"it with one of kind {kind}; leave it out")
    expect(options.weights or not options.weights_key, "--weights beside --weights-key", "none; give the file")


def _probe(loaded: LoadedModel, input_spec: InputSpec, device: torch.device, name: str) -> Tensor:
    """Its outputs for two images, which must be the same for one alone."""
    images = _patterns(input_spec, device)
    try:
        with torch.no_grad():
            both = forward(loaded.run, images, input_spec=input_spec, name=name)
            alone = forward(loaded.run, images[:1], input_spec=input_spec, name=name)
    except InputError:
        raise
    except Exception as error:  # the user's own code may fail in any way
        size = f"{input_spec.resize.height}x{input_spec.resize.width}"
        options = f"--size {size} --channels {input_spec.resize.channels} --layout {input_spec.layout}"
        got = f"{type(error).__name__}: {reason(error)}"
        raise InputError(f"expected {name} to take {input_spec.dtype} images of {options}, but {got}") from error
    same = torch.allclose(both[:1].double(), alone.double(), rtol=1e-2, atol=1e-2, equal_nan=True)
    expected = f"{name} to give an image the same outputs whatever else is in the batch"
    expect(same, expected, "different ones; give --batch 1")
    return both.cpu()


def _patterns(input_spec: InputSpec, device: torch.device) -> Images:
    """Two unlike images in [0, 1], the same for everyone."""
    shape = (1, *input_spec.resize.shape)
    steps = torch.arange(torch.Size(shape).numel(), device=device)
    first = (steps % 251).float().div(250).reshape(shape)
    return torch.cat([first, (steps % 241).flip(0).float().div(240).reshape(shape)])


def _expect_classes(input_spec: InputSpec, data_classes: int | None, name: str) -> None:
    hint = "give --class-map, which output each class of the data is"
    if not input_spec.class_map and input_spec.classes - 1 == data_classes:
        hint = f"if output 0 is no class, give --class-map 1..{data_classes}"
    expected = f"an output of {name} for each of the {data_classes} classes of the data"
    expect(data_classes in (None, input_spec.data_classes), expected, f"{input_spec.data_classes}; {hint}")
