"""The verdict says in one sentence what the numbers say."""

from dataclasses import replace

import pytest

from negatoscope.auditing.compare import ComparedAudit, Comparison, RateDifference, comparison_sentence
from negatoscope.auditing.measurement import ClassAccuracy
from negatoscope.auditing.results import CleanResult, GateResult, RuleResult, TransformResult
from negatoscope.auditing.verdict import verdict_sentence
from negatoscope.statistics.intervals import wilson

START = "resnet has an accuracy of 98.9 % on 10,000 clean images"


def _rates(accuracy, n=10_000):
    none = {"top5_accuracy": None, "confidence": 0.9, "ece": 0.1, "reliability": (), "per_class": ()}
    return {"n": n, "correct": 0, "accuracy": accuracy, "low": accuracy - 0.005, "high": accuracy + 0.005, **none}


def _entry(spec, accuracy, *, n=10_000, drop=0.5, p_holm=1e-9, kind="label_preserving", preserved=None):
    return TransformResult(
        spec=spec,
        name=spec,
        kind=kind,
        parameters={},
        drop=drop,
        p_holm=p_holm,
        preserved=preserved,
        **_rates(accuracy, n),
    )


@pytest.fixture
def make_summary(tmp_path, make_audit):
    """``make_summary(entry, ...)``: the summary of an audit of these transforms."""
    audited = make_audit(tmp_path, n=40, model="resnet")

    def make(*entries, accuracy=0.989, worst=0.051):
        clean = CleanResult(**_rates(accuracy))
        worst_case = replace(audited.worst_case, accuracy=worst)
        return replace(audited, clean=clean, chance=0.1, transforms=entries, worst_case=worst_case)

    return make


def test_the_headline_is_clean_the_negative_and_the_gate_wherever_the_lowest_accuracy_is(make_summary):
    found = make_summary(_entry("edges", 0.047), _entry("negative", 0.05), _entry("flip", 0.98, drop=0.009))
    sentence = f"{START}, but only 5.0 % on their negatives, no better than "
    assert verdict_sentence(found) == f"{sentence}chance."
    rules = tuple(
        RuleResult(rule=rule, value=0.1, bound=0.5, passed=rule == "clean=0.5", sentence="")
        for rule in ("clean=0.5", "negative=0.9", "baseline", "mean=0.9", "worst_case=0.9")
    )
    for given, passed, end in (
        (rules[:1], True, "; the gate passed."),
        (rules[:3], False, "; the gate failed: negative=0.9 and baseline."),
        (rules, False, "; the gate failed: negative=0.9, baseline and 2 more."),
    ):
        gate = GateResult(passed=passed, rules=given)
        assert verdict_sentence(replace(found, gate=gate)) == f"{sentence}chance{end}"


def test_without_the_negative_the_largest_significant_loss_is_named(make_summary):
    few = _entry("blur", 0.3, drop=0.1, preserved=(0,))
    found = make_summary(
        _entry("gamma(exponent=2.0)", 0.7, drop=0.2), few, _entry("edges", 0.4), _entry("flip", 0.2, p_holm=0.2)
    )
    assert verdict_sentence(found) == (f"{START}, but only 40.0 % under edges.")


def test_only_images_whose_label_the_negative_preserves_are_counted_and_the_sentence_says_so(make_summary):
    assert verdict_sentence(make_summary(_entry("negative", 0.267, n=4_000, preserved=(0, 1)))) == (
        f"{START}, but only 26.7 % on their negatives (of the 4,000 images whose label that preserves)."
    )


def test_a_loss_by_chance_is_none(make_summary):
    found = make_summary(_entry("negative", 0.988, drop=0.001, p_holm=0.4), _entry("flip", 0.99, drop=-0.001))
    assert verdict_sentence(found) == (f"{START}, and 98.8 % on their negatives, no significant drop.")
    losses = [_entry("rotate(degrees=30.0)", 0.3, drop=0.6), _entry("edges", 0.8, drop=0.1)]
    for number, end in ((1, "a significant drop under"), (2, "significant drops under 2 others, most under")):
        assert verdict_sentence(make_summary(*found.transforms, *losses[:number])) == (
            f"{START}, and 98.8 % on their negatives, no significant drop; {end} rotate(degrees=30.0)."
        )
    found = make_summary(_entry("edges", 0.988, drop=0.001, p_holm=0.4), _entry("flip", 0.99, drop=-0.001))
    assert verdict_sentence(found) == (f"{START}, and no significant drop under any of 2 label-preserving transforms.")
    assert verdict_sentence(make_summary(_entry("flip", 0.99, drop=-0.001))) == (
        f"{START}, and no significant drop under the one label-preserving transform."
    )


def test_controls_and_transforms_without_images_are_not_held_against_a_classifier(make_summary):
    found = make_summary(_entry("noise(l2=9.0)", 0.1, kind="control"), _entry("flip", 0.0, n=0))
    assert verdict_sentence(found) == (f"{START}; no label-preserving transform was audited.")


