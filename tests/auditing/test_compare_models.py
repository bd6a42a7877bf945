"""Several audits side by side, held against each pair of them and against pandas and statsmodels."""

from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from negatoscope.auditing.audit_result import read_audit
from negatoscope.auditing.compare import compare
from negatoscope.auditing.compare_models import ModelComparison, compare_models
from negatoscope.auditing.compare_page import compare_html, differences
from negatoscope.auditing.page_csv import compare_csv
from negatoscope.documents import from_plain, to_plain
from negatoscope.errors import InputError
from negatoscope.rows import read_rows

A = {"clean": 0.95, "negative": 0.3, "gamma(exponent=2.0)": 0.9, "noise(l2=1.0)": 0.93}
B = {"clean": 0.97, "negative": 0.6, "gamma(exponent=2.0)": 0.5, "noise(l2=1.0)": 0.97}
C = {"clean": 0.90, "negative": 0.1, "gamma(exponent=2.0)": 0.8, "gamma(exponent=0.5)": 0.8, "noise(l2=1.0)": 0.93}


@pytest.fixture
def folders(tmp_path, make_audit):
    for seed, (name, rates) in enumerate({"a": A, "b": B, "c": C}.items()):
        make_audit(tmp_path / name, rates=rates, model=f"<{name}>", seed=seed)
    return [tmp_path / name for name in "abc"]


@pytest.mark.parametrize("n", [2, 3])
def test_a_comparison_is_a_data_frame_and_a_latex_table(folders, n):
    found = compare(*folders[:n])
    frame, table = found.to_pandas(), found.to_latex()
    clean = frame[frame["spec"] == "clean"]
    if n == 2:
        assert (clean["a"].item(), clean["b"].item()) == (found.rates[0].a, found.rates[0].b)
    else:
        assert clean["accuracy"].tolist() == [model.accuracy for model in found.rates[0].models]
        assert clean["model"].tolist() == ["<a>", "<b>", "<c>"]
        assert "to_latex()" in compare_html(found)
    assert table.startswith(r"\begin{tabular}{lr")
    assert table.count(r" \\") == 1 + len(frame)
    assert table.isascii()


def test_each_difference_is_that_of_the_pair(folders):
    found = compare(*folders)
    assert isinstance(found, ModelComparison)
    for number in (1, 2):
        pair = {rate.spec: rate for rate in compare(folders[0], folders[number]).rates}
        for rate in (one for one in found.rates if one.spec != "worst_case"):
            first, model, two = rate.models[0], rate.models[number], pair[rate.spec]
            assert (first.accuracy, model.accuracy, model.n) == (two.a, two.b, two.n)
            assert (model.difference, model.p_value) == (two.difference, two.p_value)
            assert (model.difference_low, model.difference_high) == (two.low, two.high)
            assert (first.difference, first.p_holm) == (None, None)
    assert found.not_shared == ("gamma(exponent=0.5)",)
    assert from_plain(to_plain(found), ModelComparison) == found


def test_p_values_are_corrected_over_all_models_and_the_rates_of_a_kind(folders):
    found = compare(*folders)
    for kind in ("label_preserving", "control"):
        models = [model for rate in found.rates if rate.kind == kind for model in rate.models[1:]]
        corrected = multipletests([model.p_value for model in models], method="holm")[1]
        assert [model.p_holm for model in models] == pytest.approx(list(corrected))


def test_accuracies_have_wilson_intervals_and_places(folders):
    for rate in compare(*folders).rates:
        accuracies = [model.accuracy for model in rate.models]
        for model in rate.models:
            ends = proportion_confint(round(model.accuracy * model.n), model.n, method="wilson")
            assert (model.low, model.high) == pytest.approx(ends)
            assert model.place == 1 + sum(other > model.accuracy for other in accuracies)


def test_all_models_are_measured_on_the_images_that_all_have(tmp_path, folders, make_audit):
    make_audit(tmp_path / "few", rates=C, seed=2, samples=range(100, 400))
    found = compare(*folders[:2], tmp_path / "few")
    assert found.paired
    clean = found.rates[0]
    assert [model.n for model in clean.models] == [300] * 3
    rows = read_rows(folders[0] / "rows.parquet", where={"transform": "clean"}).to_pandas().set_index("sample")
    some = rows.loc[100:399]
    assert clean.models[0].accuracy == pytest.approx(np.mean(some["label"] == some["prediction"]))


