"""A real Hugging Face classifier, saved and opened offline, gives the scores of transformers' own pipeline."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from negatoscope.errors import DataError, InputError, MissingExtraError
from negatoscope.models.open import open_classifier
from negatoscope.models.predict import to_images
from negatoscope.models.preprocessor import read_preprocessor
from negatoscope.pixels import resize_image

transformers = pytest.importorskip("transformers")
CPU = torch.device("cpu")
NAMES = {0: "stop", 1: "yield", 2: "speed limit", 3: "no entry"}
PROCESSORS: dict[str, Any] = {
    "stretched": {"image_processor_type": "ViTImageProcessor", "size": {"height": 32, "width": 32}},
    "cropped": {
        "image_processor_type": "CLIPImageProcessor",
        "size": {"shortest_edge": 36},
        "crop_size": {"height": 32, "width": 32},
    },
    "ConvNeXT": {"image_processor_type": "ConvNextImageProcessor", "size": {"shortest_edge": 32}, "crop_pct": 0.8},
    "EfficientNet": {
        "image_processor_type": "EfficientNetImageProcessor",
        "size": {"height": 32, "width": 32},
        "rescale_factor": 1 / 127.5,
        "rescale_offset": True,
        "resample": 2,
    },
    "unscaled": {
        "image_processor_type": "ViTImageProcessor",
        "size": {"height": 32, "width": 32},
        "do_rescale": False,
        "do_normalize": False,
    },
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small ViT with random weights, as save_pretrained writes it."""
    folder = tmp_path_factory.mktemp("hugging_face") / "tiny-vit"
    sizes = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    config = transformers.ViTConfig(**sizes, image_size=32, patch_size=8, id2label=NAMES, initializer_range=0.5)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        transformers.ViTForImageClassification(config).save_pretrained(folder)
    return folder


