"""The JSON Schema of every document is published, and is the one that the code reads and writes.

``python tests/test_schemas.py`` writes docs/schemas anew.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from negatoscope.auditing.compare import Comparison
from negatoscope.auditing.compare_models import ModelComparison
from negatoscope.auditing.gallery import Gallery
from negatoscope.auditing.parts import RunTotals
from negatoscope.auditing.plan import AuditIdentity
from negatoscope.auditing.results import AuditSummary
from negatoscope.auditing.unlabeled_predictions import UnlabeledPredictions
from negatoscope.documents import json_schema
from negatoscope.hardening.inspection import Inspection
from negatoscope.hardening.jobs import FitOutcome
from negatoscope.hardening.result import HardenSummary
from negatoscope.hardening.saved import SavedWrapper
from negatoscope.hardening.verification import Verification
from negatoscope.models.options import ModelOptions
from negatoscope.reproduce.figure1 import Figure1
from negatoscope.reproduce.table1_document import Table1
from negatoscope.reproduce.table1_run import Table1Run
from negatoscope.searching.plan import SearchIdentity
from negatoscope.searching.result import SearchSummary
from negatoscope.studies.discussion_result import Discussion
from negatoscope.studies.discussion_run import DiscussionRun
from negatoscope.studies.epochs import EpochsResult
from negatoscope.studies.match_result import Match
from negatoscope.studies.recipe_search import RecipeSearchResult
from negatoscope.studies.sensitivity_result import SensitivityResult
from negatoscope.studies.sensitivity_run import StudyRun
from negatoscope.studies.sequel_result import Sequel
from negatoscope.training.recipe import Recipe
from negatoscope.transforms.label_preserving import DatasetRules

FOLDER = Path(__file__).parent.parent / "docs" / "schemas"

DOCUMENTS: dict[str, Any] = {
    "comparison": Comparison,
    "config": ModelOptions,
    "done": RunTotals,
    "discussion": Discussion,
    "discussion_run": DiscussionRun,
    "epochs": EpochsResult,
    "figure1": Figure1,
    "fit": FitOutcome,
    "gallery": Gallery,
    "predictions": UnlabeledPredictions,
    "harden": HardenSummary,
    "inspection": Inspection,
    "label_preserving": dict[str, DatasetRules],
    "match": Match,
    "model_comparison": ModelComparison,
    "plan": AuditIdentity,
    "recipe": Recipe,
    "recipe_search": RecipeSearchResult,
    "saved_wrapper": SavedWrapper,
    "search": SearchSummary,
    "search_plan": SearchIdentity,
    "sensitivity": SensitivityResult,
    "sequel": Sequel,
    "study_run": StudyRun,
    "summary": AuditSummary,
    "table1": Table1,
    "table1_run": Table1Run,
    "verification": Verification,
}


def published(kind: Any) -> str:
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **json_schema(kind)}
    return json.dumps(schema, indent=1) + "\n"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_published_schema_is_that_of_the_code(name: str) -> None:
    file = FOLDER / f"{name}.json"
    assert file.read_text(encoding="utf-8") == published(DOCUMENTS[name])


def test_no_schema_is_published_that_the_code_does_not_have() -> None:
    assert {file.stem for file in FOLDER.glob("*.json")} == set(DOCUMENTS)


RANGE = r"[\[(]-?\d, \d[\])]|(?:from|least|above) -?\d|\d, or \d"
UNIT = r"\b(?:[Ii]mages|pixels|bits|seconds|milliseconds|queries|points|epochs|runs|version|unit|values)\b"


def fields_of(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each field of a document and of what it is made of, as "AuditSummary.n"."""
    for part in [schema, *schema.get("$defs", {}).values()]:
        for name, field in part.get("properties", {}).items():
            yield f"{part['title']}.{name}", field


def name_of(field: str) -> str:
    return field.rpartition(".")[2]


def holds(field: dict[str, Any], *types: str) -> bool:
    """Whether a field is of one of these types, or a list or a table of them."""
    inner = [field[key] for key in ("items", "additionalProperties") if isinstance(field.get(key), dict)]
    parts = [*field.get("anyOf", ()), *field.get("prefixItems", ()), *inner]
    return field.get("type") in types or any(holds(part, *types) for part in parts)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_field_is_described(name: str) -> None:
    schema = json_schema(DOCUMENTS[name])
    assert [field for field, values in fields_of(schema) if not values.get("description", "").endswith(".")] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_number_states_its_range_or_its_unit(name: str) -> None:
    silent = {
        field: values["description"]
        for field, values in fields_of(json_schema(DOCUMENTS[name]))
        if holds(values, "number", "integer") and name_of(field) != "parameters"  # those of a transform: of any kind
        if not re.search(f"{RANGE}|{UNIT}", values["description"])
    }
    assert silent == {}


def test_a_share_states_that_it_lies_from_0_to_1() -> None:
    shares = r"(?:.*_)?(?:accuracy|confidence|consistency|precision|recall|share|ece|chance|majority|p_value|p_holm)"
    silent = {
        field
        for kind in DOCUMENTS.values()
        for field, values in fields_of(json_schema(kind))
        if re.fullmatch(shares, name_of(field)) and holds(values, "number")
        if not re.search(r"[\[(](?:0|-1), 1[\])]", values["description"])
    }
    assert silent == set()


def test_a_field_that_a_class_inherits_is_described_by_the_class_that_has_it() -> None:
    schema = json_schema(AuditSummary)["$defs"]["CleanResult"]
    assert schema["description"] == "The measurement of clean images, of which there is at least one."
    assert schema["properties"]["accuracy"]["description"] == "The share of correct predictions, in [0, 1]."


if __name__ == "__main__":
    for name, kind in DOCUMENTS.items():
        (FOLDER / f"{name}.json").write_text(published(kind), encoding="utf-8")
