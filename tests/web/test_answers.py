"""What the table answers is what `predict` says, and a curve is its answers side by side."""

import base64
import io
import random
import shlex
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from starlette.testclient import TestClient

from negatoscope.descriptions import ParameterRange
from negatoscope.models.predict import predict
from negatoscope.transforms import describe_transform
from negatoscope.web.answers import POINTS, SideBySide
from negatoscope.web.app import LightTable, make_app
from negatoscope.web.stacks import numbers_along
from negatoscope.web.worker import Worker

NEGATIVE = {"name": "negative", "parameters": {}}


def ask(page: TestClient, **asked: Any) -> Any:
    response = page.post("/api/answer", json=asked)
    assert response.status_code == 200, response.text
    return response.json()


def pixels_of(url: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.removeprefix("data:image/png;base64,")))))


def random_stack(tools: list[Any], draw: random.Random) -> list[Any]:
    stack = []
    for tool in draw.sample(tools, draw.randint(0, 3)):
        values = {
            each["name"]: draw.choice(each["choices"])
            if each["choices"]
            else draw.randint(int(each["low"]), int(each["high"]))
            if each["type"] == "int"
            else draw.uniform(each["low"], each["high"])
            for each in tool["parameters"]
        }
        stack.append({"name": tool["name"], "parameters": values})
    return stack


def test_fifty_states_of_the_table_are_what_predict_says(page: TestClient, table: LightTable) -> None:
    tools, draw = page.get("/api/setup").json()["transforms"], random.Random(17)
    dataset = table.pictures.dataset
    assert dataset is not None
    for _ in range(50):
        position, stack = draw.randrange(len(dataset)), random_stack(tools, draw)
        answered = ask(page, picture=f"d{position}", stack=stack)
        function = describe_transform(answered["spec"]).function
        for classifier, answer in zip(table.models.classifiers, answered["answers"], strict=True):
            for spec, shown in ((None, answer["clean"][0]), (function, answer["now"][0])):
                expected = predict(
                    classifier,
                    np.stack([dataset.images[position]]),
                    dataset.labels[position : position + 1],
                    device=torch.device("cpu"),
                    batch_transform=(lambda images, _, f=spec: f(images)) if spec else None,
                )
                assert shown["confidence"] == pytest.approx(float(expected.confidences[0]), abs=1e-5)
                near = abs(shown["confidence"] - answer["now"][1]["confidence"]) < 1e-5
                assert shown["index"] == expected.predictions[0] or near
            assert answer["label_confidence"] == pytest.approx(float(expected.label_confidences[0]), abs=1e-5)


def test_the_plain_classifier_misreads_negatives_that_the_mended_one_reads(page: TestClient) -> None:
    answered = [ask(page, picture=f"d{position}", stack=[NEGATIVE]) for position in range(50)]
    plain, mended = ([each["answers"][place] for each in answered] for place in (0, 1))
    assert [answer["now"] for answer in mended] == [answer["clean"] for answer in mended]
    right = [
        sum(answer["now"][0]["class"] == each["label"] for answer, each in zip(answers, answered, strict=True))
        for answers in (plain, mended)
    ]
    assert right[1] >= 48 > 2 * right[0]


def test_the_page_sees_what_the_model_sees_at_its_own_size(page: TestClient) -> None:
    answered = ask(page, picture="d7", stack=[NEGATIVE])
    before = pixels_of(ask(page, picture="d7", stack=[])["answers"][0]["seen"])
    seen = pixels_of(answered["answers"][0]["seen"])
    assert before.shape == seen.shape == (28, 28)
    assert np.array_equal(255 - before, seen)
    assert np.array_equal(
        pixels_of(answered["answers"][1]["canonical"]), before
    )  # what the mended one's network is shown


def test_the_spec_names_what_was_done_and_leaves_out_what_changes_nothing(page: TestClient) -> None:
    still = {"name": "gamma", "parameters": {"exponent": 1}}
    turned = {"name": "rotation", "parameters": {"degrees": 15}}
    assert ask(page, picture="d0", stack=[still, turned, NEGATIVE])["spec"] == "rotation(degrees=15.0) | negative"
    assert ask(page, picture="d0", stack=[still])["spec"] == "clean"


def test_the_command_and_the_python_audit_the_same_transform(page: TestClient) -> None:
    answered = ask(page, picture="d0", stack=[{"name": "rotation", "parameters": {"degrees": 15}}, NEGATIVE])
    words = shlex.split(answered["command"])
    assert words[:3] == ["negatoscope", "audit", "negatoscope.web.models:plain"]
    assert words[words.index("--transform") + 1] == answered["spec"]
    assert f"transforms=[{answered['spec']!r}]" in answered["python"]
    compile(answered["python"], "copied", "exec")


def test_of_a_clean_picture_the_command_and_the_python_name_no_transform_as_an_audit_refuses_clean(
    page: TestClient,
) -> None:
    told = ask(page, picture="d0", stack=[])
    assert shlex.split(told["command"])[-2:] == ["--suite", "none"]
    assert "suite='none'" in told["python"]
    assert "transforms" not in told["python"]


