"""What an audit says, counted again with pandas, statsmodels and scikit-learn."""

import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from scipy import stats
from sklearn.metrics import mutual_info_score
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from negatoscope.auditing.audit_result import AuditResult
from negatoscope.auditing.compare_models import compare_models
from negatoscope.auditing.measurement import ReachedL2
from negatoscope.auditing.results import AuditSummary
from negatoscope.auditing.summary import summarize
from negatoscope.documents import from_plain, to_plain
from negatoscope.errors import DataError
from negatoscope.rows import SCHEMA, read_rows, write_rows
from negatoscope.transforms import CLEAN

PRESERVED = {"gamma(exponent=2.0)": [1, 2, 4]}
LABEL_PRESERVING = ["negative", "gamma(exponent=2.0)", "gamma(exponent=0.5)"]
SHARED = {"n", "correct", "accuracy", "low", "high", "top5_accuracy", "confidence", "ece", "reliability", "per_class"}
CHANGED = {
    *("spec", "name", "kind", "parameters", "preserved", "clean_accuracy", "drop", "drop_low", "drop_high", "p_value"),
    *("p_holm", "consistency", "consistency_low", "consistency_high", "attack_success_rate", "attack_success_low"),
    *("attack_success_high", "misclassified_confidence", "confusion", "entropy_bits", "information_bits"),
    *("information_null_bits", "reached_l2", "lost", "gained", "repeats", "assumed", "mean_queries", "median_queries"),
    "examples",
}
CLASS = {"label", "name", "n", "accuracy", "low", "high"}
WHOLE = {
    *("schema", "model", "dataset", "suite", "n", "unreadable", "unreadable_named", "self_check", "clean", "chance"),
    *("majority", "transforms", "mean", "worst_case", "verdict", "gate", "provenance"),
}


@pytest.fixture(scope="module")
def audited(tmp_path_factory, make_rows_and_facts):
    """The rows as pandas has them, by transform and sample, and their summary."""
    folder = tmp_path_factory.mktemp("audit")
    facts = make_rows_and_facts(folder, preserved=PRESERVED)
    table = read_rows(folder / "rows.parquet").to_pandas()
    table["right"] = table["label"] == table["prediction"]
    by_transform = {name: rows.set_index("sample").sort_index() for name, rows in table.groupby("transform")}
    return by_transform, summarize(folder / "rows.parquet", **facts)


@pytest.fixture(params=[*LABEL_PRESERVING, "noise(l2=1.0)", "negative_path(share=0.5)"])
def change(request, audited):
    """A transform's entry with its rows, and those of the same images before."""
    by_transform, summary = audited
    after = by_transform[request.param]
    after = after[after["label"].isin(PRESERVED.get(request.param, range(5)))]
    entry = next(entry for entry in summary.transforms if entry.spec == request.param)
    return entry, by_transform["clean"].loc[after.index], after


def test_the_summary_has_what_was_agreed_on_and_is_a_document(audited):
    _, summary = audited
    plain = to_plain(summary)
    assert set(plain) == WHOLE
    assert set(plain["clean"]) == SHARED
    assert all(set(entry) == SHARED | CHANGED for entry in plain["transforms"])
    assert all(set(one) == CLASS for entry in plain["transforms"] for one in entry["per_class"])
    assert set(plain["clean"]["reliability"][0]) == {"low", "high", "n", "confidence", "accuracy"}
    assert set(plain["transforms"][0]["confusion"][0]) == {"label", "prediction", "n", "share"}
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert from_plain(plain, AuditSummary) == summary


def test_clean_images_are_counted_as_pandas_counts(audited):
    by_transform, summary = audited
    rows, clean = by_transform["clean"], summary.clean
    assert (summary.n, clean.n, clean.correct) == (400, 400, rows["right"].sum())
    assert clean.accuracy == pytest.approx(rows["right"].mean())
    assert clean.confidence == pytest.approx(rows["confidence"].mean(), rel=1e-6)
    assert summary.majority == pytest.approx(rows["label"].value_counts(normalize=True).max())
    assert summary.chance == 0.2


