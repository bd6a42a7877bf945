import pytest
from benchmarks import table1


@pytest.mark.slow
def test_a_smoke_run_times_the_command_and_its_two_classifiers() -> None:
    whole, *cells = table1.run(quick=True)
    kinds = [f"training of one {kind} classifier, mnist_sample" for kind in ("plain", "robust")]
    assert [cell.name for cell in cells] == kinds
    assert 0 < sum(cell.ours for cell in cells) < whole.ours
