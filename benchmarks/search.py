"""The search for each image's worst setting beside its forward passes, foolbox's grid and ART's composite attack.

CPU seconds, not wall seconds: whatever else runs on the machine counts for nobody. The network is the paper's, trained
for some hundred steps on GTSRB in color; images are of the test set and lie ready in memory.

**Against its forward passes**: `search_images` with the strategy `local` and 100 queries, in a space so mild that
nearly all images stay to the end. The bound is the network on as many images as the search had forward passes, in full
batches of the same size.

**Against foolbox**: its SpatialAttack tries 100 settings of a grid, 4 turns by 5 by 5 shifts. Ours is given the same
ranges and as many queries. foolbox goes on with images that are fooled until all of a batch are.

**Against ART**: its CompositeAdversarialAttackPyTorch of hue, saturation, rotation and what it calls contrast, a factor
of all values and thus our brightness, in the same ranges, one after the other with 25 steps each: 100 forward passes
and as many backward ones. Its order is fixed: ordering them by its schedule takes passes beyond these. Ours has 100
queries. Both begin with random settings.
"""

import math
import time
from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor, nn

from benchmarks import harness
from benchmarks.audit import CLASSES, SIDE, paper_network, trained
from benchmarks.harness import Findings, Measure
from negatoscope.attacks.search import Search, search_images
from negatoscope.attacks.strategies import resolve_strategy
from negatoscope.data import load_dataset
from negatoscope.data.batches import batches
from negatoscope.data.split import stratified_sample
from negatoscope.memory import keep_freed_memory
from negatoscope.models.predict import suitable_batch, to_images
from negatoscope.pixels import ResizeSpec
from negatoscope.transforms.spaces import resolve_space
from negatoscope.types import Images, Labels

QUERIES = 100
TURN, SHIFT, HUE = 20.0, 0.1, 90.0
PLACES = f"rotation(degrees=-{TURN}..{TURN}) | translation(right=-{SHIFT}..{SHIFT}, down=-{SHIFT}..{SHIFT})"
MILD = "brightness(factor=0.95..1.05) | rotation(degrees=-1.0..1.0)"  # so that nearly all images stay to the end
COLORS = (
    f"hue_shift(degrees=-{HUE}..{HUE}) | saturation(factor=0.5..1.5) | rotation(degrees=-10..10) | "
    "brightness(factor=0.7..1.3)"
)


def run(quick: bool) -> Findings:
    keep_freed_memory()  # as the commands do; for everyone
    rounds = 1 if quick else 3
    network = trained(paper_network(), steps=5 if quick else 400)
    images, labels = _images(16 if quick else 200)
    correct = network(images).argmax(dim=1) == labels
    images, labels = images[correct], labels[correct]
    measures = [_against_forward(network, images, labels, rounds=rounds)]
    accuracies: dict[str, object] = {}
    if harness.available("foolbox"):
        measures.append(_against_foolbox(network, images, labels, rounds=rounds, accuracies=accuracies))
    if harness.available("art") and harness.available("kornia"):
        measures.append(_against_art(network, images, labels, rounds=rounds, accuracies=accuracies))
    return Findings(measures, {"images": len(images), "queries": QUERIES, "accuracy_under_attack": accuracies})


