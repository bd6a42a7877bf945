"""What every method that trains promises, on a small network of real digits; a stem that cannot see negation."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from negatoscope.data import Dataset, load_dataset
from negatoscope.errors import InputError
from negatoscope.hardening import METHODS, FitData
from negatoscope.hardening.consistency import divergence
from negatoscope.hardening.drop_in import write_drop_in
from negatoscope.hardening.invariant_stem import InvariantStem
from negatoscope.hardware import Hardware
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.networks import InputScaling, NetworkSettings, PaperNetwork
from negatoscope.models.open import open_classifier
from negatoscope.models.predict import predict, to_images
from negatoscope.models.torch_module import digest_of
from negatoscope.training.loop import Learner, train_model
from negatoscope.training.recipe import Recipe
from negatoscope.training.step import accumulate_gradients
from negatoscope.transforms.groups import resolve_group
from negatoscope.transforms.spaces import resolve_space
from negatoscope.types import Images

pytest.importorskip("mlxtend")
NEGATIVE = resolve_group("negative", channels=1)
TRAINING = ("adversarial", "augment", "consistency", "fine_tune", "invariant_stem", "rand_augment")
NORMALIZED = {"size": 28, "channels": "gray", "mean": 0.1307, "std": 0.3081}

over_methods = pytest.mark.parametrize("method", TRAINING)


def small_network() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(
            *(nn.Conv2d(1, 16, 5, stride=2), nn.ReLU(), nn.Conv2d(16, 32, 3, stride=2), nn.ReLU(), nn.Flatten()),
            *(nn.Linear(32 * 25, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 10)),
        )


@pytest.fixture(scope="module")
def digits() -> tuple[Dataset, Dataset]:
    digits = load_dataset("mnist_sample", split="train")
    order = np.random.default_rng(0).permutation(len(digits))
    return digits.take(order[:1500], split="train"), digits.take(order[1500:2500], split="validation")


@pytest.fixture(scope="module")
def fit(digits: tuple[Dataset, Dataset]) -> FitData:
    return FitData(np.asarray(digits[0].images), digits[0].labels)


@pytest.fixture(scope="module")
def classifier(digits: tuple[Dataset, Dataset]) -> ClassifierAdapter:
    """Trained on digits as they are, behind the normalization that it is trained with."""
    classifier = open_classifier(small_network().eval(), **NORMALIZED)

    class Normalized(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = classifier.module

        def forward(self, images: Tensor) -> Tensor:
            return classifier(images)

    hardware = Hardware(torch.device("cpu"), "float32")
    recipe = Recipe("small", optimizer="adamw", learning_rate=0.003, epochs=4, batch_size=50)

    def objective(model: nn.Module, images: Images, labels: Tensor) -> Tensor:
        return accumulate_gradients(model, images, labels, recipe=recipe, epsilon=0.0, hardware=hardware)

    train_model(Learner(Normalized(), recipe, hardware, objective), digits[0], validation=digits[1])
    return open_classifier(classifier.module, **NORMALIZED)


class WithoutGradients(nn.Module):
    """Computes under `no_grad`, as some deployed models do."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        outputs: Tensor = self.module(images)
        return outputs


def accuracies(classifier: ClassifierAdapter, dataset: Dataset) -> tuple[float, float]:
    """Clean, and on negatives."""
    images = np.asarray(dataset.images)
    of = (predict(classifier, pixels, dataset.labels, device=classifier.device) for pixels in (images, 255 - images))
    clean, negative = (float((each.predictions == dataset.labels).mean()) for each in of)
    return clean, negative


def hardened(method: str, classifier: ClassifierAdapter, fit: FitData, seed: int = 0, **given: Any) -> Any:
    return METHODS.get(method)(classifier, fit, NEGATIVE, seed, lambda line: None, **given)


def test_no_method_that_trains_is_left_out_here() -> None:
    others = {"average", "canonicalize", "most_confident", "selective"}
    assert set(METHODS.names()) - others == set(TRAINING)


