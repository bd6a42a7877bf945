"""The gate fails on the lower end of an interval and on a significant loss, and on nothing else."""

from dataclasses import replace

import pyarrow.compute as pc
import pytest
import torch

from negatoscope.auditing.audit_result import AuditResult, read_audit
from negatoscope.auditing.gate import GateRule, judge, parse_baseline_on, parse_rule, parse_rules
from negatoscope.auditing.plan import AuditConfig, PlannedTransform
from negatoscope.auditing.results import GateResult
from negatoscope.auditing.steps import transform_step
from negatoscope.documents import write_document
from negatoscope.errors import DataError, InputError, SpecError
from negatoscope.rows import read_rows, write_rows

RATES = {"clean": 0.97, "negative": 0.2, "gamma(exponent=2.0)": 0.95, "gamma(exponent=0.5)": 0.8}


@pytest.fixture
def judged(tmp_path, make_audit):
    """``judged("negative=0.1", baseline=...)``: what becomes of an audit."""
    summary = make_audit(tmp_path / "new", rates=RATES)

    def judge_rules(*rules, **settings):
        changed = replace(summary, **settings.pop("changes", {}))
        return judge(AuditResult(changed, tmp_path / "new"), AuditConfig(fail_under=rules, **settings))

    judge_rules.summary = summary
    return judge_rules


def _lows(summary):
    entries = {entry.spec: entry.low for entry in summary.transforms}
    return {
        **entries,
        "clean": summary.clean.low,
        "mean": summary.mean.low,
        "worst_case": summary.worst_case.low,
        "gamma": min(entries["gamma(exponent=2.0)"], entries["gamma(exponent=0.5)"]),
        "gamma(exponent=2)": entries["gamma(exponent=2.0)"],
    }


@pytest.mark.parametrize(
    ("text", "name", "bound"),
    [
        ("negative=0.9", "negative", 0.9),
        (" clean = 1 ", "clean", 1.0),
        ("worst_case=0", "worst_case", 0.0),
        ("gamma(exponent=2)=0.5", "gamma(exponent=2.0)", 0.5),
        ("gamma=5e-1", "gamma", 0.5),
    ],
)
def test_a_rule_is_a_name_and_a_bound(text, name, bound):
    assert parse_rule(text) == GateRule(text, name, bound)


@pytest.mark.parametrize(
    "text",
    [
        "negative",
        "=0.9",
        "negative=",
        "negative=90",
        "negative=-0.1",
        "negative=nan",
        "negative=90%",
        "gamma(exponent=2.0)",
    ],
)
def test_what_is_no_rule_is_one_sentence(text):
    with pytest.raises(InputError, match=r"expected a rule such as negative=0\.9, with a rate from 0 to 1, got"):
        parse_rule(text)


@pytest.mark.parametrize("text", ["gama(exponent=2.0)=0.9", "gamma(exponnet=2.0)=0.9", "gamma(2.0)=0.9", "a b=0.9"])
def test_a_rule_on_an_impossible_spec_is_refused(text):
    with pytest.raises(SpecError):
        parse_rule(text)


@pytest.mark.parametrize(
    "name", ["negative", "gamma", "gamma(exponent=2)", "gamma(exponent=0.5)", "clean", "mean", "worst_case"]
)
def test_a_rule_holds_where_the_interval_begins_at_the_bound_or_above_it(judged, name):
    low = _lows(judged.summary)[name]
    for bound, passed in ((low - 1e-6, True), (low, True), (low + 1e-6, False)):
        found = judged(f"{name}={bound!r}")
        (rule,) = found.rules
        assert found.passed is rule.passed is passed
        assert (rule.value, rule.bound, rule.rule) == (low, bound, f"{name}={bound!r}")


def test_a_rate_that_reaches_the_bound_fails_where_its_interval_does_not(judged):
    accuracy = judged.summary.transforms[0].accuracy
    (rule,) = judged(f"negative={accuracy}").rules
    assert not rule.passed
    assert rule.sentence.startswith("negative is ")
    assert "below" in rule.sentence