def test_a_classifier_at_chance_is_not_judged_by_what_transforms_do(make_summary):
    assert verdict_sentence(make_summary(_entry("negative", 0.1), accuracy=0.101)) == (
        "resnet has an accuracy of 10.1 % on 10,000 clean images, no better than chance, so its accuracy under "
        "transforms says nothing."
    )


def _of_two(spec, *rates):
    """What is measured of a class of 391 images and one of 234, given the correct ones of each."""
    n, correct = (391, 234), rates
    counts = [
        ClassAccuracy(label=i, name=name, n=n[i], accuracy=correct[i] / n[i], low=ends.low, high=ends.high)
        for i, name in enumerate(("cat", "dog"))
        for ends in [wilson(correct[i], n[i])]
    ]
    ends, k, rate = wilson(sum(correct), 625), sum(correct), sum(correct) / 625
    fields = {"n": 625, "correct": k, "accuracy": rate, "low": ends.low, "high": ends.high, "per_class": tuple(counts)}
    rest = {"top5_accuracy": None, "confidence": 0.9, "ece": 0.1, "reliability": ()}
    if spec == "clean":
        return CleanResult(**fields, **rest)
    return TransformResult(
        spec=spec, name=spec, kind="label_preserving", parameters={}, drop=0.2, p_holm=1e-9, **fields, **rest
    )


def test_an_accuracy_at_the_share_of_the_most_frequent_class_is_that_of_a_constant(make_summary):
    found = replace(make_summary(_of_two("negative", 391, 1)), clean=_of_two("clean", 380, 225), chance=0.5)
    assert verdict_sentence(found) == (
        "resnet has an accuracy of 96.8 % on 625 clean images, but only 62.7 % "
        "on their negatives, no better than always predicting cat (62.6 %)."
    )


def test_a_constant_prediction_loses_nothing_and_is_not_praised_for_it(make_summary):
    negative = replace(_of_two("negative", 391, 0), drop=0.0, p_holm=1.0)
    found = replace(make_summary(negative), clean=_of_two("clean", 391, 0), chance=0.5)
    assert verdict_sentence(found) == (
        "resnet has an accuracy of 62.6 % on 625 clean images, no better than always predicting cat "
        "(62.6 %), so its accuracy under transforms says nothing."
    )


def test_a_rare_class_that_is_recognized_is_more_than_a_constant_prediction_gives(make_summary):
    found = replace(make_summary(_of_two("negative", 391, 1)), clean=_of_two("clean", 230, 175), chance=0.5)
    assert found.clean.low < found.clean.majority
    assert "says nothing" not in verdict_sentence(found)


def test_of_one_class_the_most_frequent_one_is_no_measure(make_summary):
    one = replace(_entry("negative", 0.9), per_class=(replace(_of_two("clean", 1, 1).per_class[0], accuracy=0.9),))
    assert one.beats_constant(0.1)
    assert not replace(one, low=0.1).beats_constant(0.1)


def _comparison(*differences):
    rates = [
        RateDifference(
            spec=f"t{index}",
            n=100,
            n_a=100,
            n_b=100,
            difference=value,
            low=value - 0.01,
            high=value + 0.01,
            p_value=p,
            p_holm=p,
        )
        for index, (value, p) in enumerate(differences)
    ]
    sides = (ComparedAudit(folder="", model=name, dataset="mnist, test") for name in ("old", "new"))
    return Comparison(a=next(sides), b=next(sides), paired=True, rates=tuple(rates), only_a=(), only_b=())


@pytest.mark.parametrize(
    ("differences", "sentence"),
    [
        (
            [(0.02, 0.5), (0.3, 1e-9), (0.1, 0.002)],
            "B (new) is significantly better than A (old) in 2 of 3 accuracies; its largest lead is under t1, by "
            "30.0 points (95 % interval 29.0 to 31.0, p < 0.001).",
        ),
        (
            [(-0.005, 0.04)],
            "A (old) is significantly better than B (new) in the one accuracy; its largest lead is under t0, by "
            "0.5 points (95 % interval -0.5 to 1.5, p = 0.040).",
        ),
        (
            [(-0.2, 0.01), (-0.1, 0.01), (0.4, 0.01)],
            "A (old) is significantly better than B (new) in 2 of 3 accuracies and worse in 1; its largest lead "
            "is under t0, by 20.0 points (95 % interval 19.0 to 21.0, p = 0.010).",
        ),
        ([(0.1, 0.06), (-0.1, 0.2)], "A and B do not differ significantly in any of the 2 accuracies that both have."),
    ],
)
def test_a_comparison_states_who_is_better_in_how_much_and_by_how_much(differences, sentence):
    assert comparison_sentence(_comparison(*differences)) == sentence


def test_controls_and_repetitions_do_not_say_who_is_better():
    found = _comparison((0.02, 0.5), (-0.3, 1e-9), (-0.3, 1e-9))
    others = (replace(found.rates[1], kind="control"), replace(found.rates[2], repeats="t0"))
    assert comparison_sentence(replace(found, rates=(found.rates[0], *others))) == (
        "A and B do not differ significantly in the one accuracy that both have."
    )