def test_rates_are_counted_as_pandas_counts(change):
    entry, before, after = change
    kept_before = before["right"]
    assert (entry.n, entry.correct) == (len(after), after["right"].sum())
    assert entry.accuracy == pytest.approx(after["right"].mean())
    assert entry.clean_accuracy == pytest.approx(kept_before.mean())
    assert entry.drop == pytest.approx(kept_before.mean() - after["right"].mean())
    assert entry.consistency == pytest.approx((before["prediction"] == after["prediction"]).mean())
    assert entry.attack_success_rate == pytest.approx((~after["right"][kept_before]).mean())
    assert entry.confidence == pytest.approx(after["confidence"].mean(), rel=1e-6)
    assert entry.misclassified_confidence == pytest.approx(after["confidence"][~after["right"]].mean(), rel=1e-6)
    assert entry.top5_accuracy is None


def test_intervals_and_p_values_are_those_of_statsmodels(change):
    entry, before, after = change
    same = before["prediction"] == after["prediction"]
    attacked = ~after["right"][before["right"]]
    for values, low, high in (
        (after["right"], "low", "high"),
        (same, "consistency_low", "consistency_high"),
        (attacked, "attack_success_low", "attack_success_high"),
    ):
        ends = proportion_confint(values.sum(), len(values), method="wilson")
        assert (getattr(entry, low), getattr(entry, high)) == pytest.approx(ends, abs=1e-9)
    table = pd.crosstab(before["right"], after["right"]).reindex([False, True], axis=0, fill_value=0)
    table = table.reindex([False, True], axis=1, fill_value=0)
    assert entry.p_value == pytest.approx(mcnemar(table, exact=True).pvalue, rel=1e-9)
    moved = np.append(before["right"].astype(int) - after["right"].astype(int), [1, -1])
    ends = stats.norm.interval(0.95, moved.mean(), moved.std() / np.sqrt(len(moved)))
    assert (entry.drop_low, entry.drop_high) == pytest.approx(ends, abs=1e-9)


def test_p_values_are_corrected_over_the_transforms_of_one_kind_as_statsmodels_does(audited):
    _, summary = audited
    for kind in ("label_preserving", "control", "path"):
        family = [entry for entry in summary.transforms if entry.kind == kind]
        expected = multipletests([entry.p_value for entry in family], method="holm")[1]
        assert [entry.p_holm for entry in family] == pytest.approx(list(expected))


def test_a_transform_that_repeats_another_is_counted_once(tmp_path, make_rows_and_facts):
    facts = make_rows_and_facts(tmp_path)
    rows, plan = tmp_path / "rows.parquet", facts["plan"]
    alone = {entry.spec: entry for entry in summarize(rows, **facts).transforms}
    names = {"solarize(threshold=0.0)": "label_preserving", "pixel_flips(probability=1.0)": "control"}
    negative, position = read_rows(rows, where={"transform": "negative"}), SCHEMA.get_field_index("transform")
    tables = [negative.set_column(position, "transform", [[spec] * negative.num_rows]).cast(SCHEMA) for spec in names]
    write_rows(rows, [read_rows(rows), *tables])
    steps = [replace(plan.transforms[0], spec=spec, kind=kind) for spec, kind in names.items()]
    summary = summarize(rows, **facts | {"plan": replace(plan, transforms=(*reversed(steps), *plan.transforms))})
    entries = {entry.spec: entry for entry in summary.transforms}
    assert {spec: entries[spec].repeats for spec in (*names, "negative")} == {
        "solarize(threshold=0.0)": "",
        "pixel_flips(probability=1.0)": "solarize(threshold=0.0)",
        "negative": "solarize(threshold=0.0)",
    }
    for spec in alone:
        assert entries[spec].p_holm == alone[spec].p_holm
    for spec in names:
        assert entries[spec].p_holm == alone["negative"].p_holm