def test_the_means_are_over_the_transforms_that_all_have(folders):
    found = compare(*folders)
    rates = {rate.spec: [model.accuracy for model in rate.models] for rate in found.rates}
    expected = np.mean([rates["negative"], rates["gamma(exponent=2.0)"]], axis=0)
    assert found.means == pytest.approx(list(expected))
    assert found.verdict.startswith(
        "Mean accuracy under label-preserving transforms: A (<a>)"
        if expected[0] > expected[1]
        else "Mean accuracy under label-preserving transforms: B (<b>)"
    )


def test_where_one_model_has_no_image_a_transform_enters_no_mean_and_no_correction(tmp_path, folders, make_audit):
    make_audit(tmp_path / "other", rates=C, seed=2, samples=range(500, 900), preserved={"negative": []})
    for order in ([*folders[:2], tmp_path / "other"], [tmp_path / "other", *folders[:2]]):
        found = compare(*order)
        assert not found.paired
        rates = {rate.spec: rate.models for rate in found.rates}
        assert found.means == tuple(model.accuracy for model in rates["gamma(exponent=2.0)"])
        family = [model for rate in found.rates if rate.kind == "label_preserving" for model in rate.models[1:]]
        tested = [model for model in family if model.difference is not None]
        assert len(family) - len(tested) == (1 if order[0] == folders[0] else 2)
        corrected = multipletests([model.p_value for model in tested], method="holm")[1]
        assert [model.p_holm for model in tested] == pytest.approx(list(corrected))


def test_two_audits_of_one_model_share_their_places(folders):
    found = compare(folders[0], folders[0], folders[1])
    assert all(rate.models[0].place == rate.models[1].place for rate in found.rates)
    assert "B (<a>) does not differ significantly from A" in found.verdict


def test_one_audit_is_none_to_compare(folders):
    with pytest.raises(InputError, match="expected 2 to 26 audits to compare, got 1"):
        compare_models([read_audit(folders[0])])


class Texts(HTMLParser):
    """The texts and the tags of a page."""

    def __init__(self):
        super().__init__()
        self.texts, self.tags = [], []

    def handle_data(self, data):
        self.texts.append(data)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))


def test_the_page_shows_every_number_loads_nothing_and_escapes_names(folders):
    found = compare(*folders)
    page = Texts()
    page.feed(compare_html(found))
    text = " ".join("".join(page.texts).split())
    assert "<a>" in text
    assert ("a", {}) not in page.tags, "a name is no tag"
    assert not [attrs for _, attrs in page.tags if str(attrs.get("src", "")).startswith("http")]
    for rate in found.rates:
        for model in rate.models:
            assert f"{100 * model.accuracy:.1f}" in text
            if model.difference is not None:
                low, high = (
                    f"{100 * end:+.1f}".replace("-", "−") for end in (model.difference_low, model.difference_high)
                )
                assert f"[{low}, {high}]" in text


def test_two_audits_have_the_same_page_and_numbers_as_their_comparison(folders):
    two, page = compare(*folders[:2]), compare_models([read_audit(folder) for folder in folders[:2]])
    assert [rate.p_holm for rate in two.rates] == [rate.models[1].p_holm for rate in page.rates]
    assert [rate.difference for rate in two.rates] == [rate.models[1].difference for rate in page.rates]
    assert "<h1" in compare_html(page)


def test_a_page_about_different_data_names_all_of_them(folders):
    found = compare(*folders)
    first, *others = found.audits
    apart = replace(found, paired=False, audits=(replace(first, dataset="gtsrb, test"), *others))
    assert "3 models side by side on <b>gtsrb, test and mnist, test</b>" in compare_html(apart)


def test_the_scale_of_the_chart_holds_every_interval(folders):
    for entry in differences(compare(*folders)):
        ends = [end for _, model in entry.rows for end in (model.difference_low, model.difference_high)]
        assert 100 * max(map(abs, ends)) <= entry.scale <= 100


def test_the_csv_has_a_line_for_each_model_and_rate(folders):
    found = compare(*folders)
    lines = compare_csv(found).splitlines()
    assert len(lines) == 1 + 3 * len(found.rates)
    assert lines[0].startswith("spec,kind,repeats,folder,model,dataset,n,accuracy,low,high,place,difference")