def _against_forward(network: nn.Module, images: Images, labels: Labels, *, rounds: int) -> Measure:
    search = _search(MILD, "local")
    passes = int(search_images(network, images, labels, search=search).queries.sum())
    size = suitable_batch(torch.device("cpu"), values=images[0].numel())
    full = images.repeat(math.ceil(size / len(images)), 1, 1, 1)[:size].contiguous(memory_format=torch.channels_last)

    def forward() -> None:
        with torch.inference_mode():
            for _ in range(passes // size):
                network(full)
            network(full[: passes % size])

    contestants: dict[str, Callable[[], object]] = {
        "negatoscope": partial(search_images, network, images, labels, search=search),
        "forward passes alone": forward,
    }
    times = harness.take_turns(contestants, rounds=rounds, clock=time.process_time)
    note = f"local, {len(images)} images, {passes:,} forward passes of mild changes; CPU seconds"
    return harness.measure("search against its forward passes", "s", times, note=note)


def _against_foolbox(
    network: nn.Module, images: Images, labels: Labels, *, rounds: int, accuracies: dict[str, object]
) -> Measure:
    import foolbox

    model = foolbox.PyTorchModel(network, bounds=(0, 1), device="cpu")
    attack = foolbox.attacks.SpatialAttack(
        max_translation=SHIFT * SIDE, max_rotation=TURN, num_translations=5, num_rotations=4
    )

    def peer() -> float:
        fooled = [attack(model, *part)[2] for part in _parts(images, labels)]
        return 1 - float(torch.cat(fooled).double().mean())

    found = {"foolbox's grid": peer, "negatoscope": _ours(network, images, labels, PLACES)}
    return _compared("search of turns and shifts", found, rounds=rounds, accuracies=accuracies)


def _against_art(
    network: nn.Module, images: Images, labels: Labels, *, rounds: int, accuracies: dict[str, object]
) -> Measure:
    from art.attacks.evasion import CompositeAdversarialAttackPyTorch
    from art.estimators.classification import PyTorchClassifier

    loss = nn.CrossEntropyLoss()
    classifier = PyTorchClassifier(network, loss, images.shape[1:], CLASSES, clip_values=(0.0, 1.0), device_type="cpu")
    turns = math.radians(HUE)
    attack = CompositeAdversarialAttackPyTorch(
        classifier,
        enabled_attack=(0, 1, 2, 4),
        hue_epsilon=(-turns, turns),
        sat_epsilon=(0.5, 1.5),
        rot_epsilon=(-10.0, 10.0),
        con_epsilon=(0.7, 1.3),
        max_inner_iter=25,
        attack_order="fixed",
        batch_size=suitable_batch(torch.device("cpu"), values=images[0].numel()),
        verbose=False,
    )

    def peer() -> float:
        torch.manual_seed(0)
        changed = torch.from_numpy(attack.generate(images.numpy(), labels.numpy()))
        with torch.inference_mode():
            return float((network(changed).argmax(dim=1) == labels).double().mean())

    found = {"ART's composite attack": peer, "negatoscope": _ours(network, images, labels, COLORS)}
    return _compared("search of colors and turns", found, rounds=rounds, accuracies=accuracies)


def _compared(
    name: str, contestants: Mapping[str, Callable[[], float]], *, rounds: int, accuracies: dict[str, object]
) -> Measure:
    """Times in turn; each one's accuracy under attack goes into `accuracies` and the note."""
    reached = {who: search() for who, search in contestants.items()}
    times = harness.take_turns(contestants, rounds=rounds, warm_up=0, clock=time.process_time)
    accuracies[name] = reached
    listed = ", ".join(f"{who} {100 * accuracy:.1f}" for who, accuracy in reached.items())
    return harness.measure(name, "s", times, note=f"CPU seconds; accuracy under attack in percent: {listed}")


def _ours(network: nn.Module, images: Images, labels: Labels, space: str) -> Callable[[], float]:
    def accuracy() -> float:
        found = search_images(network, images, labels, search=_search(space, "local"))
        return float((found.first_errors == 0).double().mean())

    return accuracy


def _search(space: str, strategy: str) -> Search:
    return Search(resolve_space(space, channels=3), resolve_strategy(strategy), QUERIES + 1)


def _images(number: int) -> tuple[Images, Labels]:
    dataset = load_dataset("gtsrb", split="test")
    dataset = dataset.take(stratified_sample(dataset.labels, limit=number, seed=0), split="test")
    (batch,) = batches(dataset, ResizeSpec(SIDE, SIDE, "rgb"), batch_size=number)
    return to_images(torch.from_numpy(batch.pixels)), torch.from_numpy(batch.labels)


def _parts(images: Images, labels: Labels) -> list[tuple[Tensor, Tensor]]:
    size = suitable_batch(torch.device("cpu"), values=images[0].numel())
    return [(images[i : i + size], labels[i : i + size]) for i in range(0, len(images), size)]
