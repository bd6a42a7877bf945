"""Two audits side by side, held against pandas and statsmodels."""

import io

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from rich.console import Console
from scipy.stats import fisher_exact
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep

from negatoscope.auditing.audit_result import read_audit
from negatoscope.auditing.compare import ComparedAudit, Comparison, compare
from negatoscope.auditing.compare_terminal import compare_tables
from negatoscope.documents import from_plain, to_plain
from negatoscope.errors import DataError
from negatoscope.hardening.proof import OrbitPredictions, measure_method
from negatoscope.rows import SCHEMA, read_rows, write_rows
from negatoscope.statistics.clusters import cluster_bootstrap
from negatoscope.statistics.paired import paired_difference

A = {"clean": 0.95, "negative": 0.3, "gamma(exponent=2.0)": 0.9, "noise(l2=1.0)": 0.93}
B = {"clean": 0.97, "negative": 0.6, "gamma(exponent=2.0)": 0.5, "negative_path(share=0.5)": 0.2}
SHARED = ["clean", "negative", "gamma(exponent=2.0)", "worst_case"]


def _right(folder, transform, *, column="sample_hash"):
    rows = read_rows(folder / "rows.parquet", where={"transform": transform}).to_pandas().set_index(column)
    return (rows["label"] == rows["prediction"]).rename("right"), rows["label"]


@pytest.fixture
def folders(tmp_path, make_audit):
    make_audit(tmp_path / "a", rates=A, model="first")
    make_audit(tmp_path / "b", rates=B, model="second", seed=1)
    return tmp_path / "a", tmp_path / "b"


def test_answers_about_the_same_images_are_compared_as_statsmodels_compares_them(folders):
    found = compare(*folders)
    assert (found.schema, found.paired) == (2, True)
    assert found.a == ComparedAudit(folder="a", model="first", dataset="mnist, test")
    assert [entry.spec for entry in found.rates] == SHARED
    for entry, transform in zip(found.rates, ["clean", *SHARED[1:3]], strict=False):
        a, b = (_right(folder, transform)[0].sort_index() for folder in folders)
        table = pd.crosstab(a, b).reindex([False, True], axis=0, fill_value=0).reindex([False, True], axis=1)
        assert (entry.n, entry.a, entry.b) == (400, pytest.approx(a.mean()), pytest.approx(b.mean()))
        assert entry.difference == pytest.approx(b.mean() - a.mean())
        assert entry.p_value == pytest.approx(mcnemar(table.fillna(0), exact=True).pvalue, rel=1e-9)
        assert entry.low < entry.difference < entry.high
    corrected = multipletests([entry.p_value for entry in found.rates], method="holm")[1]
    assert [entry.p_holm for entry in found.rates] == pytest.approx(list(corrected))
    assert (found.only_a, found.only_b) == (("noise(l2=1.0)",), ("negative_path(share=0.5)",))
    assert from_plain(to_plain(found), Comparison) == found


def test_what_only_one_audit_has_is_named_in_markdown_and_on_a_terminal(folders):
    found = compare(*folders)
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(compare_tables(found))
    for text in (console.export_text(), str(found)):
        assert "Only A was audited under noise(l2=1.0)." in text
        assert "Only B was audited under negative_path(share=0.5)." in text
        assert "over the accuracies of one kind" in " ".join(text.split()), "of two audits no others are corrected for"


def test_controls_are_corrected_apart_and_repetitions_count_once(tmp_path, make_audit):
    rates = {"clean": 0.95, "negative": 0.3, "gamma(exponent=2.0)": 0.9, "noise(l2=1.0)": 0.93, "noise(l2=2.0)": 0.9}
    for name, seed in (("a", 0), ("b", 1)):
        make_audit(tmp_path / name, rates=rates, seed=seed)
        rows = read_rows(tmp_path / name / "rows.parquet")
        clean, position = read_rows(tmp_path / name / "rows.parquet", where={"transform": "clean"}), 3
        again = clean.set_column(position, "transform", [["gamma(exponent=2.0)"] * 400]).cast(rows.schema)
        others = rows.take([i for i, spec in enumerate(rows["transform"].to_pylist()) if spec != "gamma(exponent=2.0)"])
        write_rows(tmp_path / name / "rows.parquet", [others, again])
    found = {rate.spec: rate for rate in compare(tmp_path / "a", tmp_path / "b").rates}
    assert {spec: rate.repeats for spec, rate in found.items() if rate.repeats} == {"gamma(exponent=2.0)": "clean"}
    for family in (("clean", "negative", "worst_case"), ("noise(l2=1.0)", "noise(l2=2.0)")):
        expected = multipletests([found[spec].p_value for spec in family], method="holm")[1]
        assert [found[spec].p_holm for spec in family] == pytest.approx(list(expected))
    assert found["gamma(exponent=2.0)"].p_holm == found["clean"].p_holm


