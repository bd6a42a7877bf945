"""The authors' sequel: networks are trained, searched and counted; what its page says follows from its document."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from negatoscope.auditing.arguments import Named
from negatoscope.cli.main import app
from negatoscope.data.open import open_dataset
from negatoscope.errors import InputError
from negatoscope.executors import Execution
from negatoscope.hardware import pick_hardware
from negatoscope.models.open import open_classifier
from negatoscope.models.predict import to_images
from negatoscope.registry import parse_spec
from negatoscope.studies.sequel import SequelRequest, plan_jobs, read_sequel, reproduce_sequel, write_sequel
from negatoscope.studies.sequel_dry_run import dry_run_sequel
from negatoscope.studies.sequel_figure import draw_sequel
from negatoscope.studies.sequel_page import answer, lost_classes, sequel_page
from negatoscope.studies.sequel_result import Sequel, SequelModel, group_models
from negatoscope.training.recipe import Recipe, named_recipe
from negatoscope.transforms import describe_transform

FLOAT32 = pick_hardware("cpu", "float32")
TRIALS = 30


@pytest.fixture(scope="module")
def lamps(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Red, green and blue lamps on gray noise, which only their hue tells apart."""
    folder, generator = tmp_path_factory.mktemp("lamps"), np.random.default_rng(0)
    for split, count in (("train", 40), ("test", 12)):
        for place, name in enumerate(("red", "green", "blue")):
            for index in range(count):
                pixels = generator.integers(60, 120, (12, 12, 3)).astype(np.uint8)
                pixels[3:9, 3:9, place] += 100
                file = folder / split / name / f"{index}.png"
                file.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(file)
    return f"folder:{folder}"


@pytest.fixture(scope="module")
def request_on_lamps(lamps: str) -> SequelRequest:
    recipe = Recipe("lamps", data=lamps, learning_rate=0.02, epochs=4, batch_size=16, validation_size=20)
    return SequelRequest(seeds=2, trials=TRIALS, limit=24, recipe=recipe)


