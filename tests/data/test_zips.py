"""Zips are read as Python's own reader reads them, and what is damaged, absurd or dangerous is refused."""

import multiprocessing
import os
import pickle
import zipfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from negatoscope.data import containers
from negatoscope.data.zips import ZipMembers
from negatoscope.errors import DataError

CONTENTS = {f"signs/{index:03d}.ppm": np.random.default_rng(index).bytes(1000 + index) for index in range(40)}


def write_zip(path: Path, members: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as opened:
        for name, content in members.items():
            opened.writestr(name, content)
    return path


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("has_pread", [True, False])
def test_members_are_those_that_went_in(
    tmp_path: Path, compression: int, has_pread: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has_pread:  # as on Windows
        monkeypatch.delattr(os, "pread", raising=False)
    contents = {**CONTENTS, "empty": b"", "\xe9": b"not ASCII"}
    members = ZipMembers(write_zip(tmp_path / "any.zip", contents, compression))
    assert members.names == list(contents)
    for position, (name, content) in enumerate(contents.items()):
        assert members.read(position) == members.read_named(name) == content
        with members.stream(name) as file:
            assert file.read() == content
    with pytest.raises(DataError, match=r"expected absent in .*any\.zip, got a missing or damaged member"):
        members.read_named("absent")


@pytest.mark.parametrize(
    "name", ["../up.ppm", "a/../../up.ppm", "a/..", "/top.ppm", "C:/top.ppm", "..\\up.ppm", "\\top.ppm"]
)
def test_a_zip_with_a_member_that_leaves_its_folder_is_refused(tmp_path: Path, name: str) -> None:
    path = write_zip(tmp_path / "escape.zip", {"fine.ppm": b"", name: b""})
    with pytest.raises(DataError, match=r"inside a zip .*escape\.zip, got .*, which leaves it; fetch it again$"):
        ZipMembers(path)


@pytest.mark.parametrize("name", ["a..b/c.ppm", "..a/b.ppm", "12:30/a.ppm", "./a.ppm", "a/b../c.ppm"])
def test_odd_names_inside_the_folder_are_fine(tmp_path: Path, name: str) -> None:
    assert ZipMembers(write_zip(tmp_path / "odd.zip", {name: b"x"})).read(0) == b"x"


def test_a_small_zip_that_unpacks_to_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "MAX_BYTES", 10_000)
    members = ZipMembers(write_zip(tmp_path / "bomb.zip", {"bomb.ppm": bytes(10_001)}))
    for read in (lambda: members.read(0), lambda: members.read_named("bomb.ppm")):
        with pytest.raises(DataError, match=r"^expected at most 10000 bytes in bomb\.ppm, got 10001$"):
            read()


def test_an_encrypted_member_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "secret.zip", {"a.ppm": b"x" * 50})
    content = bytearray(path.read_bytes())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="encrypted"):
        ZipMembers(path).read(0)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_changed_byte_is_refused_wherever_pythons_own_reader_refuses_it(tmp_path: Path, compression: int) -> None:
    contents = {"a.ppm": bytes(range(100)), "b.ppm": b"b" * 60}
    whole = write_zip(tmp_path / "whole.zip", contents, compression).read_bytes()
    path, refused = tmp_path / "odd.zip", 0
    for place in range(len(whole)):
        content = bytearray(whole)
        content[place] ^= 0xFF
        path.write_bytes(content)
        expected = None
        try:
            with zipfile.ZipFile(path) as opened:
                expected = [opened.read(member) for member in opened.infolist()]
        except Exception as error:
            if str(error).startswith("Overlapped entries"):  # newer Pythons, though all that is in them can be read
                expected = list(contents.values())
        try:
            members = ZipMembers(path)
            answers = [members.read(position) for position in range(len(members.names))]
        except DataError:
            refused += 1
            continue
        assert answers == expected, f"byte {place}"
    assert refused > len(whole) / 3


def test_a_damaged_member_is_refused_by_name_and_the_others_are_read(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "odd.zip", CONTENTS)
    content = bytearray(path.read_bytes())
    content[content.index(b"signs/003.ppm") + 200] ^= 0xFF
    path.write_bytes(content)
    members = ZipMembers(path)
    with pytest.raises(DataError, match=r"^expected a readable image, but signs/003\.ppm is none: "):
        members.read(3)
    with pytest.raises(DataError, match=r"^expected signs/003\.ppm in .*odd\.zip, got a missing or damaged member"):
        members.read_named("signs/003.ppm")
    assert members.read(4) == CONTENTS["signs/004.ppm"]


def read_all(members: ZipMembers) -> list[bytes]:
    return [members.read(index % len(CONTENTS)) for index in range(400)]


def test_threads_and_a_copy_sent_elsewhere_read_the_same(tmp_path: Path) -> None:
    members = ZipMembers(write_zip(tmp_path / "a.zip", CONTENTS))
    expected = list(CONTENTS.values()) * 10
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda index: members.read(index % len(CONTENTS)), range(400))) == expected
    assert read_all(pickle.loads(pickle.dumps(members))) == expected


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no process forks here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_and_its_parent_do_not_disturb_each_other(tmp_path: Path) -> None:
    members = ZipMembers(write_zip(tmp_path / "a.zip", CONTENTS))
    expected = list(CONTENTS.values()) * 10
    context = multiprocessing.get_context("fork")
    results = context.SimpleQueue()
    child = context.Process(target=lambda: results.put(read_all(members) == expected))  # inherited, not sent
    child.start()
    assert read_all(members) == expected
    child.join(60)
    assert child.exitcode == 0
    assert results.get() is True


def test_a_link_is_passed_over(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("cat/link.png")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as opened:
        opened.writestr(link, "../dog/a.png")
        opened.writestr("cat/a.png", b"content")
    assert list(filter(None, ZipMembers(tmp_path / "a.zip").names)) == ["cat/a.png"]