def _folder(saved: Path, tmp_path: Path, processor: dict[str, Any] | None) -> Path:
    folder = tmp_path / "tiny-vit"
    folder.mkdir()
    for file in saved.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    if processor:
        (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    return folder


def _photo() -> np.ndarray:
    """An image with colors, edges and a size of its own."""
    down, across = np.mgrid[0:60, 0:90]
    planes = [down * 4, across * 2, ((down // 10 + across // 10) % 2) * 200]
    return np.stack(planes, axis=-1).astype(np.uint8)


@pytest.mark.parametrize("processor", PROCESSORS.values(), ids=PROCESSORS)
def test_pixels_and_scores_are_those_of_transformers(processor: dict[str, Any], saved: Path, tmp_path: Path) -> None:
    folder = _folder(saved, tmp_path, processor)
    classifier = open_classifier(str(folder), data_classes=4, device=CPU)
    own = transformers.AutoImageProcessor.from_pretrained(folder, local_files_only=True)
    model = transformers.ViTForImageClassification.from_pretrained(folder, local_files_only=True).eval()
    photo = _photo()
    with torch.no_grad():
        expected = model(**own(images=Image.fromarray(photo), return_tensors="pt")).logits.softmax(1)
        pixels = resize_image(photo.transpose(2, 0, 1), classifier.input_spec.resize)
        found = classifier(to_images(torch.from_numpy(pixels)[None])).softmax(1)
    torch.testing.assert_close(found, expected, atol=0.02, rtol=0)
    assert (classifier.kind, classifier.runs_code, classifier.name) == ("hugging_face", False, "tiny-vit")


def test_labels_of_the_model_map_the_classes_of_the_data_by_name(saved: Path, tmp_path: Path) -> None:
    folder = _folder(saved, tmp_path, PROCESSORS["stretched"])
    names = ("No entry", "stop")
    classifier = open_classifier(str(folder), class_map="names", data_classes=2, class_names=names, device=CPU)
    assert classifier.input_spec.class_map == (3, 0)


def test_without_a_preprocessor_the_size_is_asked_for(saved: Path, tmp_path: Path) -> None:
    folder = _folder(saved, tmp_path, None)
    with pytest.raises(InputError, match="expected --size for tiny-vit, whose file does not say it; give it"):
        open_classifier(str(folder), device=CPU)
    assert open_classifier(str(folder), size=32, device=CPU).input_spec.classes == 4


class Stranger:
    """A processor that resizes as nobody else does."""

    do_resize, size, resample, do_rescale, rescale_factor = True, {"longest_edge": 32}, 2, True, 1 / 255


def test_a_preprocessor_that_does_something_else_is_one_sentence(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"expected x to be resized to one size by .*, got size \{'longest_edge': 32\}"
    ):
        read_preprocessor(Stranger(), name="x")
    flipped = {
        "image_processor_type": "MobileViTImageProcessor",
        "do_flip_channel_order": True,
        "do_center_crop": False,
    }
    folder = _folder(saved, tmp_path, flipped | {"size": {"height": 32, "width": 32}, "do_normalize": False})
    with pytest.raises(InputError, match=r"but its MobileViTImageProcessor.* does more; wrap it in Python"):
        open_classifier(str(folder), device=CPU)


@pytest.mark.parametrize(
    "wrong",
    [{"rescale_factor": {}}, {"rescale_factor": 0}, {"image_std": "x"}, {"size": [[]]}, {"size": {"height": 32}}],
)
def test_a_setting_that_is_no_number_is_one_sentence(wrong: dict[str, Any], saved: Path, tmp_path: Path) -> None:
    folder = _folder(saved, tmp_path, PROCESSORS["stretched"] | wrong)
    with pytest.raises(InputError, match=r"^expected [^\n]+$"):
        open_classifier(str(folder), device=CPU)


def test_code_in_the_folder_is_not_run(saved: Path, tmp_path: Path) -> None:
    folder = _folder(saved, tmp_path, PROCESSORS["stretched"])
    config = json.loads((folder / "config.json").read_text())
    config |= {
        "model_type": "of_mine",
        "auto_map": {"AutoConfig": "mine.Config", "AutoModelForImageClassification": "m.N"},
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "mine.py").write_text("from pathlib import Path\nPath('the code ran').touch()\n")
    with pytest.raises(DataError, match=r"^expected a classifier that transformers can open in tiny-vit: "):
        open_classifier(str(folder), device=CPU)
    assert not Path("the code ran").exists()


def test_pickled_or_missing_weights_are_one_sentence(saved: Path, tmp_path: Path) -> None:
    folder = _folder(saved, tmp_path, PROCESSORS["stretched"])
    model = transformers.ViTModel.from_pretrained(saved, local_files_only=True)
    model.save_pretrained(folder)
    config = json.loads((saved / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(DataError, match="expected all weights of an image classifier in tiny-vit, it lacks classifier"):
        open_classifier(str(folder), device=CPU)
    (folder / "model.safetensors").unlink()
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    with pytest.raises(DataError, match=r"^expected a classifier that transformers can open in tiny-vit: [^\n]+$"):
        open_classifier(str(folder), device=CPU)


def test_a_folder_of_something_else_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"expected a folder with config.json, as save_pretrained makes it"):
        open_classifier(str(tmp_path), device=CPU)


def test_without_transformers_the_extra_is_named(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtraError, match=r"needs transformers: pip install 'transformers>=\S+'$"):
        open_classifier(str(saved), device=CPU)


def test_a_pipeline_is_followed_as_its_folder_is(saved: Path, tmp_path: Path) -> None:
    folder = _folder(saved, tmp_path, PROCESSORS["cropped"])
    pipeline = transformers.pipeline("image-classification", model=str(folder), device="cpu")
    classifier, of_folder = open_classifier(pipeline, data_classes=4), open_classifier(folder, data_classes=4)
    assert (classifier.kind, classifier.runs_code) == ("hugging_face", True)
    assert classifier.input_spec == of_folder.input_spec
    assert classifier.name == "ImageClassificationPipeline"
    pixels = resize_image(_photo().transpose(2, 0, 1), classifier.input_spec.resize)
    images = to_images(torch.from_numpy(pixels[None]))
    assert torch.equal(classifier(images), of_folder(images))
    theirs = {entry["label"]: entry["score"] for entry in pipeline(Image.fromarray(_photo()), top_k=4)}
    with torch.no_grad():
        ours = dict(zip(NAMES.values(), classifier(images).softmax(1)[0].tolist(), strict=True))
    assert ours == pytest.approx(theirs, abs=0.02)
    pipeline.model.half()
    assert open_classifier(pipeline, data_classes=4)(images).dtype == torch.float32
    pipeline.model.train()
    with pytest.raises(InputError, match=r"^expected the model of Image.* in evaluation mode, got training mode; c"):
        open_classifier(pipeline)


def test_a_pipeline_for_another_task_is_one_sentence(saved: Path, tmp_path: Path) -> None:
    folder = _folder(saved, tmp_path, PROCESSORS["cropped"])
    pipeline = transformers.pipeline("image-feature-extraction", model=str(folder), device="cpu")
    with pytest.raises(InputError, match=r"^expected a pipeline for image-classification, got one for image-feature-e"):
        open_classifier(pipeline)


def test_a_model_without_its_processor_is_a_torch_module_whose_logits_are_read(saved: Path) -> None:
    model = transformers.ViTForImageClassification.from_pretrained(saved, local_files_only=True).eval()
    images = torch.rand(3, 3, 32, 32)
    classifier = open_classifier(model, size=32, channels="rgb", data_classes=4)
    assert torch.equal(classifier(images), model(images).logits)
