from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from negatoscope.auditing.junit import junit_xml
from negatoscope.auditing.results import AuditSummary

Maker = Callable[..., tuple[Path, AuditSummary]]


def suite(summary: AuditSummary) -> ET.Element:
    (element,) = ET.fromstring(junit_xml(summary).encode())
    return element


def test_each_rule_is_a_test_case_that_fails_where_the_rule_does(make_audit: Maker) -> None:
    _, summary = make_audit(
        rules=(
            "clean=0.5",
            "negative=0.99",
        )
    )
    root = suite(summary)
    passed, failed = root.findall("testcase")
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("2", "1", "0")
    assert (passed.get("name"), failed.get("name")) == ("clean=0.5", "negative=0.99")
    assert passed.find("failure") is None
    failure = failed.find("failure")
    assert failure is not None
    assert failure.get("message") == summary.gate.rules[1].sentence


def test_without_rules_each_transform_is_a_test_case_that_passes(make_audit: Maker) -> None:
    _, summary = make_audit(("negative", "flip"), lost=("flip",))
    root = suite(summary)
    assert [case.get("name") for case in root.findall("testcase")] == ["negative", "flip"]
    assert (root.get("tests"), root.get("failures")) == ("2", "0")
    assert root.findtext("testcase/system-out").startswith("accuracy ")
    assert root.findtext("system-out") == summary.verdict


@given(name=st.text())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_name_makes_a_file_that_can_be_parsed(made: AuditSummary, name: str) -> None:
    summary = replace(made, model=replace(made.model, name=name), verdict=name)
    assert suite(summary).get("name", "").startswith("negatoscope audit: ")


@pytest.fixture
def made(make_audit: Maker) -> AuditSummary:
    return make_audit(("negative",))[1]