def test_classes_and_errors_are_counted_as_pandas_counts(change):
    entry, _, after = change
    by_class = after.groupby("label")["right"].agg(["size", "sum", "mean"])
    assert [(one.label, one.n) for one in entry.per_class] == list(by_class["size"].items())
    assert [one.accuracy for one in entry.per_class] == pytest.approx(by_class["mean"].tolist())
    assert entry.per_class[0].name == f"class of {by_class.index[0]}"
    ends = proportion_confint(by_class["sum"], by_class["size"], method="wilson")
    assert [one.low for one in entry.per_class] == pytest.approx(ends[0].tolist(), abs=1e-9)
    assert entry.worst_class.accuracy == pytest.approx(by_class["mean"].min())
    assert entry.best_class.accuracy == pytest.approx(by_class["mean"].max())
    wrong = after[~after["right"]].groupby(["label", "prediction"]).size()
    assert [one.n for one in entry.confusion] == sorted(wrong, reverse=True)[:10]
    for one in entry.confusion:
        assert one.n == wrong[one.label, one.prediction]
        assert one.share == pytest.approx(one.n / by_class["size"][one.label])


def test_information_is_that_of_scipy_and_scikit_learn(change):
    entry, _, after = change
    counts = after["prediction"].value_counts()
    assert entry.entropy_bits == pytest.approx(stats.entropy(counts, base=2))
    information = mutual_info_score(after["label"], after["prediction"]) / math.log(2)
    assert entry.information_bits == pytest.approx(information)
    permuted = [
        mutual_info_score(np.random.default_rng(seed).permutation(after["label"]), after["prediction"]) / math.log(2)
        for seed in range(60)
    ]
    assert np.median(permuted) < entry.information_null_bits < 1.2 * max(permuted)


def test_what_repeats_clean_images_or_another_transform_has_no_part_in_the_mean(tmp_path, make_rows_and_facts):
    rates = {"clean": 0.9, "negative": 0.5, "gamma(exponent=2.0)": 0.5, "gamma(exponent=0.5)": 0.9}
    facts = make_rows_and_facts(tmp_path, rates=rates)
    rows = read_rows(tmp_path / "rows.parquet")
    own = rows.filter(pc.is_in(rows["transform"], pa.array(["clean", "negative"])))
    copies = [read_rows(tmp_path / "rows.parquet", where={"transform": spec}) for spec in ("negative", "clean")]
    named = zip(copies, ("gamma(exponent=2.0)", "gamma(exponent=0.5)"), strict=True)
    place = rows.schema.get_field_index("transform")
    again = [copy.set_column(place, "transform", [[name] * len(copy)]).cast(rows.schema) for copy, name in named]
    write_rows(tmp_path / "rows.parquet", [own, *again])
    summary = summarize(tmp_path / "rows.parquet", **facts)
    assert summary.mean.transforms == 1
    assert summary.mean.accuracy == summary.transforms[0].accuracy
    compared = compare_models([AuditResult(summary, tmp_path)] * 2)
    assert compared.means == (summary.mean.accuracy,) * 2


def test_what_leaves_the_classes_whose_label_it_keeps_as_they_are_has_no_part_in_the_mean(
    tmp_path, make_rows_and_facts
):
    spec = "gamma(exponent=0.5)"
    facts = make_rows_and_facts(tmp_path, rates={"clean": 0.9, "negative": 0.5, spec: 0.9}, preserved={spec: (0, 2)})
    rows = read_rows(tmp_path / "rows.parquet")
    own = rows.filter(pc.is_in(rows["transform"], pa.array(["clean", "negative"])))
    clean = read_rows(tmp_path / "rows.parquet", where={"transform": "clean"})
    place = rows.schema.get_field_index("transform")
    write_rows(
        tmp_path / "rows.parquet", [own, clean.set_column(place, "transform", [[spec] * len(clean)]).cast(rows.schema)]
    )
    summary = summarize(tmp_path / "rows.parquet", **facts)
    assert (summary.transforms[1].preserved, summary.mean.transforms) == ((0, 2), 1)
    compared = compare_models([AuditResult(summary, tmp_path)] * 2)
    assert compared.means == (summary.mean.accuracy,) * 2