def test_a_bound_that_is_missed_by_a_hair_does_not_look_reached(judged):
    clean = replace(judged.summary.clean, accuracy=0.95, low=0.8999999)
    (rule,) = judged("clean=0.9", changes={"clean": clean}).rules
    assert rule.sentence == "clean is 95.00 %, and its 95 % interval begins at 89.99 %, below 90 %"
    (rule,) = judged("clean=0.9", changes={"clean": replace(clean, low=0.9)}).rules
    assert rule.sentence == "clean is 95.00 %, and its 95 % interval begins at 90.00 %, which reaches 90 %"


def test_several_rules_fail_when_one_does(judged):
    found = judged("clean=0.5", "negative=0.99", "gamma=0.1")
    assert [rule.passed for rule in found.rules] == [True, False, True]
    assert found.passed is False


def test_the_sentence_on_a_name_shows_which_spec_it_was(judged):
    (rule,) = judged("gamma=0.1").rules
    assert rule.sentence.startswith("gamma(exponent=0.5), the lowest of 2, is ")


def test_nothing_asked_for_is_neither_passed_nor_failed(judged):
    assert judged() == GateResult(passed=None, rules=())


@pytest.mark.parametrize(
    ("text", "near"), [("negatve=0.9", "negative"), ("gamma(exponent=3.0)=0.9", "gamma"), ("gama=0.1", "gamma")]
)
def test_a_rule_on_what_is_not_audited_suggests_what_is(judged, text, near):
    with pytest.raises(InputError, match=f"expected a rule on what is audited, got .*; did you mean '{near}"):
        judged(text)


def test_a_rule_can_be_refused_before_the_audit():
    steps = [PlannedTransform("noise(l2=1.0)", "control", transform_step(torch.clone), {}, None)]
    parse_rules(["noise=0.9", "clean=0.9"], steps)
    for name in ("mean", "worst_case"):
        with pytest.raises(InputError, match=f"expected a label-preserving transform for the rule '{name}=0.9'"):
            parse_rules([f"{name}=0.9"], steps)
    with pytest.raises(InputError, match="expected a label-preserving transform for --baseline-on worst_case, got"):
        parse_baseline_on(["worst_case"], steps)


def test_with_brackets_a_rule_is_on_one_setting_of_a_transform_or_an_attack_and_without_on_all():
    weak, strong = "pgd(epsilon=0.1)", "pgd(epsilon=0.3)"
    turned = "flip(axis='top_bottom')"
    specs = {weak: "attack", strong: "attack", "flip": "label_preserving", turned: "label_preserving"}
    steps = [PlannedTransform(spec, kind, transform_step(torch.clone), {}, None) for spec, kind in specs.items()]
    for text, on in (
        (weak, [weak]),
        ("pgd", [weak, strong]),
        ("flip(axis='left_right')", ["flip"]),
        ("flip", ["flip", turned]),
    ):
        for (rule,) in (parse_rules([f"{text}=0.5"], steps), parse_baseline_on([text], steps)):
            assert [spec for spec in specs if rule.matches(spec)] == on
    with pytest.raises(InputError, match=r"got .*flip.*; did you mean 'flip"):
        parse_rules(["flip(axis='left_right')=0.5"], steps[3:])
    with pytest.raises(InputError, match=r"got 'flip'; did you mean 'flip"):
        parse_baseline_on(["flip(axis='left_right')"], steps[3:])


@pytest.mark.parametrize("name", ["negative", "gamma", "worst_case"])
def test_a_rule_fails_where_no_image_keeps_its_label(tmp_path, make_audit, name):
    summary = make_audit(tmp_path, rates=RATES, preserved={spec: [] for spec in RATES})
    (rule,) = judge(AuditResult(summary, tmp_path), AuditConfig(fail_under=[f"{name}=0"])).rules
    assert not rule.passed
    assert "no image keeps its label" in rule.sentence


