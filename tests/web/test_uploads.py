"""What the page sends is a picture, or is refused before it costs anything."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from negatoscope.data.open import open_dataset
from negatoscope.pixels import DecodeSpec, ResizeSpec, decode, resize_image
from negatoscope.web import pictures
from negatoscope.web.app import LightTable
from negatoscope.web.pictures import Pictures


def photo(size: tuple[int, int] = (60, 40), form: str = "PNG", mode: str = "RGB") -> bytes:
    shape = (size[1], size[0]) if mode == "L" else (size[1], size[0], 3)
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, form)
    return content.getvalue()


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    begin = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return begin + chunk(b"IDAT", zlib.compress(bytes(100_000))) + chunk(b"IEND", b"")


def send(page: TestClient, content: bytes, kind: str = "image/png") -> tuple[int, dict[str, object]]:
    response = page.post("/api/upload", content=content, headers={"Content-Type": kind})
    return response.status_code, response.json()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_a_picture_is_read_as_an_audit_reads_it(page: TestClient, table: LightTable, form: str) -> None:
    content = photo(form=form)
    status, answered = send(page, content, f"image/{form.lower()}")
    assert (status, answered["width"], answered["height"]) == (200, 60, 40)
    kept = table.pictures.get(str(answered["id"]))
    expected = resize_image(decode(content, name="a file"), ResizeSpec(28, 28, "gray"))
    assert np.array_equal(kept.sized[ResizeSpec(28, 28, "gray")], expected)
    answer = page.post("/api/answer", json={"picture": answered["id"]}).json()
    assert answer["label"] is None
    assert answer["answers"][0]["label_confidence"] is None
    assert answer["answers"][0]["now"]


def test_it_is_shown_at_its_own_size_unless_that_is_huge(page: TestClient) -> None:
    for size, shown in (((60, 40), (60, 40)), ((3000, 1500), (1024, 512)), ((5000, 1), (1024, 1))):
        _, answered = send(page, photo(size))
        assert (answered["width"], answered["height"]) == size
        assert Image.open(io.BytesIO(page.get(f"/picture/{answered['id']}.png").content)).size == shown


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (photo()[:200], "image/png", 400),
        (b"", "image/png", 400),
        (b"\x89PNG\r\n\x1a\n", "image/png", 400),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "image/svg+xml", 400),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "image/x-eps", 400),
        (b"GIF89a" + bytes(50), "image/gif", 400),
        (bomb(60_000, 60_000), "image/png", 400),
        (bomb(8_001, 8_000), "image/png", 400),
        (bomb(7_000, 7_000), "image/png", 400),
        (photo(), "text/plain", 415),
        (photo(), "multipart/form-data; boundary=a", 415),
        (photo(), "", 415),
        (bytes(20_000_001), "image/png", 413),
    ],
    ids=["cut", "empty", "begin", "svg", "eps", "gif", "bomb", "large", "hollow", "text", "form", "none", "bytes"],
)
def test_what_is_no_picture_is_refused_in_one_sentence(
    page: TestClient, content: bytes, kind: str, status: int
) -> None:
    got, answered = send(page, content, kind)
    assert got == status
    assert str(answered["error"]).startswith("expected")
    assert "\n" not in str(answered["error"])
    assert page.post("/api/answer", json={"picture": "d0"}).status_code == 200


def test_a_length_that_lies_is_found_out(page: TestClient) -> None:
    def parts() -> "object":
        for _ in range(30):
            yield bytes(1_000_000)

    response = page.post("/api/upload", content=parts(), headers={"Content-Type": "image/png"})
    assert response.status_code == 413


def test_only_so_many_pictures_are_kept(page: TestClient, table: LightTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MOST_KEPT", 100_000)
    sent = [str(send(page, photo((100, 100)))[1]["id"]) for _ in range(6)]
    kept = [page.get(f"/picture/{each}.png").status_code == 200 for each in sent]
    assert kept == [False, False, False, True, True, True]
    gone = page.post("/api/answer", json={"picture": sent[0]})
    assert gone.status_code == 400
    assert "choose or send it again" in gone.json()["error"]


def test_a_drawn_digit_is_read(page: TestClient) -> None:
    canvas = np.zeros((280, 280, 3), dtype=np.uint8)
    canvas[40:240, 130:155] = 255  # a one
    content = io.BytesIO()
    Image.fromarray(canvas).save(content, "PNG")
    _, answered = send(page, content.getvalue())
    answers = page.post("/api/answer", json={"picture": answered["id"]}).json()["answers"]
    assert [answer["now"][0]["class"] for answer in answers] == ["1", "1"]


def test_a_file_of_16_bits_uses_as_many_as_those_of_the_data(tmp_path: Path) -> None:
    (tmp_path / "chest").mkdir()
    file, size = tmp_path / "chest" / "a.png", ResizeSpec(6, 6, "gray")
    Image.fromarray(np.full((6, 6), 4095, dtype=np.uint16)).save(file)
    scans = open_dataset(f"folder:{tmp_path}").decoded(DecodeSpec(bits=12))
    for dataset, white in ((scans, 255), (None, 16)):
        picture = Pictures(dataset, [size]).receive(file.read_bytes())
        assert picture.sized[size].max() == white
