"""``python -m benchmarks.draw``: docs/benchmarks.md, a figure and the README's table from the result files."""

import json
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import Any, Literal

from matplotlib.figure import Figure

from benchmarks import harness
from negatoscope.files import write_whole
from negatoscope.reports.figures import DARK, FAINT, GRAY, save_figure, styled

Result = Mapping[str, Any]

OURS, LOSS = "#1f77b4", "#c44e52"
FEW, MARKERS = 12, {"o": "●", "s": "■", "D": "◆", "^": "▲"}
BEGIN, END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"


@dataclass(frozen=True)
class Goal:
    """What was to be reached: of the measure whose name matches, its ratio to the best peer or its own value.

    Args:
        title: How the table calls it.
        suite: Where it is measured.
        name: A regular expression that is found in the measure's name.
        reach: What counts as met.
        aim: What was hoped for.
        by: "ratio" or "least" (our value), where more is better; "most" (our value), "inverse" (one over the ratio) or
            "growth" (of our value from the first match to the last, in percent), where less is better.
        device: Where it is to be measured.
        among: What the names of the peers that count begin with, for a ratio of rates; empty counts all.
        processor: Of `MACHINES` the only processor that it is for; empty is for all.
    """

    title: str
    suite: str
    name: str
    reach: float
    aim: float
    by: Literal["ratio", "inverse", "least", "most", "growth"] = "ratio"
    unit: str = "×"
    device: str = "cpu"
    among: tuple[str, ...] = ()
    processor: str = ""


MACHINES = {"AMD EPYC": ("cpu", "EPYC"), "Intel Xeon, AMX": ("cpu", "Intel"), "GPU": ("cuda", "")}
"""Columns of the goals: the device, and what the processor's name holds."""

LIBRARIES = ("art", "cleverhans", "foolbox", "torchattacks")
FLOAT32, BF16 = r"peers as shipped \(float32\)", "peers under bf16 and channels_last"
FGSM, PLAIN = "FGSM adversarial training, (mnist|gtsrb)", "plain training, (mnist|gtsrb)"
SHIPPED, BF16_TITLE = "FGSM training, best library as shipped", "FGSM training, best library under bf16, channels_last"
FGSM_SHARE, PLAIN_SHARE = (f"share of the matrix-product peak, {kind}, bf16" for kind in ("FGSM", "plain"))
GOALS = (
    Goal("audit of the negative alone, a small network: foolbox", "audit", "negative alone: a small network", 1, 1.5),
    Goal("the same, the paper's network", "audit", "negative alone: the paper's network", 1, 1.3),
    Goal(
        "suite `all`, as a multiple of the time of its forward passes alone",
        "audit",
        "^audit of the suite all",
        1.08,
        1.03,
        "inverse",
    ),
    Goal(
        "evaluations a second of a trivial network, per core",
        "audit",
        "evaluations of a trivial network",
        60_000,
        200_000,
        "least",
        "",
    ),
    Goal(
        "one pass a transform, a small network: kornia",
        "audit",
        "one pass a transform: a small network",
        3,
        5,
        among=("kornia",),
    ),
    Goal(
        "the same, the paper's network",
        "audit",
        "one pass a transform: the paper's network",
        1.5,
        1.8,
        among=("kornia",),
    ),
    Goal(
        "peak memory of an audit, 10³ to 10⁶ images (growth)",
        "growth",
        r"^peak memory, [\d,]+ images$",
        5,
        0,
        "growth",
        " %",
    ),
    Goal("float32 forward passes of the paper's network: onnxruntime, OpenVINO", "forward", "^forward passes", 1, 1.1),
    Goal(f"{SHIPPED} (AMD EPYC)", "train", f"{FGSM}, {FLOAT32}", 3.6, 4, among=LIBRARIES, processor="EPYC"),
    Goal(f"{BF16_TITLE} (AMD EPYC)", "train", f"{FGSM}, {BF16}", 1.9, 2.1, among=LIBRARIES, processor="EPYC"),
    Goal(f"{SHIPPED} (Intel, AMX)", "train", f"{FGSM}, {FLOAT32}", 4.4, 5, among=LIBRARIES, processor="Intel"),
    Goal(f"{BF16_TITLE} (Intel, AMX)", "train", f"{FGSM}, {BF16}", 2.2, 2.5, among=LIBRARIES, processor="Intel"),
    Goal(FGSM_SHARE, "limit", f"share.*{FGSM}, bf16", 62, 70, "least", " %"),
    Goal(PLAIN_SHARE, "limit", f"share.*{PLAIN}, bf16", 62, 70, "least", " %"),
    Goal("whole Table I, 10 classifiers, `sgd`, 1 seed", "table1", "whole Table I, sgd", 80, 65, "most", " min"),
    Goal("report of an audit, 50 transforms, 12,630 images", "report", "^report of an audit", 3, 1, "most", " s"),
    Goal(
        "`negatoscope audit` of 100 images, ONNX, whole process",
        "startup",
        "^audit of a hundred images, ONNX file$",
        2,
        1.2,
        "most",
        " s",
    ),
    Goal(
        "10,000 digits, clean and negative, ONNX, whole process, as a multiple of ten lines of onnxruntime and numpy",
        "forward",
        "^whole process.*clean and negative$",
        3,
        2,
        "inverse",
    ),
    Goal(f"{FGSM_SHARE}, GPU", "limit", f"share.*{FGSM}, bf16", 62, 70, "least", " %", "cuda"),
    Goal(f"{PLAIN_SHARE}, GPU", "limit", f"share.*{PLAIN}, bf16", 62, 70, "least", " %", "cuda"),
    Goal(f"{SHIPPED}, GPU", "train", f"{FGSM}, {FLOAT32}", 10, 50, device="cuda", among=LIBRARIES),
    Goal(
        "whole Table I, start-up included, GPU",
        "table1",
        "whole Table I, sgd",
        3,
        0.5,
        "most",
        " min",
        "cuda",
    ),
)
"""What the speed of each part was to be, a row of the page's first table each."""


