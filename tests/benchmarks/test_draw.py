"""The page and the figure say what the result files say, losses and what was not reached included."""

from dataclasses import asdict
from typing import Any

from benchmarks import draw, harness

FGSM = "FGSM adversarial training, mnist, peers as shipped (float32)"


def result(suite: str, *measures: harness.Measure, device: str = "cpu") -> dict[str, Any]:
    machine = {"processor": "P", "cores": 2, "memory_gb": 8.0}
    facts = {"suite": suite, "device": device, "machine": machine, "versions": {"torch": "2"}, "skipped": ["art"]}
    return facts | {"command": "c", "commit": "abc", "measures": [asdict(each) for each in measures]}


def fgsm(ours: float) -> harness.Measure:
    times = {"negatoscope": [1 / ours], "foolbox float32": [1.0], "art float32": [2.0]}
    return harness.measure(FGSM, "images/s", times, amount=1)


def test_a_goal_is_met_not_met_or_not_measured() -> None:
    shares = harness.value(f"share of the best matrix product: {draw.FGSM}, bf16", "%", 81.0)
    rows = draw.goal_table([result("train", fgsm(2.0)), result("limit", shares)])
    assert "| 3× | 4.5× | 2× | **not met** |" in rows[2]
    assert "| 60 % | 80 % | 81 % | met, and the aim too |" in rows[6]
    assert rows[4].endswith("|  | not measured |")


def test_less_is_better_where_a_goal_is_a_time() -> None:
    for seconds, verdict in ((0.1, "met, and the aim too"), (0.4, "met"), (0.6, "**not met**")):
        rows = draw.goal_table([result("startup", harness.value("negatoscope --help", "s", seconds))])
        assert rows[-1].endswith(f"| {verdict} |")


def test_of_several_measures_of_a_goal_the_worst_counts() -> None:
    measures = [harness.value("negatoscope --help", "s", seconds) for seconds in (0.1, 9.0)]
    assert "9 s | **not met**" in draw.goal_table([result("startup", *measures)])[-1]


def test_a_loss_is_shown_as_one() -> None:
    page = draw.page_of([result("train", fgsm(0.5))])
    assert "0.5× (a loss)" in page
    assert "foolbox float32 1 (1–1)<br>art float32 0.5 (0.5–0.5)" in page
    assert "Skipped, since not installed: art." in page


def test_the_figure_names_every_comparison_and_gathers_those_of_a_long_suite() -> None:
    many = [harness.measure(f"t{i}", "s", {"negatoscope": [1.0], "kornia": [2.0]}) for i in range(20)]
    figure = draw.figure_of([result("train", fgsm(2.0)), result("transforms", *many)])
    names = [label.get_text().replace("\n", " ") for label in figure.axes[0].get_yticklabels()]
    assert names == [FGSM, "transforms: each of 20"]


def test_growth_is_from_the_first_size_to_the_last() -> None:
    sizes = [
        harness.value(f"peak memory, {n} images", "MB", megabytes) for n, megabytes in (("1,000", 200), ("9", 210))
    ]
    rows = draw.goal_table([result("growth", *sizes, harness.value("peak memory, 8 transforms", "MB", 900))])
    assert any(row.endswith("| 10 % | 0 % | 5 % | met |") for row in rows)


def test_the_bound_of_an_audit_is_shown_as_times_the_forward_passes() -> None:
    times = {"negatoscope": [1.1], "forward passes alone": [1.0]}
    rows = draw.goal_table([result("audit", harness.measure("audit of the suite all: n, 6,000 images", "s", times))])
    assert any(row.endswith("| 1.15× | 1.03× | 1.1× | met |") for row in rows)
