"""The parsers that are written here take any bytes or refuse them: a little of what fuzzing tries by the million."""

from pathlib import Path
from random import Random

import pytest
from torture.mutations import mutate_bytes, mutate_text
from torture.parsers import PARSERS
from torture.samples import Samples


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("name", ["idx", "gtsrb csv", "specs", "class maps"])
def test_any_bytes_are_read_or_refused(name: str, tmp_path: Path) -> None:
    parser, choose = PARSERS[name], Random(name)
    for _ in range(200):
        content = choose.choice(parser.seeds(Samples(tmp_path)))
        for _ in range(choose.choice((1, 1, 3))):
            content = choose.choice((mutate_bytes, mutate_text))(content, choose)
        parser(content, tmp_path)