@pytest.fixture(scope="module")
def made(request_on_lamps: SequelRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sequel on lamps, stopped on its way and resumed."""
    out, seen = tmp_path_factory.mktemp("sequel"), list[tuple[str, str, float]]()

    def stop(name: str, text: str, share: float) -> None:
        seen.append((name, text, share))
        if name == "lamps, seed 1" and "query" in text:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEGATOSCOPE_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        with pytest.raises(KeyboardInterrupt):
            reproduce_sequel(request_on_lamps, out=out, hardware=FLOAT32, moved=stop)
        assert not (out / "sequel.json").exists()
        weights = {file: file.read_bytes() for file in out.rglob("weights.safetensors")}
        assert len(weights) == 2
        for folder in (out, *(file.parent for file in weights)):  # as a process that is killed leaves it
            (folder / ".training.safetensors.4194305.tmp").touch()
        reproduce_sequel(request_on_lamps, out=out, hardware=FLOAT32)
        assert {file: file.read_bytes() for file in weights} == weights
        assert not list(out.rglob("*.tmp"))
    return out


def test_each_network_is_trained_searched_and_counted(made: Path) -> None:
    result = read_sequel(made)
    assert [model.name for model in result.models] == ["lamps, seed 0", "lamps, seed 1"]
    assert [model.training_seed for model in result.models] == [0, 1]
    for model in result.models:
        assert (model.images.n, model.trials, model.preserved) == (24, TRIALS, None)
        assert model.images.clean.accuracy > 0.9
        assert model.images.under_attack.accuracy < 0.3, "a turned hue is another lamp"
        rates = model.images
        lost = round(rates.clean.accuracy * 24) - round(rates.under_attack.accuracy * 24)
        assert rates.attack_success_rate == pytest.approx(lost / rates.correct)
        assert rates.curve[0].accuracy == rates.clean.accuracy
        assert (rates.curve[-1].queries, rates.curve[-1].accuracy) == (1 + TRIALS, rates.under_attack.accuracy)
        assert {each.preserved for each in model.per_class} == {None}
        assert sum(each.n * each.accuracy_under_attack for each in model.per_class) == pytest.approx(
            24 * rates.under_attack.accuracy
        )
    assert len({model.sha256 for model in result.models}) == 2


def test_a_dry_run_counts_training_and_the_most_queries_and_writes_nothing(
    request_on_lamps: SequelRequest, tmp_path: Path
) -> None:
    estimate = dry_run_sequel(request_on_lamps, out=tmp_path / "out", hardware=FLOAT32)
    assert not (tmp_path / "out").exists()
    training = 4 * 100 + 4 * (20 + 100)  # 4 epochs of 120 lamps less 20, followed at the end of each
    assert (estimate.jobs, estimate.done, estimate.images) == (2, 0, 2 * (120 + 24))
    assert estimate.passes == 2 * (training + 24 * (1 + TRIALS))
    assert estimate.seconds is not None
    assert estimate.seconds > 0
    assert estimate.notes == ("at most: an image that is misclassified is searched no further",)


def test_a_dry_run_knows_networks_that_are_trained_and_searches_that_have_ended(
    made: Path, request_on_lamps: SequelRequest
) -> None:
    before = {file: file.stat().st_mtime_ns for file in made.rglob("*")}
    same = dry_run_sequel(request_on_lamps, out=made, hardware=FLOAT32)
    assert (same.jobs, same.done, same.passes, same.seconds) == (2, 2, 0, 0)
    longer = replace(request_on_lamps, trials=TRIALS + 1, seeds=3)
    more = dry_run_sequel(longer, out=made, hardware=FLOAT32)
    training = 4 * 100 + 4 * (20 + 100)
    assert (more.jobs, more.done, more.passes) == (3, 0, training + 3 * 24 * (2 + TRIALS))
    assert {file: file.stat().st_mtime_ns for file in made.rglob("*")} == before


@pytest.mark.slow
def test_in_processes_the_same_is_found(made: Path, request_on_lamps: SequelRequest, tmp_path: Path) -> None:
    elsewhere = replace(request_on_lamps, execution=Execution("processes", 2))
    assert reproduce_sequel(elsewhere, out=tmp_path, hardware=FLOAT32) == read_sequel(made)


def test_networks_and_searches_of_other_threads_are_other_ones(
    made: Path, request_on_lamps: SequelRequest, lamps: str
) -> None:
    """How many threads a job has may decide its last bits."""
    jobs = {
        threads: plan_jobs(replace(request_on_lamps, execution=Execution(threads=threads)), out=made, hardware=FLOAT32)
        for threads in (None, 1, 2)
    }
    assert {job.folder for job in jobs[None]} == set(made.glob("runs/*"))
    assert len({job.folder for planned in jobs.values() for job in planned}) == 6
    (weights,) = made.glob("runs/*-seed0-*/weights.safetensors")
    searches = [planned[0].search.plan(Named(str(weights), f"{lamps}:test", {})) for planned in jobs.values()]
    assert [search.identity.threads for search in searches] == [None, 1, 2]


def test_a_found_setting_fools_and_saturation_moves_no_farther_than_its_trial_allows(made: Path, lamps: str) -> None:
    import negatoscope

    model = read_sequel(made).models[0]
    (folder,) = made.glob("runs/*-seed0-*/search-*")
    table = negatoscope.read_search(folder).to_pandas()
    fooled = table[table["first_error"] > 1]
    assert len(fooled) == round(model.images.correct * (model.images.attack_success_rate or 0))
    (weights,) = made.glob("runs/*-seed0-*/weights.safetensors")
    dataset = open_dataset(f"{lamps}:test")
    classifier = open_classifier(weights, data_classes=3)
    for row in fooled.itertuples():
        image = to_images(torch.from_numpy(np.asarray(dataset.images[row.sample])[None]))
        changed = describe_transform(row.parameters).function(image)
        assert int(classifier(changed).argmax()) == row.prediction != row.label
        torch.testing.assert_close(changed.amax(dim=1), image.amax(dim=1), rtol=0, atol=1e-6)
        shifts = {spec.name: spec.arguments for spec in map(parse_spec, row.parameters.split(" | "))}
        amount = shifts.get("saturation_shift", {"amount": 0.0})["amount"]
        assert abs(float(str(amount))) <= (row.first_error - 1) / TRIALS + 1e-6


def sequel(*words: object) -> str:
    """What the command says."""
    words = ("reproduce", "sequel", *words)
    return CliRunner().invoke(app, [*map(str, words)], prog_name="negatoscope", catch_exceptions=False).output


def test_another_model_is_searched_beside_those_that_are_there(made: Path, lamps: str, tmp_path: Path) -> None:
    before = read_sequel(made)
    (weights,) = made.glob("runs/*-seed0-*/weights.safetensors")
    copied = tmp_path / "mine.safetensors"
    copied.write_bytes(weights.read_bytes())
    out = tmp_path / "out"
    write_sequel(before, out)
    output = sequel("--model", copied, "--data", f"{lamps}:test", "--trials", 5, "--limit", 12, "--out", out)
    assert output.splitlines()[-1] == f"Written: {out / 'sequel.md'}"
    result = read_sequel(out)
    assert "**mine**: of 12 images" in (out / "sequel.md").read_text(), "a file's name as it is"
    assert result.models[:2] == before.models
    mine = result.models[2]
    assert (mine.name, mine.recipe, mine.trials, mine.images.n) == ("mine", None, 5, 12)
    command = "negatoscope reproduce sequel --model mine.safetensors --data folder:lamps0:test --trials 5 --limit 12"
    assert mine.provenance.command == command


def test_a_model_that_misreads_clean_images_is_searched_where_one_insists(
    lamps: str, made: Path, tmp_path: Path
) -> None:
    (weights, *_) = sorted(made.glob("runs/*/weights.safetensors"))
    words = ("--model", weights, "--data", f"{lamps}:test", "--class-map", "2..0", "--trials", 2)
    with pytest.raises(InputError, match="skip this check with --no-self-check"):
        sequel(*words, "--out", tmp_path)
    sequel(*words, "--no-self-check", "--out", tmp_path)
    assert read_sequel(tmp_path).models[0].images.clean.accuracy < 0.5


def test_a_model_without_data_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^expected --model and --data, got one of them; give both, or none to train"):
        sequel("--model", "a.onnx", "--out", tmp_path)
    with pytest.raises(InputError, match=r"^expected --trials from 1 to 999,999, got 0$"):
        SequelRequest(trials=0)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--size", "32"), "expected --model and --data beside options of a model, got --size alone; leave it out"),
        (
            ("--model", "a.onnx", "--data", "folder:b", "--seeds", "3"),
            "expected --model or options of networks that are trained here, got --seeds, too; leave it out",
        ),
    ],
)
def test_options_that_would_do_nothing_are_refused(words: tuple[str, ...], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"^{sentence}$"):
        sequel(*words, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_images_without_color_are_refused_before_a_network_is_trained(few_digits: str, tmp_path: Path) -> None:
    request = SequelRequest(recipe=Recipe("gray", data=few_digits, validation_size=40))
    with pytest.raises(InputError, match=r"^expected color images for saturation_shift, got gray ones"):
        plan_jobs(request, out=tmp_path, hardware=FLOAT32)


def some_kept(model: SequelModel) -> SequelModel:
    """The same, if blue lamps did not keep their meaning."""
    classes = tuple(replace(each, preserved=each.name != "blue") for each in model.per_class)
    return replace(model, per_class=classes, preserved=replace(model.images, n=16), dataset="gtsrb(prepare='color')")


def test_the_page_says_what_was_counted(made: Path) -> None:
    result = read_sequel(made)
    page = (made / "sequel.md").read_text()
    assert page == sequel_page(result)
    assert "all classes count" in page, "a warning that nobody annotated them"
    (group,) = group_models(result.models)
    clean = 100 * sum(model.images.clean.accuracy for model in result.models) / 2
    assert f"**Network of recipe lamps, 2 seeds**: of 24 images {clean:.1f} ± " in page
    assert re.search(r"\| VGG16 on CIFAR-10, in the paper +\| 10,000 \| +10 \|", page)
    assert lost_classes(result.models[0]) == ""
    kept = replace(group, models=[some_kept(model) for model in result.models])
    assert "Of the 2 of 3 classes that keep their meaning in any color" in answer(kept)
    assert "left out where it says so: blue." in lost_classes(kept.models[0])
    alone = answer(replace(group, models=group.models[:1]))
    assert "[" in alone, "the interval of one"


def test_every_line_of_the_figure_ends_at_what_is_left(made: Path) -> None:
    result = Sequel(models=tuple(map(some_kept, read_sequel(made).models)))
    (axes,) = draw_sequel(result).axes
    *lines, paper = axes.lines
    assert len(lines) == 2 * 3, "all images and those of kept classes: two seeds and their mean"
    left = [100 * model.images.under_attack.accuracy for model in result.models]
    assert [line.get_ydata()[-1] for line in lines[:3]] == pytest.approx([*left, sum(left) / 2])
    assert (paper.get_xdata()[0], paper.get_ydata()[0]) == (1000, pytest.approx(5.7))


def test_page_and_figures_are_written_anew_from_the_document_alone(made: Path, tmp_path: Path) -> None:
    (tmp_path / "sequel.json").write_bytes((made / "sequel.json").read_bytes())
    sequel("--only-report", "--out", tmp_path)
    names = {"sequel.json", "sequel.md", "sequel.png", "sequel.svg", "pictures-1.png", "pictures-1.svg"}
    assert {path.name for path in tmp_path.iterdir()} == {".lock", *names}
    for name in names:
        assert (tmp_path / name).read_bytes() == (made / name).read_bytes()


def test_the_recipe_trains_on_color_and_validates_on_other_signs() -> None:
    recipe = named_recipe("color", "gtsrb")
    assert (recipe.data, recipe.split) == ("gtsrb(prepare='color')", "track")