def test_mean_and_worst_case_are_over_the_transforms_that_preserve_labels(audited):
    by_transform, summary = audited
    entries = [entry for entry in summary.transforms if entry.spec in LABEL_PRESERVING]
    assert summary.mean.accuracy == pytest.approx(np.mean([entry.accuracy for entry in entries]))
    assert summary.mean.low < summary.mean.accuracy < summary.mean.high
    right = []
    for sample, row in by_transform["clean"].iterrows():
        specs = [spec for spec in LABEL_PRESERVING if row["label"] in PRESERVED.get(spec, range(5))]
        right.append(row["right"] and all(by_transform[spec].loc[sample, "right"] for spec in specs))
    assert summary.worst_case.accuracy == pytest.approx(np.mean(right))
    ends = proportion_confint(sum(right), len(right), method="wilson")
    assert (summary.worst_case.low, summary.worst_case.high) == pytest.approx(ends, abs=1e-9)
    assert summary.worst_case.n == 400


def test_images_for_which_no_transform_applies_are_no_survivors(tmp_path, make_audit):
    summary = make_audit(
        tmp_path,
        rates={"clean": 0.95, "negative": 0.1, "gamma(exponent=0.5)": 0.9},
        preserved={"negative": [1], "gamma(exponent=0.5)": [1, 2]},
    )
    rows = read_rows(tmp_path / "rows.parquet", where={"transform": "clean"}).to_pandas()
    assert summary.worst_case.n == rows["label"].isin([1, 2]).sum() < summary.n
    for entry in summary.transforms:
        others = summary.worst_case.n - entry.n
        assert summary.worst_case.correct <= entry.correct + others
    assert summary.worst_case.accuracy < min(entry.accuracy for entry in summary.transforms[1:])


def test_preserved_classes_and_what_noise_reached_are_reported(audited):
    _, summary = audited
    transforms = {entry.spec: entry for entry in summary.transforms}
    assert transforms["gamma(exponent=2.0)"].preserved == (1, 2, 4)
    assert transforms["negative"].preserved is None
    gamma = transforms["gamma(exponent=0.5)"]
    assert (gamma.name, gamma.kind) == ("gamma", "label_preserving")
    assert transforms["noise(l2=1.0)"].reached_l2 == ReachedL2(mean=0.9, max=1.0)
    assert transforms["negative"].reached_l2 is None


def test_many_classes_have_a_top5_accuracy(tmp_path, make_audit):
    summary = make_audit(tmp_path, classes=300, n=600)
    rows = read_rows(tmp_path / "rows.parquet", where={"transform": "negative"}).to_pandas()
    assert summary.transforms[0].top5_accuracy == pytest.approx((rows["label_rank"] < 5).mean())
    assert summary.clean.top5_accuracy >= summary.clean.accuracy
    assert summary.transforms[0].information_null_bits > 0


def test_a_transform_under_which_no_image_keeps_its_label_has_no_result_and_counts_nowhere(tmp_path, make_audit):
    summary = make_audit(tmp_path, preserved={"negative": []})
    entry = summary.transforms[0]
    assert (entry.n, entry.preserved, entry.accuracy, entry.p_holm) == (0, (), None, None)
    others = [entry.accuracy for entry in summary.transforms[1:3]]
    assert summary.mean.accuracy == pytest.approx(np.mean(others))
    json.dumps(to_plain(summary), allow_nan=False)


def test_without_a_transform_that_preserves_labels_there_is_no_worst_case(tmp_path, make_audit):
    summary = make_audit(tmp_path, rates={"clean": 0.9, "noise(l2=1.0)": 0.8})
    assert (summary.mean, summary.worst_case) == (None, None)


def test_a_classifier_that_is_never_right_has_nothing_to_lose(tmp_path, make_audit):
    summary = make_audit(tmp_path, rates={"clean": -1.0, "negative": 2.0}, n=40)
    assert summary.clean.accuracy == 0
    assert summary.transforms[0].attack_success_rate is None
    assert summary.transforms[0].misclassified_confidence is None


def test_frames_of_the_same_object_widen_every_interval(tmp_path, make_audit):
    alone, together = (make_audit(tmp_path / name, frames=frames) for name, frames in (("a", 0), ("b", 20)))
    for low, high in (("low", "high"), ("drop_low", "drop_high"), ("consistency_low", "consistency_high")):
        entries = [summary.transforms[0] for summary in (alone, together)]
        widths = [getattr(entry, high) - getattr(entry, low) for entry in entries]
        assert widths[1] > 1.5 * widths[0]
    assert together.worst_case.low < together.worst_case.accuracy < together.worst_case.high


