"""verify counts on how many images predictions agree, and says by construction only of a graph that must give it."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper
from rich.console import Console
from tests.hardening.onnx_models import eight_bit, linear, wrapper_of

import negatoscope
from negatoscope import verify
from negatoscope.data import Dataset
from negatoscope.errors import InputError
from negatoscope.hardening import METHODS, FitData
from negatoscope.hardening.drop_in import write_drop_in
from negatoscope.hardening.verification import verification_tables
from negatoscope.hardening.wrapper import wrap
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.networks import NetworkSettings, PaperNetwork
from negatoscope.models.open import open_classifier
from negatoscope.transforms.groups import resolve_group

KINDS = ("canonicalize", "most_confident", "probabilities", "logits", "log_probabilities")


def images(n: int, channels: int) -> Dataset:
    pixels = (eight_bit(n, channels, seed=7) * 255).byte().numpy()
    return Dataset.from_arrays(pixels, np.arange(n) % 4, name="random", split="test")


def hardened(tmp_path: Path, kind: str, invariant: str, shape: list[Any], **options: Any) -> Path:
    linear(tmp_path / "model.onnx", shape)
    classifier = open_classifier(tmp_path / "model.onnx", **options)
    wrapper = wrapper_of(kind, resolve_group(invariant, channels=classifier.input_spec.planes))
    write_drop_in(wrap(classifier, wrapper), source=tmp_path / "model.onnx", out=tmp_path)
    return tmp_path / "hardened.onnx"


@pytest.mark.parametrize("kind", KINDS)
def test_every_wrapper_that_guarantees_it_is_seen_in_its_file(tmp_path: Path, kind: str) -> None:
    file = hardened(tmp_path, kind, "channel_permutation", [10, 6, 6, 3], mean=0.4, std=0.2)
    found = verify(file, images(30, 3), invariant="channel_permutation", mean=0.4, std=0.2)
    assert (found.n, found.agreeing, found.passed, found.by_construction) == (30, 30, True, True)
    assert len(found.elements) == 5
    assert found.logit_difference < 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_the_file_of_a_torch_module_is_seen_to_guarantee_it_and_names_no_place_of_this_machine(
    tmp_path: Path, kind: str
) -> None:
    module = PaperNetwork(channels=1, size=12, classes=4, settings=NetworkSettings(), seed=0).requires_grad_(False)
    classifier = open_classifier(module.eval(), size=12, channels="gray")
    wrapper = wrapper_of(kind, resolve_group("negative", channels=1), side=12)
    write_drop_in(wrap(classifier, wrapper), source=module, out=tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (20, 12, 12), np.uint8)
    found = verify(tmp_path / "hardened.onnx", Dataset.from_arrays(pixels, np.arange(20) % 4, name="random"))
    assert found.by_construction, found.reason
    assert str(Path(negatoscope.__file__).parent).encode() not in (tmp_path / "hardened.onnx").read_bytes()


def test_a_file_for_a_larger_group_holds_for_a_smaller_one(tmp_path: Path) -> None:
    file = hardened(tmp_path, "canonicalize", "negative,flip", ["N", 1, 6, 6])
    assert verify(file, images(20, 1), invariant="flip").by_construction
    other = verify(file, images(20, 1), invariant="quarter_turns", at_least=0.0)
    assert not other.by_construction
    assert other.passed


def test_selective_and_a_plain_model_hold_on_these_images_at_most(tmp_path: Path) -> None:
    file = hardened(tmp_path, "selective", "negative", ["N", 1, 6, 6])
    for model in (file, tmp_path / "model.onnx"):
        found = verify(model, images(40, 1), at_least=0.999)
        assert not found.by_construction
        assert found.reason.startswith("This is known for these images only")
        assert not found.passed
        assert found.low < found.consistency < 1


def test_other_options_than_the_file_was_made_with_are_no_proof(tmp_path: Path) -> None:
    file = hardened(tmp_path, "canonicalize", "negative", ["N", 1, 6, 6], mean=0.4, std=0.2)
    assert verify(file, images(20, 1), mean=0.4, std=0.2).by_construction
    assert not verify(file, images(20, 1), at_least=0.0).by_construction


def nodes_of(model: onnx.ModelProto, operator: str) -> list[Any]:
    return [node for node in model.graph.node if node.op_type == operator]


def rewired(model: onnx.ModelProto) -> None:
    """The classifier takes the raw image."""
    for node in model.graph.node:
        if "negatoscope/image" in node.input:
            node.input[0] = "image"


def other_constant(model: onnx.ModelProto) -> None:
    """Another number is added after the image was negated."""
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.shape == (2, 1, 1, 1) or (values.ndim == 4 and values.max() == 255):
            tensor.CopyFrom(numpy_helper.from_array(np.where(values == 255, np.float32(254), values), tensor.name))


def side_path(model: onnx.ModelProto) -> None:
    """The raw image's mean is added to the scores."""
    last = next(node for node in model.graph.node if "scores" in node.output)
    last.output[0] = "inner"
    model.graph.node.extend(
        [
            helper.make_node("GlobalAveragePool", ["image"], ["mean"]),
            helper.make_node("Flatten", ["mean"], ["column"]),
            helper.make_node("Add", ["inner", "column"], ["scores"]),
        ]
    )