@over_methods
def test_it_learns_to_read_negatives_and_leaves_the_classifier_alone(
    method: str, classifier: ClassifierAdapter, fit: FitData, digits: tuple[Dataset, Dataset]
) -> None:
    assert classifier.module is not None
    digest, state, lines = digest_of(classifier.module), torch.get_rng_state(), []
    asked = [parameter.requires_grad for parameter in classifier.module.parameters()]
    better = METHODS.get(method)(classifier, fit, NEGATIVE, 0, lines.append, epochs=6)
    assert digest_of(classifier.module) == digest == classifier.sha256 != better.sha256
    assert [parameter.requires_grad for parameter in classifier.module.parameters()] == asked
    assert not any(parameter.requires_grad for parameter in better.module.parameters())
    assert torch.equal(torch.get_rng_state(), state), "the global generator is the user's"
    assert (better.name, better.input_spec) == (f"{classifier.name} ({method})", classifier.input_spec)
    assert not better.module.training
    assert [line.partition(":")[0] for line in lines] == [f"epoch {epoch} of 6" for epoch in range(1, 7)]
    before, after = accuracies(classifier, digits[1]), accuracies(better, digits[1])
    assert before[0] > 0.9
    assert before[1] < 0.5
    assert after[0] > 0.85
    assert after[1] > before[1] + 0.2


@over_methods
def test_the_seed_decides_every_bit(method: str, classifier: ClassifierAdapter, fit: FitData) -> None:
    few = replace(fit, images=fit.images[:143], labels=fit.labels[:143] if fit.labels is not None else None)
    settings = {"epochs": 1, **({"transformed": 9} if method == "fine_tune" else {})}
    digests = [hardened(method, classifier, few, seed, **settings).sha256 for seed in (1, 1, 2)]
    assert digests[0] == digests[1] != digests[2]


@over_methods
def test_what_cannot_be_trained_is_one_sentence(method: str, classifier: ClassifierAdapter, fit: FitData) -> None:
    assert classifier.module is not None
    opaque = open_classifier(lambda images: classifier.module(images), **NORMALIZED)  # type: ignore[misc]
    with pytest.raises(InputError, match=rf"^expected a torch module for {method}, got a model of kind callable"):
        hardened(method, opaque, fit)
    without_gradients = open_classifier(WithoutGradients(classifier.module).eval(), **NORMALIZED)
    with pytest.raises(InputError, match=rf"^expected a torch module for {method} whose outputs have gradients, got"):
        hardened(method, without_gradients, fit)
    with pytest.raises(
        InputError, match=r"^expected labeled images to fit .* got images alone or with other classes .*canonicalize$"
    ):
        hardened(method, classifier, replace(fit, labels=None))
    with pytest.raises(InputError, match=r"^expected at least 20 images to fit on, got 3$"):
        hardened(method, classifier, FitData(fit.images[:3], np.arange(3)))
    with pytest.raises(InputError, match=r"^expected labels from 0 to 9, got 0 to 10$"):
        hardened(method, classifier, FitData(fit.images[:22], np.arange(22) % 11))


