"""The page and the figure say what the result files say, losses and what was not reached included."""

from dataclasses import asdict
from typing import Any

from benchmarks import draw, harness

FGSM = "FGSM adversarial training, mnist, peers as shipped (float32)"


REPORT = "report of an audit of 12,630 images under 50 transforms"


def result(suite: str, *measures: harness.Measure, device: str = "cpu", processor: str = "AMD EPYC") -> dict[str, Any]:
    machine = {"processor": processor, "cores": 2, "memory_gb": 8.0}
    facts = {"suite": suite, "device": device, "machine": machine, "versions": {"torch": "2"}, "skipped": ["art"]}
    return facts | {"command": "c", "commit": "abc", "measures": [asdict(each) for each in measures]}


def fgsm(ours: float) -> harness.Measure:
    times = {"negatoscope": [1 / ours], "foolbox float32": [1.0], "art float32": [2.0]}
    return harness.measure(FGSM, "images/s", times, amount=1)


def test_a_goal_is_met_not_met_or_not_measured() -> None:
    shares = harness.value("share of the best matrix product: FGSM adversarial training, gtsrb, bf16", "%", 81.0)
    rows = draw.goal_table([result("train", fgsm(2.0), processor="Intel"), result("limit", shares)])
    assert rows[0] == "| what | goal | aim | AMD EPYC | Intel Xeon, AMX | GPU |"
    assert [row for row in rows if row.endswith("| at least 4.4× | 5× |  | 2×, **not met** |  |")]
    assert [row for row in rows if row.endswith("| at least 62 % | 70 % | 81 %, the aim is met | not measured |  |")]
    assert rows[2].endswith("| not measured | not measured |  |")
    assert [row for row in rows if row.endswith("| at least 10× | 50× |  |  | not measured |")]


def test_a_goal_of_one_kind_of_processor_is_measured_on_no_other() -> None:
    rows = draw.goal_table(
        [result("train", fgsm(4.5), processor="Intel"), result("train", fgsm(3.7), processor="EPYC")]
    )
    assert [row for row in rows if row.endswith("| at least 3.6× | 4× | 3.7×, met |  |  |")]
    assert [row for row in rows if row.endswith("| at least 4.4× | 5× |  | 4.5×, met |  |")]


def test_less_is_better_where_a_goal_is_a_time() -> None:
    for seconds, verdict in ((0.9, "the aim is met"), (2.9, "met"), (3.1, "**not met**")):
        rows = draw.goal_table([result("report", harness.value(REPORT, "s", seconds))])
        assert [row for row in rows if f"| {seconds} s, {verdict} |" in row]


def test_of_several_measures_of_a_goal_the_worst_counts() -> None:
    measures = [harness.value(REPORT, "s", seconds) for seconds in (0.1, 9.0)]
    assert [row for row in draw.goal_table([result("report", *measures)]) if "9 s, **not met**" in row]


def test_a_loss_is_shown_as_one() -> None:
    page = draw.page_of([result("train", fgsm(0.5))])
    assert "0.5× (a loss)" in page
    assert "foolbox float32 1 (1–1)<br>art float32 0.5 (0.5–0.5)" in page
    assert "Skipped, since not installed: art." in page


def test_the_figure_names_every_comparison_and_gathers_those_of_a_long_suite() -> None:
    many = [harness.measure(f"t{i}", "s", {"negatoscope": [1.0], "kornia": [2.0]}) for i in range(20)]
    both = [result("train", fgsm(2.0)), result("train", fgsm(0.5), processor="Intel(R) Xeon(R) Processor")]
    axes, *columns = draw.figure_of([*both, result("transforms", *many)]).axes
    names = [label.get_text().replace("\n", " ") for label in axes.get_yticklabels()]
    assert names == [FGSM, "transforms: each of 20"]
    texts = [[text.get_text() for text in column.texts] for column in columns]
    assert texts == [["● AMD EPYC", "2×"], ["■ Intel Xeon", "0.5×"]]


def test_growth_is_from_the_first_size_to_the_last() -> None:
    sizes = [
        harness.value(f"peak memory, {n} images", "MB", megabytes) for n, megabytes in (("1,000", 200), ("9", 208))
    ]
    rows = draw.goal_table([result("growth", *sizes, harness.value("peak memory, 8 transforms", "MB", 900))])
    assert any("| at most 5 % | 0 % | 4 %, met |" in row for row in rows)


def test_the_bound_of_an_audit_is_shown_as_times_the_forward_passes() -> None:
    times = {"negatoscope": [1.1], "forward passes alone": [1.0]}
    rows = draw.goal_table([result("audit", harness.measure("audit of the suite all: n, 6,000 images", "s", times))])
    assert any("| at most 1.08× | 1.03× | 1.1×, **not met** |" in row for row in rows)