def side_path_in_disguise(model: onnx.ModelProto) -> None:
    """The same, by nodes that are called as the wrapper's."""
    side_path(model)
    for node in list(model.graph.node)[-3:-1]:
        node.name = node.output[0] = f"negatoscope/{node.output[0]}"
    model.graph.node[-2].input[0] = "negatoscope/mean"
    model.graph.node[-1].input[1] = "negatoscope/column"


def other_operator(model: onnx.ModelProto) -> None:
    """The least natural image is chosen."""
    nodes_of(model, "ArgMax")[-1].op_type = "ArgMin"


def own_operator(model: onnx.ModelProto) -> None:
    """A function of the file stands for an operator of ONNX."""
    opsets = [helper.make_opsetid("", 17)]
    body = [helper.make_node("Identity", ["x"], ["y"])]
    model.functions.append(helper.make_function("", "Round", ["x"], ["y"], body, opsets))


def noise(model: onnx.ModelProto) -> None:
    """The classifier draws at random."""
    last = next(node for node in model.graph.node if "scores" in node.output)
    last.output[0] = "inner"
    model.graph.node.extend(
        [
            helper.make_node("RandomNormalLike", ["inner"], ["noise"], scale=1e-3),
            helper.make_node("Add", ["inner", "noise"], ["scores"]),
        ]
    )


def shadowed_constant(model: onnx.ModelProto) -> None:
    """A caller can give another value for one of the wrapper's constants."""
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name.startswith("negatoscope/float32"))
    model.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims)))


TAMPERED = (
    rewired,
    other_constant,
    side_path,
    side_path_in_disguise,
    other_operator,
    own_operator,
    noise,
    shadowed_constant,
)


@pytest.mark.parametrize("tamper", TAMPERED, ids=lambda tamper: str(tamper.__name__))
def test_a_graph_that_was_tampered_with_is_no_proof_whatever_its_metadata_says(
    tmp_path: Path, tamper: Callable[[onnx.ModelProto], None]
) -> None:
    file = hardened(tmp_path, "canonicalize", "negative", ["N", 1, 6, 6])
    assert verify(file, images(20, 1)).by_construction
    model = onnx.load(file)
    before = model.SerializeToString()
    tamper(model)
    assert model.SerializeToString() != before
    onnx.save(model, file)
    found = verify(file, images(20, 1), at_least=0.0)
    assert not found.by_construction
    assert found.reason.endswith("only: the graph of hardened.onnx is not that of a wrapper for negative.")


@pytest.mark.parametrize("kind", ["most_confident", "probabilities"])
def test_another_copy_of_the_model_is_no_proof(tmp_path: Path, kind: str) -> None:
    file = hardened(tmp_path, kind, "negative", ["N", 1, 6, 6])
    model = onnx.load(file)
    other = numpy_helper.from_array(np.ones((36, 4), np.float32), "other")
    model.graph.initializer.append(other)
    nodes_of(model, "MatMul")[1].input[1] = "other"
    onnx.save(model, file)
    assert not verify(file, images(20, 1), at_least=0.0).by_construction


def test_other_weights_of_the_scorer_are_as_good_a_proof(tmp_path: Path) -> None:
    file = hardened(tmp_path, "canonicalize", "negative", ["N", 1, 6, 6])
    model = onnx.load(file)
    for tensor in model.graph.initializer:
        if tensor.name.startswith("negatoscope/scorer."):
            values = np.float32(numpy_helper.to_array(tensor) * 3 + 0.1)
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    onnx.save(model, file)
    found = verify(file, images(20, 1))
    assert found.by_construction
    assert found.agreeing == 20