@pytest.mark.parametrize(("most", "passed"), [(0, False), (2, False), (3, True)])
def test_too_many_unreadable_images_fail(judged, most, passed):
    found = judged(changes={"unreadable": 3}, max_unreadable=most)
    assert found.passed is passed
    assert found.rules[0].sentence == f"3 unreadable images, {most} allowed"


def test_a_significant_loss_against_an_earlier_audit_fails(judged, tmp_path, make_audit):
    make_audit(tmp_path / "old", rates=RATES | {"negative": 0.4}, seed=1)
    found = judged("clean=0.5", baseline=tmp_path / "old")
    rule = found.rules[1]
    assert found.passed is False
    assert (rule.rule, rule.passed, rule.bound) == ("baseline", False, 0.0)
    assert rule.value < -0.1
    assert rule.sentence.startswith("1 of 4 rates fell significantly, most negative, by 1")
    assert rule.sentence.endswith("compared image by image")


def test_a_gain_and_a_loss_by_chance_pass(judged, tmp_path, make_audit):
    make_audit(tmp_path / "old", rates=RATES | {"negative": 0.1, "gamma(exponent=2.0)": 0.951}, seed=1)
    (rule,) = judged(baseline=tmp_path / "old").rules
    assert rule.passed
    assert rule.sentence == "none of 4 rates fell significantly; compared image by image"


CONTROLS = {"noise(l2=1.0)": 0.9, "negative_path(share=0.5)": 0.9}


def test_a_control_that_got_worse_fails_no_gate(tmp_path, make_audit):
    better = {"clean": 0.94, "negative": 0.92}
    make_audit(tmp_path / "old", rates={"clean": 0.91, "negative": 0.05} | CONTROLS)
    summary = make_audit(tmp_path / "new", rates=better | dict.fromkeys(CONTROLS, 0.2), seed=1)
    (rule,) = judge(AuditResult(summary, tmp_path / "new"), AuditConfig(baseline=tmp_path / "old")).rules
    assert rule.passed
    assert rule.sentence == "none of 2 rates fell significantly; compared image by image"


def test_neither_controls_nor_repetitions_hide_a_real_loss(tmp_path, make_audit):
    repeated = {f"pixel_flips(probability={share / 10})": 0.9 for share in range(1, 11)}
    repeated |= {f"negative_path(share={share / 10})": 0.9 for share in range(1, 11)}
    repeated["solarize(threshold=0.0)"] = 0.9
    for name, rate in (("old", 0.93), ("new", 0.895)):
        make_audit(tmp_path / name, rates={"clean": 0.95, "negative": rate} | repeated, n=150)
        rows = read_rows(tmp_path / name / "rows.parquet")
        negative, position = read_rows(tmp_path / name / "rows.parquet", where={"transform": "negative"}), 3
        others = rows.filter(pc.field("transform") != "solarize(threshold=0.0)")
        again = negative.set_column(position, "transform", [["solarize(threshold=0.0)"] * 150]).cast(rows.schema)
        write_rows(tmp_path / name / "rows.parquet", [others, again])
    new = read_audit(tmp_path / "new")
    (rule,) = judge(new, AuditConfig(baseline=tmp_path / "old")).rules
    assert not rule.passed
    assert rule.sentence.startswith("1 of 2 rates fell significantly, most negative, by 4.7 points")