def test_a_worst_case_counts_images_for_which_a_transform_of_both_applies(tmp_path, make_audit):
    make_audit(tmp_path / "a", rates=A, preserved={"negative": [0, 1], "gamma(exponent=2.0)": [1, 2]})
    make_audit(tmp_path / "b", rates=B, preserved={"negative": [1, 3], "gamma(exponent=2.0)": [2]}, seed=1)
    worst = {rate.spec: rate for rate in compare(tmp_path / "a", tmp_path / "b").rates}["worst_case"]
    labels = _right(tmp_path / "a", "clean")[1]
    assert worst.n == labels.isin([1, 2]).sum()


def test_the_worst_case_is_over_what_both_have(folders):
    found = compare(*folders).rates[-1]
    for folder, side in zip(folders, "ab", strict=True):
        columns = [_right(folder, name, column="sample")[0] for name in ("clean", *SHARED[1:3])]
        assert getattr(found, side) == pytest.approx(np.logical_and.reduce(columns).mean())


def test_the_other_way_round_differences_change_their_sign(folders):
    forth, back = compare(*folders), compare(*reversed(folders))
    for one, other in zip(forth.rates, back.rates, strict=True):
        assert (one.p_value, one.n) == (other.p_value, other.n)
        turned = (-other.difference, -other.high, -other.low)
        assert (one.difference, one.low, one.high) == pytest.approx(turned)


def test_an_audit_does_not_differ_from_itself(folders):
    found = compare(folders[0], folders[0])
    assert {entry.p_holm for entry in found.rates} == {1.0}
    assert {entry.difference for entry in found.rates} == {0.0}
    assert found.verdict == "A and B do not differ significantly in any of the 4 accuracies that both have."


def test_images_are_found_by_their_hash_wherever_they_stand(tmp_path, folders, make_audit):
    order = np.random.default_rng(0).permutation(400)[:250]
    make_audit(tmp_path / "few", rates=B, model="second", seed=1, samples=[int(index) for index in order])
    rows = read_rows(tmp_path / "few" / "rows.parquet")
    position = rows.schema.get_field_index("sample")
    turned = rows.set_column(position, rows.schema.field(position), [1000 - rows["sample"].to_numpy()])
    write_rows(tmp_path / "few" / "rows.parquet", [turned.cast(SCHEMA)])
    found = compare(folders[0], tmp_path / "few")
    assert found.paired
    a, b = (_right(folder, "negative")[0] for folder in (folders[0], tmp_path / "few"))
    both = pd.concat([a, b], axis=1, join="inner")
    entry = found.rates[1]
    assert entry.n == len(both) == 250
    assert (entry.a, entry.b) == pytest.approx(both.mean().tolist())


def test_an_image_that_a_dataset_holds_twice_meets_its_like_once(tmp_path, folders):
    rows = read_rows(folders[1] / "rows.parquet")
    position = rows.schema.get_field_index("sample_hash")
    hashes = rows["sample_hash"].to_numpy().copy()
    twin = hashes[rows["sample"].to_numpy() == 0][0]
    hashes[rows["sample"].to_numpy() == 1] = twin
    write_rows(folders[1] / "rows.parquet", [rows.set_column(position, rows.schema.field(position), [hashes])])
    assert [entry.n for entry in compare(*folders).rates] == [399] * 4


def test_other_images_are_compared_as_two_samples(tmp_path, folders, make_audit):
    make_audit(tmp_path / "other", rates=B, samples=range(300, 600), seed=1)
    found = compare(folders[0], tmp_path / "other")
    assert not found.paired
    a, b = (_right(folder, "negative")[0] for folder in (folders[0], tmp_path / "other"))
    entry = found.rates[1]
    assert (entry.n_a, entry.n_b, entry.n) == (400, 300, 300)
    assert (entry.a, entry.b) == pytest.approx((a.mean(), b.mean()))
    table = [[a.sum(), (~a).sum()], [b.sum(), (~b).sum()]]
    assert entry.p_value == pytest.approx(fisher_exact(table).pvalue)
    ends = confint_proportions_2indep(b.sum(), 300, a.sum(), 400, compare="diff", method="newcomb")
    assert (entry.low, entry.high) == pytest.approx(ends)


