"""Files that try to run code, to escape or to fill memory: each has a test, which docs/reliability.md names."""

import re
from pathlib import Path

import pytest

from negatoscope.errors import DataError
from negatoscope.pixels import decode

ROOT = Path(__file__).parents[2]
LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d SYSTEM "file:///etc/hostname">]>
<svg xmlns="http://www.w3.org/2000/svg"><text>&c;&d;</text></svg>"""


def test_every_attack_that_the_page_lists_has_the_test_that_it_names() -> None:
    page = (ROOT / "docs/reliability.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/\S+\.py)::(\w+)`", page)
    assert len(named) >= 12
    for file, test in named:
        assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8"), f"{file} has no {test}"


@pytest.mark.parametrize("content", [LAUGHS, b"<svg xmlns='http://www.w3.org/2000/svg' onload='x()'/>", b"%!PS\nquit"])
@pytest.mark.parametrize("name", ["a.svg", "a.png", "a.jpg"])
def test_pictures_that_are_programs_are_not_read_whatever_they_are_called(content: bytes, name: str) -> None:
    with pytest.raises(DataError, match=rf"^expected [^\n]*{name}"):
        decode(content, name=name)