def test_a_curve_is_the_answers_along_a_slider(page: TestClient) -> None:
    stack = [{"name": "negative_path", "parameters": {"share": 0.2}}, {"name": "flip", "parameters": {}}]
    asked = {"picture": "d3", "stack": stack, "index": 0, "parameter": "share"}
    curve = page.post("/api/curve", json=asked).json()
    assert curve["values"] == pytest.approx(np.linspace(0, 1, 61))
    for place in (0, 20, 40, 60):
        stack[0]["parameters"] = {"share": curve["values"][place]}
        answered = ask(page, picture="d3", stack=stack)
        for answer, along in zip(answered["answers"], curve["answers"], strict=True):
            of = dict(zip(along["classes"], along["confidences"], strict=True))
            first = answer["now"][0]
            assert of[first["class"]][place] == pytest.approx(first["confidence"], abs=1e-5)
    for along in curve["answers"]:
        changes = [at for at in range(60) if along["top"][at] != along["top"][at + 1]]
        assert along["flips"] == pytest.approx([(at + 0.5) / 60 for at in changes])


def test_no_value_along_a_slider_is_rounded_to_beyond_its_range() -> None:
    limits = ParameterRange(-2.0, -0.9)
    assert numbers_along(limits, whole=False, most=POINTS)[-1] == limits.high


def test_a_curve_of_whole_numbers_has_each_once(page: TestClient) -> None:
    stack = [{"name": "posterize", "parameters": {"bits": 8}}]
    curve = page.post("/api/curve", json={"picture": "d3", "stack": stack, "index": 0, "parameter": "bits"}).json()
    assert curve["values"] == list(range(1, 9))


def test_a_curve_draws_no_other_noise_than_an_answer(page: TestClient) -> None:
    stack = [{"name": "noise", "parameters": {"l2": 8.0}}, {"name": "gamma", "parameters": {"exponent": 2.5}}]
    asked = {"picture": "d3", "stack": stack, "index": 1, "parameter": "exponent"}
    curve = page.post("/api/curve", json=asked).json()
    stack[1]["parameters"] = {"exponent": curve["values"][33]}
    first = ask(page, picture="d3", stack=stack)["answers"][0]["now"][0]
    along = curve["answers"][0]
    of = dict(zip(along["classes"], along["confidences"], strict=True))
    assert of[first["class"]][33] == pytest.approx(first["confidence"], abs=1e-5)


def test_a_search_finds_what_fools_and_the_table_shows_the_same(page: TestClient) -> None:
    fooled = 0
    for place in range(50):
        found = page.post("/api/search", json={"picture": f"d{place}", "space": "geometry", "budget": 40}).json()
        answered = ask(page, picture=f"d{place}", stack=found["stack"])
        assert answered["spec"] == found["spec"]
        assert found["queries"] <= 40
        assert (answered["answers"][0]["now"][0]["class"] != answered["label"]) == found["found"]
        fooled += found["found"]
        if fooled == 2 and place > 5:
            return
    raise AssertionError(f"expected two digits that a turn or a shift makes misread, got {fooled}")


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"picture": "d50", "stack": []}, "expected the id of a picture"),
        ({"picture": "../../etc/passwd", "stack": []}, "expected the id of a picture"),
        ({"picture": "d-1", "stack": []}, "expected the id of a picture"),
        ({"picture": "d٣", "stack": []}, "expected the id of a picture"),
        ({"picture": "d0", "stack": [{"name": "negativ", "parameters": {}}]}, "did you mean 'negative'?"),
        (
            {"picture": "d0", "stack": [{"name": "gamma", "parameters": {"exponent": -1}}]},
            "exponent of gamma above 0, up to 1000, got -1",
        ),
        ({"picture": "d0", "stack": [{"name": "gamma", "parameters": {"exponent": "a"}}]}, "to be float, got 'a'"),
        ({"picture": "d0", "stack": [{"name": "gamma", "parameters": {"x=1) | edges": 1}}]}, "expected"),
        ({"picture": "d0", "stack": [NEGATIVE] * 13}, "at most 12 transforms"),
        ({"picture": "d0", "stack": [{"name": "grayscale", "parameters": {}}]}, None),
        ({"picture": "d0"}, None),
        ({"picture": 3}, "expected picture to be a text"),
        ({"picture": "d0", "stock": []}, "did you mean 'stack'?"),
        ([], "expected"),
    ],
)
def test_what_cannot_be_answered_gets_one_sentence(page: TestClient, asked: Any, sentence: str | None) -> None:
    response = page.post("/api/answer", json=asked)
    if sentence is None:  # answered, or each model says why not
        assert response.status_code == 200
        assert all(answer["error"] or answer["now"] for answer in response.json()["answers"])
        return
    assert response.status_code == 400
    assert sentence in response.json()["error"]
    assert "\n" not in response.json()["error"]


def test_numbers_that_are_no_numbers_are_refused(page: TestClient) -> None:
    for text in ("NaN", "Infinity", "1e999", "9" * 5000, "[" * 100_000):
        content = f'{{"picture": "d0", "stack": [{{"name": "gamma", "parameters": {{"exponent": {text}}}}}]}}'
        assert page.post("/api/answer", content=content).status_code in (400, 413)


def test_a_model_that_fails_says_so_on_the_page_and_the_table_goes_on(table: LightTable, worker: Worker) -> None:
    def fails(images: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("out of\nmemory")

    good, _ = table.models.classifiers
    broken = SideBySide((replace(good, name="broken", run=fails),), table.models.class_names)
    app = make_app(replace(table, models=broken), worker, token="token")
    page = TestClient(app, base_url="http://localhost", headers={"X-Token": "token", "X-Tab": "one"})
    curve = {"stack": [{"name": "gamma"}], "index": 0, "parameter": "exponent"}
    for place, asked in (("answer", {}), ("curve", curve), ("search", {"space": "tone"})):
        refused = page.post(f"/api/{place}", json={"picture": "d0", **asked})
        assert refused.status_code == 400
        assert refused.json()["error"] == "expected broken to classify the picture, but RuntimeError: out of memory"
    assert page.get("/api/setup").status_code == 200