def main() -> None:
    results = [json.loads(file.read_text()) for file in sorted((harness.ROOT / "results/bench").glob("*.json"))]
    if not results:
        harness.console.print("nothing to draw: no results in results/bench yet")
        return
    page = harness.ROOT / "docs/benchmarks.md"
    write_whole(page, page_of(results).encode())
    written = [page, *save_figure(figure_of(results), harness.ROOT / "results/bench", "ratios")]
    readme = harness.ROOT / "README.md"
    if BEGIN in (text := readme.read_text(encoding="utf-8")):
        table = "\n".join(goal_table(results))
        write_whole(readme, re.sub(f"{BEGIN}.*{END}", f"{BEGIN}\n{table}\n{END}", text, flags=re.DOTALL).encode())
        written.append(readme)
    for file in written:
        harness.console.print(f"wrote {file.relative_to(harness.ROOT)}")


def page_of(results: Sequence[Result]) -> str:
    """The whole of docs/benchmarks.md."""
    lines = [
        "# How fast it is",
        "",
        "Made by `python -m benchmarks.draw` from the files in [results/bench](../results/bench), each of one suite",
        "on one machine; [how speed is measured](../benchmarks/README.md) has its own page. A ratio is that",
        "to the best peer in the same run, above 1 where ours is better; losses are shown as such. On the",
        "GPU, an NVIDIA H200, peers are slower under bf16 than as shipped, and ours replays its steps as a",
        "CUDA graph, which no peer does.",
        "",
        "![Ratios to the best peer](../results/bench/ratios.png)",
        "",
        "## What was to be reached",
        "",
        "Of several measures of one row the worst counts; peers stand after the colon. Where a goal is *at most*, the",
        "number is a multiple of time, a share, a growth or the time itself, of which less is better.",
        "",
        *goal_table(results),
    ]
    for result in _ordered(results):
        lines += ["", *_section(result)]
    return "\n".join(lines) + "\n"


def _ordered(results: Sequence[Result]) -> list[Result]:
    """Suites in the order of the goals, others after them."""
    order = [goal.suite for goal in GOALS]
    return sorted(results, key=lambda each: order.index(each["suite"]) if each["suite"] in order else len(order))