@pytest.mark.parametrize(
    ("settings", "passed", "start"),
    [
        ({"tolerance": 0.3}, True, "none of 4 rates fell significantly by more than 30.0 points;"),
        ({"tolerance": 0.005}, False, "1 of 4 rates fell significantly by more than 0.5 points, most negative, by"),
        ({"baseline_on": ["clean,gamma"]}, True, "none of 3 rates fell"),
        ({"baseline_on": ["clean", "gamma(exponent=0.5)"]}, True, "none of 2 rates fell"),
        ({"baseline_on": ["negative, clean"]}, False, "1 of 2 rates fell significantly, most negative, by"),
        ({"baseline_on": ["worst_case"]}, False, "worst_case fell significantly, by"),
        ({"baseline_on": ["clean"]}, True, "clean did not fall significantly; compared"),
    ],
)
def test_what_is_held_against_the_baseline_and_how_much_may_be_lost_is_the_users(
    judged, tmp_path, make_audit, settings, passed, start
):
    make_audit(tmp_path / "old", rates=RATES | {"negative": 0.4}, seed=1)
    (rule,) = judged(baseline=tmp_path / "old", **settings).rules
    assert rule.passed is passed
    assert rule.sentence.startswith(start)
    assert rule.bound == -settings.get("tolerance", 0)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("negatve", r"expected what --baseline-on names to be audited, got 'negatve'; did you mean 'negative'\?"),
        ("clean,noise", "expected what --baseline-on names to be audited, got 'noise', a control, which fails no gate"),
        ("gama(exponent=2.0)", "did you mean 'gamma'"),
        ("mean", "got 'mean'; "),
    ],
)
def test_what_is_not_audited_or_a_control_is_not_held_against_a_baseline(text, reason):
    steps = [
        PlannedTransform(spec, kind, transform_step(torch.clone), {}, None)
        for spec, kind in (("noise(l2=1.0)", "control"), ("negative", "label_preserving"))
    ]
    held = parse_baseline_on(["negative,clean", "worst_case"], steps)
    assert [rule.name for rule in held] == ["negative", "clean", "worst_case"]
    with pytest.raises(InputError, match=reason):
        parse_baseline_on([text], steps)


def test_what_is_to_be_held_against_a_baseline_that_lacks_it_fails(judged, tmp_path, make_audit):
    make_audit(tmp_path / "old", rates={"clean": 0.9, "gamma(exponent=0.5)": 0.8})
    (rule,) = judged(baseline=tmp_path / "old", baseline_on=["negative,clean"]).rules
    assert not rule.passed
    assert rule.sentence.endswith("; without an image to compare, which also fails: negative")
    assert judged(baseline=tmp_path / "old", baseline_on=["clean,gamma"]).passed


def test_the_new_audit_says_what_preserves_labels(judged, tmp_path, make_audit):
    old = make_audit(tmp_path / "old", rates=RATES | {"negative": 0.4}, seed=1)
    apart = [replace(entry, kind="not_annotated") if entry.spec == "negative" else entry for entry in old.transforms]
    write_document(tmp_path / "old" / "summary.json", replace(old, transforms=tuple(apart)))
    (rule,) = judged(baseline=tmp_path / "old").rules
    assert rule.sentence.startswith("1 of 4 rates fell significantly, most negative"), "annotated since"
    few = [entry for entry in judged.summary.transforms if entry.spec != "negative"]
    open_now = (replace(judged.summary.transforms[0], kind="not_annotated"), *few)
    (rule,) = judged(baseline=tmp_path / "old", changes={"transforms": open_now}).rules
    assert rule.sentence.startswith("none of 3 rates fell significantly")


def test_what_preserves_labels_and_is_not_audited_any_more_fails(tmp_path, judged, make_audit):
    make_audit(tmp_path / "old", rates=RATES | CONTROLS)
    assert judged(baseline=tmp_path / "old").passed, "controls are free to go"
    summary = make_audit(tmp_path / "few", rates={"clean": 0.97, "negative": 0.2})
    (rule,) = judge(AuditResult(summary, tmp_path / "few"), AuditConfig(baseline=tmp_path / "old")).rules
    assert not rule.passed
    assert rule.sentence.endswith("; no longer audited, which also fails: gamma(exponent=2.0), gamma(exponent=0.5)")


def test_an_earlier_audit_of_other_images_is_compared_as_two_samples(judged, tmp_path, make_audit):
    make_audit(tmp_path / "old", rates=RATES | {"negative": 0.6}, samples=range(1000, 1300))
    (rule,) = judged(baseline=tmp_path / "old").rules
    assert not rule.passed
    assert rule.sentence.endswith("compared as two samples, for the images differ")


def test_a_baseline_that_is_no_audit_is_one_sentence(judged, tmp_path):
    with pytest.raises(DataError, match=r"expected the folder of a finished audit, got .*absent.*, which is no folder"):
        judged(baseline=tmp_path / "absent")
