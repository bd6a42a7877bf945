from pathlib import Path

import pytest
from benchmarks import harness, table1


def test_it_never_times_a_table_that_is_half_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(harness, "ROOT", tmp_path)
    monkeypatch.setattr(table1, "OUT", tmp_path / "out")
    (tmp_path / "out").mkdir()
    with pytest.raises(SystemExit, match="move it away first"):
        table1.run(quick=False)


@pytest.mark.slow
def test_a_smoke_run_times_the_command_and_its_two_classifiers() -> None:
    whole, *cells = table1.run(quick=True)
    kinds = [f"training of one {kind} classifier, mnist_sample" for kind in ("plain", "robust")]
    assert [cell.name for cell in cells] == kinds
    assert 0 < sum(cell.ours for cell in cells) < whole.ours
