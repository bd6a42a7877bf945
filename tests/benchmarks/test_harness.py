"""The harness: turns, medians, ratios, and result files that a smoke run never overwrites. No timing is asserted."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks import __main__ as command
from benchmarks import harness


def test_contestants_are_taken_in_turn_in_an_order_that_rotates() -> None:
    called: list[str] = []
    contestants = {name: (lambda name=name: called.append(name)) for name in "abc"}
    seconds = harness.take_turns(contestants, rounds=3)
    assert "".join(called) == "abc" + "abc" + "bca" + "cab"
    assert {name: len(each) for name, each in seconds.items()} == {"a": 3, "b": 3, "c": 3}


def test_less_time_than_the_best_peer_is_a_ratio_above_one() -> None:
    measure = harness.measure("m", "s", {"negatoscope": [1.0, 2.0, 9.0], "slow": [8.0] * 3, "fast": [4.0] * 3})
    assert (measure.ours, measure.peers, measure.ratio_to_best_peer) == (2.0, {"slow": 8.0, "fast": 4.0}, 2.0)
    assert measure.spread["negatoscope"] == [1.5, 5.5]


def test_more_images_a_second_than_the_best_peer_are_a_ratio_above_one() -> None:
    times = {"negatoscope": [1.0], "slow": [8.0], "fast": [4.0]}
    measure = harness.measure("m", "images/s", times, amount=100)
    assert (measure.ours, measure.peers, measure.ratio_to_best_peer) == (100.0, {"slow": 12.5, "fast": 25.0}, 4.0)


def test_a_loss_is_a_ratio_below_one_in_either_direction() -> None:
    assert harness.value("m", "MB", 4.0, peers={"p": 1.0}).ratio_to_best_peer == 0.25
    assert harness.value("m", "%", 1.0, peers={"p": 4.0}, higher_is_better=True).ratio_to_best_peer == 0.25


def test_what_has_no_peer_has_no_ratio() -> None:
    assert harness.value("m", "MB", 4.0).ratio_to_best_peer is None
    assert harness.measure("m", "s", {"negatoscope": [1.0]}).ratio_to_best_peer is None


def test_a_missing_peer_is_named_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert not harness.available("no_such_peer")
    assert not harness.available("no_such_peer")
    assert harness.available("torch")
    assert capsys.readouterr().out.count("no_such_peer is not installed: skipped") == 1


def test_a_result_records_what_it_was_measured_on_and_with(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(harness, "ROOT", tmp_path)
    findings = harness.Findings([harness.value("m", "MB", 1.23456789, peers={"p": 2})], {"profile": {"conv": 0.5}})
    file = harness.write("train", findings, quick=False, seconds=1.0)
    content = json.loads(file.read_text())
    assert file.parent == tmp_path / "results/bench"
    assert set(content) >= {"suite", "device", "machine", "versions", "command", "measures", "profile"}
    assert set(content["machine"]) >= {"processor", "cores", "threads", "memory_gb"}
    assert {"python", "torch", "negatoscope"} <= set(content["versions"])
    assert content["measures"][0]["ours"] == 1.2346


def test_a_quick_run_never_takes_the_place_of_a_full_one() -> None:
    full, quick = harness.result_file("train", quick=False), harness.result_file("train", quick=True)
    assert full.parent == harness.ROOT / "results/bench"
    assert quick.parent == harness.ROOT / "out/bench/quick"


def test_an_unknown_suite_is_one_sentence_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["trian"]) == 2
    out = capsys.readouterr().out
    assert out.startswith("expected suites of train, ")
    assert out.endswith("got 'trian'\n")
    assert out.count("\n") == 1


def test_the_package_never_imports_a_peer_of_the_benchmarks() -> None:
    peers = {"art", "benchmarks", "cleverhans", "foolbox", "kornia", "skimage", "torchattacks", "torture"}
    program = f"import sys, negatoscope.cli.main, negatoscope.training.loop; print({peers} & sys.modules.keys())"
    assert (
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "set()\n"
    )


@pytest.mark.parametrize("suite", ["audit", "limit"])
def test_data_that_are_missing_are_one_sentence_and_exit_code_2(
    suite: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):  # which the command sets
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("NEGATOSCOPE_DATA_DIR", str(tmp_path / "none"))
    assert command.main([suite, "--quick"]) == 2
    begins, *between, sentence = capsys.readouterr().out.splitlines()
    assert (begins, between) == (f"{suite}: {command.SUITES[suite]}", [])
    assert (
        sentence
        == f"expected a folder with data in NEGATOSCOPE_DATA_DIR, got {tmp_path / 'none'}, no folder; correct it"
    )