def goal_table(results: Sequence[Result]) -> list[str]:
    """Each goal with what was measured and whether that meets it."""
    rows = [["what", "goal", "aim", *MACHINES]]
    for goal in GOALS:
        reach, aim = (f"{each:,g}{goal.unit}" for each in (goal.reach, goal.aim))
        side = "at least" if goal.by in ("ratio", "least") else "at most"
        cells = (_cell(goal, results, *machine) for machine in MACHINES.values())
        rows.append([goal.title, f"{side} {reach}", aim, *cells])
    return _table(rows)


def _cell(goal: Goal, results: Sequence[Result], device: str, processor: str) -> str:
    if goal.device != device or goal.processor not in processor:
        return ""
    there = [each for each in results if each["device"] == device and processor in each["machine"]["processor"]]
    found = _found(goal, there)
    return "not measured" if found is None else f"{_number(found)}{goal.unit}, {_verdict(goal, found)}"


def figure_of(results: Sequence[Result]) -> Figure:
    """Every speed that has a peer, as a ratio on a logarithmic axis; a suite with many in one line of marks."""
    lines: dict[str, dict[str, list[float]]] = {}
    for result in _ordered(results):
        for name, ratios in _lines(result):
            lines.setdefault(name, {})[_machine(result)] = ratios
    machines = sorted({machine for measured in lines.values() for machine in measured})
    with styled():
        figure = Figure(figsize=(7.2 + 1.3 * len(machines), 1.4 + 0.36 * len(lines)), layout="constrained")
        axes, *columns = figure.subplots(1, 1 + len(machines), sharey=True, width_ratios=[4, *(1 for _ in machines)])
        for column, machine, marker in zip(columns, machines, MARKERS, strict=False):
            column.axis("off")
            found = {height: lines[name][machine] for height, name in enumerate(lines) if machine in lines[name]}
            _draw_machine(axes, found, machine=machine, marker=marker, column=column)
        axes.axvline(1, color=GRAY, linewidth=1)
        axes.set(xscale="log", ylim=(len(lines) - 0.4, -0.6), yticks=range(len(lines)))
        _label(axes, lines)
        figure.suptitle(
            "Times as fast as the best peer or the bound in the same run (red: slower)",
            x=0.01,
            ha="left",
            weight="bold",
        )
    return figure


def _draw_machine(axes: Any, found: Mapping[int, Sequence[float]], *, machine: str, marker: str, column: Any) -> None:
    """The ratios of one machine by the height of their line, and their numbers in a column of its own."""
    column.text(0, -0.9, f"{MARKERS[marker]} {machine}", color=DARK, va="center")
    for height, ratios in found.items():
        colors = [OURS if ratio >= 1 else LOSS for ratio in ratios]
        many = len(ratios) > 1
        axes.scatter(
            ratios, [height] * len(ratios), color=colors, marker=marker, s=28, linewidths=0, alpha=0.4 if many else 1
        )
        if not many:
            axes.hlines([height], 1, ratios, color=colors, linewidth=1.5, alpha=0.5)
            column.text(0, height, f"{_number(ratios[0])}×", color=colors[0], va="center")


def _label(axes: Any, lines: Mapping[str, Mapping[str, Sequence[float]]]) -> None:
    every = [ratio for measured in lines.values() for ratios in measured.values() for ratio in ratios] or [1.0]
    low, high = min(0.5, 0.7 * min(every)), max(2.0, 1.5 * max(every))
    decades = [10.0**power for power in range(-4, 5)]
    finer = decades if high / low > 500 else [each * decade for decade in decades for each in (1, 2, 5)]
    ticks = [tick for tick in finer if low <= tick <= high]
    axes.set(xlim=(low, high), xticks=ticks, xticklabels=[f"{tick:g}×" for tick in ticks])
    axes.set_yticklabels([fill(name, 60) for name in lines], color=DARK)
    axes.grid(visible=True, axis="x", color=FAINT)
    axes.grid(visible=False, axis="y")
    axes.minorticks_off()


def _machine(result: Result) -> str:
    machine = result["machine"]
    name: str = machine.get("accelerator") or machine["processor"]
    return name.replace("(R)", "").removesuffix(" Processor")