def test_only_images_whose_meaning_both_keep_count(tmp_path, make_audit):
    make_audit(tmp_path / "a", rates=A, preserved={"negative": [0, 1, 2]})
    make_audit(tmp_path / "b", rates=B, preserved={"negative": [2, 3]}, seed=1)
    entry = compare(tmp_path / "a", tmp_path / "b").rates[1]
    (a, labels), (b, _) = (_right(tmp_path / name, "negative", column="sample") for name in "ab")
    assert entry.n == (labels == 2).sum()
    assert (entry.a, entry.b) == pytest.approx((a[labels == 2].mean(), b[labels == 2].mean()))


@pytest.mark.parametrize("samples", [range(400), range(500, 900)])
def test_a_transform_of_which_no_image_is_kept_differs_in_nothing(tmp_path, make_audit, samples):
    make_audit(tmp_path / "a", rates=A, preserved={"negative": []})
    make_audit(tmp_path / "b", rates=B, samples=samples)
    _, entry, *_ = rates = compare(tmp_path / "a", tmp_path / "b").rates
    assert (entry.n, entry.a, entry.difference, entry.p_holm) == (0, None, None, 1.0)
    others = [rate for rate in rates if rate.n]
    corrected = multipletests([rate.p_value for rate in others], method="holm")[1]
    assert [rate.p_holm for rate in others] == pytest.approx(list(corrected))


def test_where_images_are_frames_of_one_object_differences_are_as_uncertain_as_objects(tmp_path, make_audit):
    for name, rates in (("a", A), ("b", B)):
        make_audit(tmp_path / name, rates=rates, frames=40)
    rates = compare(tmp_path / "a", tmp_path / "b").rates
    entry, worst = rates[2], rates[-1]
    a, b = (_right(tmp_path / name, "gamma(exponent=2.0)", column="sample")[0].sort_index() for name in "ab")
    plain = paired_difference(int((b & ~a).sum()), int((a & ~b).sum()), entry.n)
    tracked = cluster_bootstrap(b.to_numpy().astype(int) - a.to_numpy(), np.arange(400) // 40)
    assert tracked.low < plain.low
    assert (entry.low, entry.high) == (tracked.low, tracked.high)
    elements = [rate.spec for rate in rates[1:-1]]
    before, after = (OrbitPredictions(read_audit(tmp_path / name), elements) for name in "ab")
    change = measure_method(before, after, focus="negative").orbit_worst_change
    assert (change.n, change.low, change.high) == (worst.n, worst.low, worst.high)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, r"^expected a finished audit in '.*', which has no summary.json; give the --out of one that ended$"),
        ("{", "expected the summary of a finished audit in .*summary.json, got a file that is no JSON; audit again"),
        ("[]", "expected the summary of a finished audit of schema 2 in .*summary.json, got schema None; audit again"),
        ('{"schema": 1}', "expected the summary of a finished audit of schema 2 in .*, got schema 1; audit again"),
        ('{"schema": 2}', "expected the summary of a finished audit in .*, but expected model, which is missing"),
    ],
)
def test_a_folder_that_holds_no_audit_is_one_sentence(tmp_path, folders, content, reason):
    (tmp_path / "none").mkdir()
    if content is not None:
        (tmp_path / "none" / "summary.json").write_text(content)
    with pytest.raises(DataError, match=reason):
        compare(folders[0], tmp_path / "none")


def test_an_audit_without_rows_is_one_sentence(folders):
    (folders[1] / "rows.parquet").unlink()
    with pytest.raises(DataError, match=r"expected rows in .*, but there is no such file"):
        compare(*folders)


def test_objects_that_one_audit_knows_count_in_both(tmp_path, make_audit):
    for name, rates in (("a", A), ("b", B)):
        make_audit(tmp_path / name, rates=rates, frames=40)
    both = compare(tmp_path / "a", tmp_path / "b").rates[2]
    rows = read_rows(tmp_path / "a" / "rows.parquet")
    place = rows.schema.get_field_index("track")
    without = pa.nulls(len(rows), rows.schema.field(place).type)
    write_rows(tmp_path / "a" / "rows.parquet", [rows.set_column(place, rows.schema.field(place), without)])
    one = compare(tmp_path / "a", tmp_path / "b").rates[2]
    assert (one.low, one.high, one.p_value) == (both.low, both.high, both.p_value)
