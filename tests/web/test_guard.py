"""Only the holder of the token gets anything, from the server's own page, under its own name."""

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from negatoscope.web import guard
from negatoscope.web.app import LightTable, make_app
from negatoscope.web.worker import Worker

TOKEN = "a-token-of-tests"
PLACES = ("/api/setup", "/api/pictures", "/picture/d0.png", "/api/audit", "/api/audit/failures", "/nowhere")


def test_the_page_needs_the_token_in_its_address(table: LightTable, worker: Worker) -> None:
    page = TestClient(make_app(table, worker, token=TOKEN), base_url="http://127.0.0.1:8000")
    assert page.get(f"/?token={TOKEN}").status_code == 200
    for address in ("/", "/?token=", "/?token=another", "/?token=é"):
        refused = page.get(address)
        assert refused.status_code == 403
        assert "negatoscope view" in refused.text


@pytest.mark.parametrize("place", PLACES)
def test_nothing_else_is_there_without_it(page: TestClient, place: str) -> None:
    for token in ("", "another", TOKEN[:-1], TOKEN + "a"):
        refused = page.get(place, headers={"X-Token": token})
        assert refused.status_code == 403
        assert "token" in refused.json()["error"]
    assert page.get(place).status_code in (200, 400, 404)


@pytest.mark.parametrize("place", ["/", "/static/index.html", *PLACES])
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "10.0.0.1", "", "[::2]"]
)
def test_another_name_of_this_machine_gets_nothing(page: TestClient, place: str, host: str) -> None:
    assert page.get(f"{place}?token={TOKEN}", headers={"Host": host}).status_code == 403


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "LOCALHOST:1", "[::1]:8000"])
def test_the_names_of_this_machine_itself_are_fine(page: TestClient, host: str) -> None:
    assert page.get("/api/setup", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1:8000", "http://127.0.0.1:8001"])
def test_requests_of_other_pages_are_refused_though_they_have_the_token(page: TestClient, origin: str) -> None:
    for answer in (
        page.get("/api/setup", headers={"Origin": origin}),
        page.post("/api/answer", json={"picture": "d0"}, headers={"Origin": origin}),
        page.get("/static/index.html", headers={"Origin": origin}),
    ):
        assert answer.status_code == 403
    assert page.get("/api/setup", headers={"Origin": "http://127.0.0.1:8000"}).status_code == 200


def test_every_answer_allows_nothing_inline_and_nothing_from_elsewhere(page: TestClient) -> None:
    for place in ("/", "/static/index.html", "/api/setup", "/picture/d0.png", "/nowhere"):
        headers = page.get(place, headers={"X-Token": TOKEN if place != "/" else ""}).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "set-cookie" not in headers


@pytest.mark.parametrize(
    "name",
    ["../app.py", "..%2fapp.py", "%2e%2e/app.py", "....//app.py", "app.py", "%2fetc%2fpasswd", "index.html%00.js"],
)
def test_no_file_but_those_of_the_page_is_served(page: TestClient, name: str) -> None:
    assert page.get(f"/static/{name}").status_code in (404, 403)
    assert page.get(f"/picture/{name}").status_code in (400, 404)


def test_too_many_requests_are_told_to_wait_and_the_next_second_is_served(
    page: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [guard.monotonic()]
    monkeypatch.setattr(guard, "monotonic", lambda: clock[0])
    statuses = [page.get("/nowhere").status_code for _ in range(guard.AT_ONCE + 50)]
    assert set(statuses) == {404, 429}
    assert statuses[-1] == 429
    assert page.get("/nowhere", headers={"X-Token": "another"}).status_code == 403  # costs nobody else a turn
    clock[0] += 1
    assert [page.get("/nowhere").status_code for _ in range(guard.PER_SECOND)] == [404] * guard.PER_SECOND


def test_no_path_of_this_machine_reaches_the_page(page: TestClient) -> None:
    answered = page.get("/api/setup").text + page.post("/api/answer", json={"picture": "d0"}).text
    assert str(Path.home()) not in answered
    assert str(Path.cwd()) not in answered
    assert "src/negatoscope" not in answered
    assert ".safetensors" not in answered


@pytest.mark.parametrize("tab", ["", "a b", "x" * 65, "é", "../x"])
def test_a_request_without_a_tab_of_its_own_is_refused(page: TestClient, tab: str) -> None:
    refused = page.post("/api/answer", json={"picture": "d0"}, headers={"X-Tab": tab.encode()})
    assert refused.status_code == 400
    assert "X-Tab" in refused.json()["error"]