def test_one_object_is_not_resampled(tmp_path, make_audit):
    entry = make_audit(tmp_path, frames=1000).transforms[0]
    assert entry.low < entry.accuracy < entry.high


def test_neither_the_order_of_rows_nor_how_they_are_stored_changes_a_number(tmp_path, make_rows_and_facts):
    facts = make_rows_and_facts(tmp_path, n=150)
    rows = tmp_path / "rows.parquet"
    expected = summarize(rows, **facts)
    table = read_rows(rows)
    shuffled = table.take(np.random.default_rng(0).permutation(table.num_rows))
    write_rows(tmp_path / "shuffled.parquet", [shuffled])
    for part in range(3):
        write_rows(
            tmp_path / "parts.parquet" / f"{part}.parquet", [shuffled.slice(200 * part, 200 if part < 2 else None)]
        )
    for name in ("shuffled", "parts"):
        assert summarize(tmp_path / f"{name}.parquet", **facts) == expected


def test_outputs_that_stand_for_no_class_do_not_count_for_chance(tmp_path, make_rows_and_facts):
    facts = make_rows_and_facts(tmp_path, n=20)
    for class_map, chance in (((5, 1, 900, 3, 2), 0.2), ((), 1 / 1001)):
        spec = replace(facts["plan"].classifier.input_spec, classes=1001, class_map=class_map)
        plan = replace(facts["plan"], classifier=replace(facts["plan"].classifier, input_spec=spec))
        assert summarize(tmp_path / "rows.parquet", **facts | {"plan": plan}).chance == chance


def test_a_prediction_beyond_the_classes_of_the_data_has_a_number_for_a_name(tmp_path, make_rows_and_facts):
    facts = make_rows_and_facts(tmp_path, n=60)
    dataset = replace(facts["plan"].dataset, labels=np.zeros(5, dtype=np.int64), class_names=("only",))
    plan = replace(facts["plan"], dataset=dataset)
    summary = summarize(tmp_path / "rows.parquet", **facts | {"plan": plan})
    assert [one.name for one in summary.clean.per_class] == ["only", *(f"class {i}" for i in range(1, 5))]


def _without(table, index):
    return table.take([row for row in range(table.num_rows) if row != index])


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (
            lambda table: table.filter(pc.field("transform") != "negative"),
            "expected rows of negative, got none",
        ),
        (lambda table: table.filter(pc.field("transform") != CLEAN), "expected rows of clean, got none"),
        (lambda table: _without(table, 0), "expected rows of negative for the images of clean, got those of others"),
        (lambda table: pa.concat_tables([table, table.slice(0, 1)]), "expected one row for each image under clean"),
    ],
)
def test_rows_that_are_not_those_of_the_audit_are_one_sentence(tmp_path, make_rows_and_facts, damage, reason):
    facts = make_rows_and_facts(tmp_path, n=20)
    rows = tmp_path / "rows.parquet"
    write_rows(rows, [damage(read_rows(rows)).cast(SCHEMA)])
    with pytest.raises(DataError, match=reason):
        summarize(rows, **facts)


def test_only_the_columns_and_the_rows_in_question_are_read(tmp_path, make_rows_and_facts, monkeypatch):
    facts = make_rows_and_facts(tmp_path)
    held = []
    real = pq.ParquetFile.read_row_groups

    def recording(file, *arguments, **settings):
        table = real(file, *arguments, **settings)
        held.append(table)
        return table

    monkeypatch.setattr(pq.ParquetFile, "read_row_groups", recording)
    summarize(tmp_path / "rows.parquet", **facts)
    names = [table for table in held if table.column_names == ["transform"]]
    rows = [table for table in held if table not in names]
    assert sum(table.num_rows for table in names) == sum(table.num_rows for table in rows) == 6 * 400
    assert max(table.num_rows for table in rows) == 400, "one of the six transforms at a time"
    assert not any("sample_hash" in table.column_names for table in rows)