@pytest.mark.parametrize("transformed", [1, 10])
def test_fine_tuning_sees_as_many_negatives_as_it_is_allowed(fit: FitData, transformed: int) -> None:
    class Recording(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(784, 10)

        def forward(self, images: Tensor) -> Tensor:
            if self.training:
                seen.update(image.numpy().tobytes() for image in images.detach() if image.mean() > 0.5)
                counts.append((len(images), int((images.mean(dim=(1, 2, 3)) > 0.5).sum())))
            outputs: Tensor = self.layer(images.flatten(1))
            return outputs

    seen: set[bytes] = set()
    counts: list[tuple[int, int]] = []
    classifier = open_classifier(Recording().eval(), size=28, channels="gray")
    hardened("fine_tune", classifier, fit, transformed=transformed, epochs=2)
    assert len(seen) == transformed
    images, negatives = map(sum, zip(*counts, strict=True))
    assert negatives == images / 2
    with pytest.raises(InputError, match=r"^expected transformed from 1 to the 1350 images, got 9999$"):
        hardened("fine_tune", classifier, fit, transformed=9999)


@given(
    seed=st.integers(0, 2**31),
    channels=st.sampled_from([1, 3]),
    padding=st.integers(0, 2),
    stride=st.integers(1, 2),
    bias=st.booleans(),
    given=st.sampled_from(
        [{}, {"mean": 0.4, "std": 0.3}, {"range": "0..255"}, {"range": "-1..1"}, {"mean": (0.5,), "range": "0..255"}]
    ),
)
@settings(max_examples=10)
def test_an_invariant_stem_never_tells_an_image_from_its_negative(
    seed: int, channels: int, padding: int, stride: int, bias: bool, given: dict[str, Any]
) -> None:
    """Whatever the weights, before and after training; to the bit for 8-bit images, to rounding for others."""
    random = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        convolution = nn.Conv2d(channels, 6, 3, padding=padding, stride=stride, bias=bias)
        module = nn.Sequential(convolution, nn.Tanh(), nn.Flatten(), nn.LazyLinear(4))
        module(torch.zeros(1, channels, 9, 9))
    given = {**given, **({"channel_order": "BGR"} if channels == 3 and seed % 2 else {})}
    classifier = open_classifier(module.eval(), size=9, channels={1: "gray", 3: "rgb"}[channels], **given)
    pixels = torch.randint(0, 256, (40, channels, 9, 9), generator=random, dtype=torch.uint8)
    labels = torch.randint(0, 4, (40,), generator=random).numpy()
    group = resolve_group("negative", channels=channels)
    trained = METHODS.get("invariant_stem")(classifier, FitData(pixels.numpy(), labels), group, 0, print, epochs=1)
    with torch.no_grad():
        logits, negatives = trained(to_images(pixels)), trained(to_images(255 - pixels))
        assert torch.equal(logits, negatives)
        assert torch.equal(logits, trained(group.elements[1](to_images(pixels))))
        assert float(logits.std()) > 1e-3, "it tells images from each other"
        between = torch.rand((8, channels, 9, 9), generator=random)
        torch.testing.assert_close(trained(between), trained(1 - between), rtol=0, atol=1e-4)


@pytest.mark.slow
def test_the_file_of_an_invariant_stem_gives_both_polarities_the_same_bits_in_onnxruntime(
    classifier: ClassifierAdapter, fit: FitData, tmp_path: Path
) -> None:
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    better = hardened("invariant_stem", classifier, fit, epochs=1)
    written = write_drop_in(better, source=classifier.module, out=tmp_path, original=classifier)
    assert written.files == ("hardened.onnx",), "no module of before takes the stem's tensors"
    assert written.notes == ()
    session = runtime.InferenceSession(str(tmp_path / "hardened.onnx"))
    images = [(to_images(torch.from_numpy(pixels)) - 0.1307) / 0.3081 for pixels in (fit.images, 255 - fit.images)]
    logits, negatives = (session.run(None, {session.get_inputs()[0].name: batch.numpy()})[0] for batch in images)
    np.testing.assert_array_equal(logits, negatives)
    np.testing.assert_allclose(logits, better(to_images(torch.from_numpy(fit.images))), atol=1e-4)


def test_an_exported_program_is_one_sentence(fit: FitData, tmp_path: Path) -> None:
    """Its batch norm and dropout are those of prediction."""
    module = nn.Sequential(nn.Conv2d(1, 10, 28), nn.Flatten()).eval()
    torch.export.save(torch.export.export(module, (torch.zeros(1, 1, 28, 28),)), tmp_path / "model.pt2")
    exported = open_classifier(tmp_path / "model.pt2")
    with pytest.raises(InputError, match=r"^expected a torch module for augment, got a model of kind export, whose"):
        hardened("augment", exported, fit)


@pytest.mark.parametrize("input_scaling", ["unit", "centered", "half"])
def test_a_stem_begins_as_the_higher_response_to_the_image_and_its_negative(input_scaling: InputScaling) -> None:
    network = PaperNetwork(
        channels=1, size=12, classes=3, settings=NetworkSettings(input_scaling=input_scaling), seed=1
    )
    scale, offset = {"unit": (1.0, 0.0), "centered": (2.0, -1.0), "half": (1.0, -0.5)}[input_scaling]
    images = torch.rand((4, 1, 12, 12), generator=torch.Generator().manual_seed(0))
    native, negatives = scale * images + offset, scale * (1 - images) + offset
    black, white = (torch.full((1, 1, 12, 12), scale * value + offset) for value in (0.0, 1.0))
    with torch.no_grad():
        nn.init.normal_(network.conv1.bias)  # type: ignore[arg-type]
        responses = InvariantStem(network.conv1, black, white)(native)
        expected = torch.maximum(network.conv1(native), network.conv1(negatives))
    torch.testing.assert_close(responses, expected, rtol=0, atol=1e-5)


class Around(nn.Module):
    """A network with a way around its first convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.output = nn.Conv2d(1, 1, 3, padding=1), nn.Linear(784, 10)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.output((self.first(images) + images).flatten(1))
        return logits


@pytest.mark.parametrize(
    ("module", "sentence"),
    [
        (
            nn.Sequential(nn.Flatten(), nn.Linear(784, 10)),
            "expected a module with a Conv2d for invariant_stem, got a Seq",
        ),
        (nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(1, 10, 14), nn.Flatten()), "expected a first convolution that gets"),
        (nn.Sequential(nn.Tanh(), nn.Conv2d(1, 10, 28), nn.Flatten()), "expected a first convolution that gets the im"),
        (Around(), "expected all of the module to come after its first convolution, got another way; or choose one of"),
    ],
    ids=["no convolution", "pooled before", "bent before", "a way around"],
)
def test_a_module_without_a_first_convolution_is_one_sentence(module: nn.Module, sentence: str, fit: FitData) -> None:
    classifier = open_classifier(module.eval(), size=28, channels="gray")
    with pytest.raises(InputError, match=f"^{sentence}"):
        hardened("invariant_stem", classifier, fit)


def test_a_stem_for_another_group_is_one_sentence(classifier: ClassifierAdapter, fit: FitData) -> None:
    group = resolve_group("negative,flip", channels=1)
    with pytest.raises(InputError, match=r"^expected the group negative for invariant_stem, got negative,flip; or"):
        METHODS.get("invariant_stem")(classifier, fit, group, 0, print)


def test_the_divergence_is_that_of_scipy() -> None:
    distance = pytest.importorskip("scipy.spatial.distance")
    logits = torch.randn((2, 7, 5), generator=torch.Generator().manual_seed(0)) * 3
    probabilities = logits.double().softmax(dim=2).numpy()
    expected = np.mean(distance.jensenshannon(*probabilities, axis=1) ** 2)
    assert float(divergence(*logits)) == pytest.approx(expected, rel=1e-5)
    assert float(divergence(logits[0], logits[0])) == pytest.approx(0, abs=1e-7)
    far = torch.tensor([[100.0, 0.0]])
    assert float(divergence(far, far.flip(1))) == pytest.approx(np.log(2), rel=1e-5)


@pytest.mark.parametrize("name", ["negative", "negative,flip", "quarter_turns"])
def test_each_image_is_shown_under_its_own_element(name: str) -> None:
    group = resolve_group(name, channels=1)
    pixels = torch.randint(0, 256, (24, 1, 6, 6), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    images, elements = to_images(pixels), torch.arange(24) % len(group)
    before = images.clone()
    shown = group.apply(images, elements)
    for index, image in enumerate(images):
        assert torch.equal(shown[index], group.elements[elements[index]](image[None])[0])
    assert torch.equal(images, before)
    if group.turns:
        with pytest.raises(InputError, match=r"^expected square images for rotation\(degrees=90\.0\), got 5x6"):
            group.apply(images[:, :, :, :5], elements)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"operations": 0}, "expected operations from 1 to 10, got 0"),
        ({"magnitude": 11.0}, "expected magnitude from 0 to 10, got 11.0"),
    ],
    ids=str,
)
def test_an_impossible_setting_of_rand_augment_is_one_sentence(
    classifier: ClassifierAdapter, fit: FitData, given: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InputError, match=f"^{sentence}$"):
        hardened("rand_augment", classifier, fit, **given)


def test_training_on_the_worst_draw_leaves_fewer_images_that_any_of_many_draws_fools(
    classifier: ClassifierAdapter, fit: FitData, digits: tuple[Dataset, Dataset]
) -> None:
    space = resolve_space("geometry", channels=1)
    images, labels = to_images(torch.from_numpy(np.asarray(digits[1].images))), torch.from_numpy(digits[1].labels)

    def worst_case(model: ClassifierAdapter) -> float:
        generator, correct = torch.Generator().manual_seed(0), torch.ones(len(images), dtype=torch.bool)
        for _ in range(20):
            points = torch.rand(len(images), len(space.dimensions), generator=generator)
            correct &= model(space.apply(images, points)).argmax(dim=1) == labels
        return float(correct.float().mean())

    better = hardened("adversarial", classifier, fit, space="geometry", epochs=6)
    with torch.no_grad():
        assert worst_case(better) > worst_case(classifier) + 0.2
    assert accuracies(better, digits[1])[0] > 0.85


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"draws": 0}, "expected draws of at least 1, got 0"),
        ({"space": "geometri"}, "expected "),
        ({"space": "hue_shift(degrees=-90..90)"}, "expected "),
        ({"space": "gamma(exponent=2.0)"}, "expected a setting that is searched"),
    ],
    ids=str,
)
def test_an_impossible_setting_of_adversarial_is_one_sentence(
    classifier: ClassifierAdapter, fit: FitData, given: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InputError, match=f"^{sentence}"):
        hardened("adversarial", classifier, fit, **given)


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf")])
def test_an_impossible_weight_of_consistency_is_one_sentence(
    classifier: ClassifierAdapter, fit: FitData, weight: float
) -> None:
    with pytest.raises(InputError, match=rf"^expected weight of at least 0, got {weight}$"):
        hardened("consistency", classifier, fit, weight=weight)
