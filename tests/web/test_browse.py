"""An audit on the page: its numbers, its failures in pairs, and the table's answers about the same pictures."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from negatoscope.auditing.audit import audit
from negatoscope.auditing.audit_result import AuditResult
from negatoscope.data import Dataset
from negatoscope.errors import DataError, InputError
from negatoscope.web.answers import SideBySide
from negatoscope.web.app import LightTable, make_app
from negatoscope.web.browse import spec_of
from negatoscope.web.commands import Commands
from negatoscope.web.models import open_digits
from negatoscope.web.worker import Worker

TOKEN = "a-token-of-tests"
PATH = [f"negative_path(share={share})" for share in (0.3, 0.9)]


@pytest.fixture(scope="session")
def digits() -> Dataset:
    return open_digits()


@pytest.fixture(scope="session")
def audited(models: SideBySide, digits: Dataset, tmp_path_factory: pytest.TempPathFactory) -> AuditResult:
    out = tmp_path_factory.mktemp("audit") / "audit"
    transforms = ["negative", "rotation(degrees=40.0)", *PATH, "fgsm(epsilon=0.2)"]
    return audit(models.classifiers[0], digits, suite="none", transforms=transforms, out=out, no_self_check=True)


@pytest.fixture
def browser(
    models: SideBySide, digits: Dataset, commands: Commands, audited: AuditResult, worker: Worker
) -> TestClient:
    app = make_app(LightTable.of(models, digits, commands, audited), worker, token=TOKEN)
    return TestClient(app, base_url="http://127.0.0.1:8000", headers={"X-Token": TOKEN, "X-Tab": "one"})


def failures(page: TestClient, **query: Any) -> Any:
    response = page.get("/api/audit/failures", params=query)
    assert response.status_code == 200, response.text
    return response.json()


def test_it_has_the_audits_own_numbers(browser: TestClient, audited: AuditResult) -> None:
    answered = browser.get("/api/audit").json()
    assert answered["clean_accuracy"] == audited.clean.accuracy
    assert {each["spec"]: each["accuracy"] for each in answered["transforms"]} == {
        spec: entry.accuracy for spec, entry in audited.transforms.items()
    }
    assert browser.get("/api/setup").json()["audit"] is True


def test_every_failure_is_there_and_its_pair_answers_as_the_rows_say(browser: TestClient, audited: AuditResult) -> None:
    for spec, entry in audited.transforms.items():
        answered = failures(browser, transform=spec, limit=48)
        assert answered["total"] == entry.lost
        for pair in answered["pairs"]:
            assert pair["before"]["class"] == pair["label"] != pair["after"]["class"]
            if not pair["stack"]:
                assert spec.startswith("fgsm")
                assert pair["changed"] == ""
                continue
            answer = browser.post("/api/answer", json={"picture": pair["id"], "stack": pair["stack"]}).json()
            assert answer["answers"][0]["seen"] == pair["changed"]
            clean = browser.post("/api/answer", json={"picture": pair["id"]}).json()
            assert clean["answers"][0]["seen"] == pair["clean"]
            now = answer["answers"][0]["now"][0]
            assert now["confidence"] == pytest.approx(pair["after"]["confidence"], abs=1e-5)
            assert now["class"] == pair["after"]["class"]


def test_failures_are_filtered_sorted_and_paged(browser: TestClient) -> None:
    every = failures(browser, transform="negative", limit=48)["pairs"]
    confidences = [pair["after"]["confidence"] for pair in every]
    assert confidences == sorted(confidences, reverse=True)
    by_sample = failures(browser, transform="negative", sort="sample", limit=48)["pairs"]
    positions = [int(pair["id"][1:]) for pair in by_sample]
    assert positions == sorted(positions)
    paged = [failures(browser, transform="negative", offset=at, limit=5)["pairs"] for at in range(0, len(every), 5)]
    assert [pair for page in paged for pair in page] == every
    label = every[0]["label"]
    of_class = failures(browser, transform="negative", limit=48, **{"class": label})
    assert of_class["pairs"] == [pair for pair in every if pair["label"] == label]
    assert of_class["total"] == len(of_class["pairs"])


def test_pictures_that_fail_come_first_when_asked_for(browser: TestClient, audited: AuditResult) -> None:
    rows = audited.rows().to_pylist()
    right = {row["sample"] for row in rows if row["transform"] == "clean" and row["label"] == row["prediction"]}
    counted = [entry.spec for entry in audited.summary.label_preserving]
    failed = {
        row["sample"]
        for row in rows
        if row["transform"] in counted and row["label"] != row["prediction"] and row["sample"] in right
    }
    answered = browser.get("/api/pictures", params={"failing": "1", "limit": "200"}).json()
    assert {int(each["id"][1:]) for each in answered["pictures"]} == failed
    assert answered["total"] == len(failed) > 0
    one = browser.get("/api/pictures", params={"failing": "1", "class": "3"}).json()
    assert {each["label"] for each in one["pictures"]} <= {"3"}


@pytest.mark.parametrize(
    "query",
    [
        {"transform": "solarize(threshold=0.5)"},
        {"transform": "clean"},
        {},
        {"transform": "negative", "class": "ten"},
        {"transform": "negative", "sort": "size"},
        {"transform": "negative", "offset": "-1"},
        {"transform": "negative", "limit": "all"},
    ],
)
def test_what_was_not_audited_gets_one_sentence(browser: TestClient, query: dict[str, str]) -> None:
    response = browser.get("/api/audit/failures", params=query)
    assert response.status_code == 400
    assert response.json()["error"].startswith("expected")


def test_without_an_audit_the_page_is_told_so(page: TestClient) -> None:
    assert page.get("/api/setup").json()["audit"] is False
    for place in ("/api/audit", "/api/audit/failures?transform=negative", "/api/pictures?failing=1"):
        refused = page.get(place)
        assert refused.status_code == 400
        assert "--audit" in refused.json()["error"]


def test_an_audit_can_be_browsed_without_a_model(
    digits: Dataset, commands: Commands, audited: AuditResult, worker: Worker
) -> None:
    alone = LightTable.of(SideBySide((), digits.class_names), digits, commands, audited)
    page = TestClient(
        make_app(alone, worker, token=TOKEN), base_url="http://127.0.0.1", headers={"X-Token": TOKEN, "X-Tab": "a"}
    )
    setup = page.get("/api/setup").json()
    assert (setup["models"], setup["spaces"]) == ([], [])
    assert failures(page, transform="negative")["pairs"][0]["changed"]
    assert page.post("/api/answer", json={"picture": "d0"}).json()["answers"] == []
    curve = {"picture": "d0", "stack": [{"name": "gamma"}], "index": 0, "parameter": "exponent"}
    assert page.post("/api/curve", json=curve).json()["answers"] == []
    assert page.post("/api/search", json={"picture": "d0", "space": "tone"}).status_code == 400


def test_other_images_than_the_audits_are_refused(
    models: SideBySide, digits: Dataset, commands: Commands, audited: AuditResult
) -> None:
    shuffled = digits.take(np.arange(50), split="test")
    object.__setattr__(shuffled, "labels", np.roll(digits.labels, 5))
    corrupted = replace(digits, files=(replace(digits.files[0], sha256="0" * 64),))
    for other in (digits.take(np.arange(20), split="test"), shuffled, corrupted):
        with pytest.raises(DataError, match="expected the images of the audit"):
            LightTable.of(models, other, commands, audited)


def test_an_audit_of_files_of_the_users_own_needs_them(audited: AuditResult, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--data beside --audit"):
        spec_of(audited)