def _lines(result: Result) -> Iterator[tuple[str, list[float]]]:
    timed = [each for each in result["measures"] if each["ratio_to_best_peer"] and each["spread"]]
    if len(timed) > FEW:
        yield f"{result['suite']}: each of {len(timed)}", [each["ratio_to_best_peer"] for each in timed]
        return
    for each in timed:
        bound = " (a bound, no peer)" if "forward passes alone" in each["peers"] else ""
        yield textwrap.shorten(each["name"], 70, placeholder=" …") + bound, [each["ratio_to_best_peer"]]


def _section(result: Result) -> Iterator[str]:
    machine, versions = result["machine"], result["versions"]
    where = machine.get("accelerator") or f"{machine['processor']}, {machine['cores']} cores"
    yield f"## {result['suite']} ({where})"
    yield ""
    packages = ", ".join(f"{name} {version}" for name, version in versions.items())
    yield f"`{result['command']}` at commit {result['commit']}, {machine['memory_gb']} GB of memory; {packages}."
    if result["skipped"]:
        yield f"Skipped, since not installed: {', '.join(result['skipped'])}."
    yield ""
    rows = [["measure", "ours", "unit", "peers", "ratio", "note"]]
    rows += [_row(measure) for measure in result["measures"]]
    yield from _table(rows)
    where = {name: _percent(shares) for name, shares in result.get("where the time goes", {}).items()}
    for name, shares in (result.get("profile", {}) | where).items():
        yield from ["", f"Where the time goes: {name}", ""]
        yield from _table([["what", "% of the time"], *([group, f"{share:.1f}"] for group, share in shares.items())])
    for name, stages in result.get("where the memory goes", {}).items():
        yield from ["", f"Where the memory goes: {name}", ""]
        yield from _table([["up to the end of", "peak, MB"], *([stage, f"{mb:.0f}"] for stage, mb in stages.items())])


def _percent(shares: Mapping[str, float]) -> dict[str, float]:
    return {name: 100 * share for name, share in shares.items()}


def _row(measure: Mapping[str, Any]) -> list[str]:
    def shown(name: str, median: float) -> str:
        spread = measure["spread"].get(name)
        return _number(median) + (f" ({_number(spread[0])}–{_number(spread[1])})" if spread else "")

    ratio = measure["ratio_to_best_peer"]
    verdict = "" if ratio is None else f"**{_number(ratio)}×**" if ratio >= 1 else f"{_number(ratio)}× (a loss)"
    peers = "<br>".join(f"{name} {shown(name, median)}" for name, median in measure["peers"].items())
    return [measure["name"], shown("negatoscope", measure["ours"]), measure["unit"], peers, verdict, measure["note"]]


def _found(goal: Goal, results: Sequence[Result]) -> float | None:
    """What was measured; where several measures match, the worst of them."""
    matching = [
        measure
        for result in results
        if result["suite"] == goal.suite
        for measure in result["measures"]
        if re.search(goal.name, measure["name"])
    ]
    ours = [float(each["ours"]) for each in matching]
    ratios = [_ratio(goal, each) for each in matching if each["ratio_to_best_peer"]]
    match goal.by:
        case "ratio":
            return min(ratios, default=None)
        case "inverse":
            return max((1 / ratio for ratio in ratios), default=None)
        case "least":
            return min(ours, default=None)
        case "most":
            return max(ours, default=None)
        case "growth":
            return 100 * (ours[-1] / ours[0] - 1) if len(ours) > 1 else None


def _ratio(goal: Goal, measure: Mapping[str, Any]) -> float:
    counted = [median for name, median in measure["peers"].items() if name.startswith(goal.among)]
    return float(measure["ours"] / max(counted) if goal.among and counted else measure["ratio_to_best_peer"])


def _verdict(goal: Goal, found: float) -> str:
    sign = 1 if goal.by in ("ratio", "least") else -1
    if sign * found >= sign * goal.aim:
        return "the aim is met"
    return "met" if sign * found >= sign * goal.reach else "**not met**"


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return [lines[0], "|" + "---|" * len(rows[0]), *lines[1:]]


def _number(value: float) -> str:
    """Three digits or so: what a reader can hold."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    main()
