"""Runtimes are asked for the same logits, and a whole audit for the same accuracies, before anything is timed."""

import pytest
from benchmarks import forward, harness


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.filterwarnings("ignore:.*isinstance.*LeafSpec:FutureWarning")
def test_a_smoke_run_times_passes_and_whole_processes() -> None:
    found = forward.run(quick=True)
    passes, *whole = found.measures
    assert passes.name == "forward passes in float32: the paper's network"
    assert passes.peers.keys() == {"onnxruntime", *(["openvino"] if harness.available("openvino") else [])}
    assert [measure.name.rpartition(": ")[2] for measure in whole] == ["clean and negative", "the suite negative"]
    assert all(measure.peers.keys() == {"onnxruntime and numpy"} for measure in whole)
    profiles = found.details["where the time goes"]
    assert isinstance(profiles, dict)
    assert profiles[passes.name]["convolution, forward"] > 0
    assert all(profiles[measure.name]["import of torch"] > 0 for measure in whole)
