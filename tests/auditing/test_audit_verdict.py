"""The verdict says in one sentence what the numbers say."""

from dataclasses import replace

import pytest

from negatoscope.auditing.compare import ComparedAudit, Comparison, RateDifference, comparison_sentence
from negatoscope.auditing.results import CleanResult, TransformResult
from negatoscope.auditing.verdict import verdict_sentence


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


def test_the_lowest_accuracy_is_named_and_the_worst_case(make_summary):
    found = make_summary(
        _entry("gamma(exponent=2.0)", 0.7), _entry("negative", 0.372), _entry("flip", 0.98, drop=0.009)
    )
    assert verdict_sentence(found) == (
        "resnet has an accuracy of 98.9 % on 10,000 images, but only 37.2 % under negative; 5.1 % of the images are "
        "classified correctly under all 3 label-preserving transforms."
    )


def test_a_rate_no_better_than_chance_is_called_that_and_one_transform_needs_no_worst_case(make_summary):
    assert verdict_sentence(make_summary(_entry("negative", 0.067, n=4_000, preserved=(0, 1)))) == (
        "resnet has an accuracy of 98.9 % on 10,000 images, but only 6.7 % under negative (on the 4,000 images whose "
        "label it preserves), no better than chance."
    )


def test_a_loss_by_chance_is_none(make_summary):
    found = make_summary(_entry("negative", 0.988, drop=0.001, p_holm=0.4), _entry("flip", 0.99, drop=-0.001))
    assert verdict_sentence(found) == (
        "resnet has an accuracy of 98.9 % on 10,000 images, and no significant drop under any of 2 label-preserving "
        "transforms."
    )
    assert verdict_sentence(make_summary(_entry("flip", 0.99, drop=-0.001))) == (
        "resnet has an accuracy of 98.9 % on 10,000 images, and no significant drop under the one label-preserving "
        "transform."
    )


def test_controls_and_transforms_without_images_are_not_held_against_a_classifier(make_summary):
    found = make_summary(_entry("noise(l2=9.0)", 0.1, kind="control"), _entry("flip", 0.0, n=0))
    assert verdict_sentence(found) == (
        "resnet has an accuracy of 98.9 % on 10,000 images; no label-preserving transform was audited."
    )


def test_a_classifier_at_chance_is_not_judged_by_what_transforms_do(make_summary):
    assert verdict_sentence(make_summary(_entry("negative", 0.1), accuracy=0.101)) == (
        "resnet has an accuracy of 10.1 % on 10,000 images, which is no better than chance, so its accuracy under "
        "transforms says nothing."
    )


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
            "B (new) is significantly better than A (old) in 2 of 3 accuracies; the largest difference is under t1, by "
            "30.0 points (95 % interval 29.0 to 31.0, p < 0.001).",
        ),
        (
            [(-0.005, 0.04)],
            "A (old) is significantly better than B (new) in the one accuracy; the largest difference is under t0, by "
            "0.5 points (95 % interval -0.5 to 1.5, p = 0.040).",
        ),
        (
            [(-0.2, 0.01), (-0.1, 0.01), (0.4, 0.01)],
            "A (old) is significantly better than B (new) in 2 of 3 accuracies and worse in 1; the largest difference "
            "is under t0, by 20.0 points (95 % interval 19.0 to 21.0, p = 0.010).",
        ),
        ([(0.1, 0.06), (-0.1, 0.2)], "A and B do not differ significantly in any of the 2 accuracies that both have."),
    ],
)
def test_a_comparison_states_who_is_better_in_how_much_and_by_how_much(differences, sentence):
    assert comparison_sentence(_comparison(*differences)) == sentence