def test_a_wrapped_classifier_in_memory_is_known(
    classifier: ClassifierAdapter, digits: tuple[Dataset, Dataset]
) -> None:
    wrapped = wrap(classifier, wrapper_of("canonicalize", resolve_group("negative", channels=1), side=8))
    found = verify(wrapped, digits[1])
    assert (found.n, found.agreeing, found.by_construction) == (300, 300, True)
    assert verify(wrapped, digits[1], limit=50).n == 50


def test_a_stem_is_known_and_a_graph_without_its_file_is_not_compared(
    classifier: ClassifierAdapter, digits: tuple[Dataset, Dataset], fit: FitData, tmp_path: Path
) -> None:
    group = resolve_group("negative", channels=1)
    stem = METHODS.get("invariant_stem")(classifier, fit, group, 0, print, epochs=1)
    found = verify(stem, digits[1], limit=20)
    assert found.by_construction
    assert found.reason.endswith("gives the same numbers for it and for its negative.")
    assert not verify(stem, digits[1], limit=20, invariant="flip").by_construction
    opened = open_classifier(hardened(tmp_path, "canonicalize", "negative", ["N", 1, 6, 6]))
    reason = verify(opened, images(20, 1)).reason
    assert reason.endswith("only: the graph of hardened.onnx was not compared; give the file's path.")


def test_turns_of_a_model_whose_images_are_not_square_are_refused(tmp_path: Path) -> None:
    def scores(images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1)[:, :4]

    model = open_classifier(scores, size="8x6", channels="gray", classes=4)
    with pytest.raises(InputError, match=r"^expected square images for the group quarter_turns, got 8x6; leave the"):
        verify(model, images(8, 1), invariant="quarter_turns")


def test_predictions_that_agree_are_counted(classifier: ClassifierAdapter, digits: tuple[Dataset, Dataset]) -> None:
    pixels = torch.from_numpy(np.asarray(digits[1].images))
    clean, negative = (classifier(batch.float() / 255).detach() for batch in (pixels, 255 - pixels))
    found = verify(classifier, digits[1], at_least=0.5)
    assert found.agreeing == int((clean.argmax(1) == negative.argmax(1)).sum())
    assert found.logit_difference == pytest.approx(float((clean - negative).abs().max()), rel=1e-4)
    assert (found.passed, found.by_construction) == (False, False)


def test_a_finding_shows_itself(tmp_path: Path) -> None:
    file = hardened(tmp_path, "canonicalize", "negative", ["N", 1, 6, 6])
    found = verify(file, images(20, 1))
    assert "20 of 20 images" in str(found)
    assert "It holds by construction for every 8-bit image" in str(found)
    assert list(found.to_pandas().element) == ["negative"]
    console = Console(width=80, file=StringIO())
    console.print(verification_tables(found))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "\nElement    Consistency, % [95 %]    Images  Logits differ by\n" in shown
    assert "\nnegative  100.00 [83.89, 100.00]  20 of 20  " in shown


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"invariant": "color_cube"}, "expected color images for the group color_cube, got gray ones; choose negative"),
        ({"invariant": "mirror"}, "mirror"),
        ({"at_least": 1.1}, "expected --at-least from 0 to 1, got 1.1"),
        ({"at_least": float("nan")}, "expected --at-least from 0 to 1, got nan"),
        ({"limit": 0}, "limit"),
        ({"rnage": "0..1"}, "did you mean 'range'"),
    ],
)
def test_what_is_unusable_is_refused_in_one_sentence(tmp_path: Path, changes: dict[str, Any], sentence: str) -> None:
    linear(tmp_path / "model.onnx", ["N", 1, 6, 6])
    with pytest.raises(InputError) as refused:
        verify(tmp_path / "model.onnx", images(8, 1), **changes)
    assert sentence in str(refused.value)


def test_a_model_that_gives_nan_is_refused(tmp_path: Path) -> None:
    linear(tmp_path / "model.onnx", ["N", 1, 6, 6])
    model = onnx.load(tmp_path / "model.onnx")
    weights = np.full((36, 4), np.nan, np.float32)
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(weights, "weights"))
    onnx.save(model, tmp_path / "model.onnx")
    with pytest.raises(InputError, match=r"expected finite outputs of model\.onnx"):
        verify(tmp_path / "model.onnx", images(8, 1))


def test_the_options_of_an_audit_are_taken_class_maps_by_the_data_s_classes_among_them(tmp_path: Path) -> None:
    file = hardened(tmp_path, "canonicalize", "negative", [10, 1, 6, 6])
    assert verify(file, images(30, 1), invariant="negative", class_map="+1").passed
