"""A light table with the two small classifiers that come with the package, and a page's side of it."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from negatoscope.web.answers import SideBySide
from negatoscope.web.app import LightTable, make_app
from negatoscope.web.commands import Commands
from negatoscope.web.models import DIGITS_OF, NAMED, OPTIONS, open_digits, shipped_models
from negatoscope.web.worker import Worker

TOKEN = "a-token-of-tests"


@pytest.fixture(scope="session")
def models() -> SideBySide:
    return SideBySide(tuple(shipped_models("0123456789")), tuple("0123456789"))


@pytest.fixture(scope="session")
def commands() -> Commands:
    return Commands(NAMED, DIGITS_OF, OPTIONS)


@pytest.fixture
def table(models: SideBySide, commands: Commands) -> LightTable:
    return LightTable.of(models, open_digits(), commands)


@pytest.fixture
def worker() -> Iterator[Worker]:
    made = Worker()
    yield made
    made.close()


@pytest.fixture
def page(table: LightTable, worker: Worker) -> TestClient:
    """Requests as the page sends them."""
    app = make_app(table, worker, token=TOKEN)
    return TestClient(app, base_url="http://127.0.0.1:8000", headers={"X-Token": TOKEN, "X-Tab": "one"})
