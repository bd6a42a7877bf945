"""Effects of factors, against statsmodels' ordinary least squares and its F test."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy.special import expit, logit

from negatoscope.errors import InputError
from negatoscope.statistics.factors import FittedLevels, factor_effects, fit_levels, log_odds

LEVELS = ("default", "a: 1", "a: 2", "b: 1", "c: 1")
FACTORS = {"a": ["a: 1", "a: 2"], "b": ["b: 1"], "c": ["c: 1"]}


def runs(seeds: int = 3, *, noise: float = 0.2, seed: int = 0) -> dict[str, dict[int, float]]:
    """Log-odds of -1 with the default, 1 more at "a: 2", nothing elsewhere; seeds move all levels together."""
    generator = np.random.default_rng(seed)
    means = dict(zip(LEVELS, (-1.0, -1.0, 0.0, -1.0, -1.0), strict=True))
    blocks = generator.normal(0, 0.3, seeds)
    return {
        level: {index: mean + blocks[index] + generator.normal(0, noise) for index in range(seeds)}
        for level, mean in means.items()
    }


def by_statsmodels(sample: dict[str, dict[int, float]]):
    rows = [(level, str(seed), value) for level, seeds in sample.items() for seed, value in seeds.items()]
    frame = pd.DataFrame(rows, columns=["level", "seed", "value"])
    return smf.ols("value ~ C(level, Treatment(reference='default')) + C(seed)", frame).fit()


def holes(sample: dict[str, dict[int, float]]) -> dict[str, dict[int, float]]:
    """The same with two runs missing."""
    missing = {("a: 2", 2), ("b: 1", 0)}
    return {
        level: {seed: value for seed, value in seeds.items() if (level, seed) not in missing}
        for level, seeds in sample.items()
    }


@pytest.mark.parametrize("missing", [False, True], ids=["all runs", "two missing"])
def test_effects_p_values_and_the_rest_are_those_of_least_squares(missing: bool) -> None:
    sample = holes(runs()) if missing else runs()
    fit, other = fit_levels(sample), by_statsmodels(sample)
    effects = factor_effects(fit, FACTORS, default="default")
    assert fit.freedom == other.df_resid
    assert fit.residual_variance == pytest.approx(other.mse_resid)
    for name, levels in FACTORS.items():
        terms = [f"C(level, Treatment(reference='default'))[T.{level}]" for level in levels]
        apart = other.params[f"C(level, Treatment(reference='default'))[T.{effects[name].level}]"]
        base = fit.means[fit.levels.index("default")]
        assert effects[name].difference == pytest.approx(expit(base + apart) - expit(base))
        test = other.f_test(", ".join(f"{term} = 0" for term in terms))
        assert effects[name].p == pytest.approx(float(test.pvalue))


def test_one_levels_interval_is_that_of_its_contrast() -> None:
    sample = runs()
    fit, other = fit_levels(sample), by_statsmodels(sample)
    effect = factor_effects(fit, FACTORS, default="default")["b"]
    low, high = other.conf_int().loc["C(level, Treatment(reference='default'))[T.b: 1]"]
    base = fit.means[0]
    assert effect.low == pytest.approx(expit(base + low) - expit(base))
    assert effect.high == pytest.approx(expit(base + high) - expit(base))


def test_several_levels_make_an_interval_wider() -> None:
    fit = fit_levels(runs())
    alone = factor_effects(fit, {"a": ["a: 2"]}, default="default")["a"]
    among = factor_effects(fit, {"a": ["a: 1", "a: 2"]}, default="default")["a"]
    assert among.low < alone.low < alone.difference == among.difference < alone.high < among.high


def test_with_all_runs_a_levels_mean_is_the_mean_of_its_runs() -> None:
    sample = runs()
    fit = fit_levels(sample)
    for level in LEVELS:
        assert fit.mean(level) == pytest.approx(expit(np.mean(list(sample[level].values()))))
        interval = fit.interval(level)
        assert interval is not None
        assert interval.low < fit.mean(level) < interval.high


def test_intervals_hold_the_truth_at_their_nominal_rate() -> None:
    held = []
    for seed in range(400):
        effect = factor_effects(fit_levels(runs(seed=seed)), {"b": ["b: 1"]}, default="default")["b"]
        held.append(effect.low <= 0 <= effect.high)
    assert 0.925 <= np.mean(held) <= 0.975


def test_shares_are_of_all_that_varies() -> None:
    effects = factor_effects(fit_levels(runs(noise=0.05)), FACTORS, default="default")
    shares = {name: effect.share for name, effect in effects.items()}
    assert shares["a"] > 0.8
    assert 0 <= shares["b"] < 0.1
    assert sum(shares.values()) < 1


def test_one_seed_gives_differences_but_no_intervals() -> None:
    fit = fit_levels(runs(seeds=1))
    effect = factor_effects(fit, FACTORS, default="default")["a"]
    assert effect.level == "a: 2"
    assert effect.difference != 0
    assert (effect.low, effect.high, effect.lowest, effect.highest, effect.p) == (None,) * 5
    assert fit.interval("default") is None


def test_runs_that_do_not_scatter_leave_nothing_open() -> None:
    same = {level: dict.fromkeys(range(3), value) for level, value in (("default", 0.0), ("a: 1", 1.0), ("b: 1", 0.0))}
    effects = factor_effects(fit_levels(same), {"a": ["a: 1"], "b": ["b: 1"]}, default="default")
    assert effects["a"].p == pytest.approx(0, abs=1e-6)
    assert effects["a"].low == pytest.approx(effects["a"].high)


def test_the_widest_ends_are_over_all_levels() -> None:
    sample = holes(runs())
    effect = factor_effects(fit_levels(sample), FACTORS, default="default")["a"]
    assert effect.level == "a: 2"
    assert effect.lowest < 0.05 < effect.low
    assert effect.highest == effect.high


def test_a_level_that_shares_no_seed_with_the_others_is_left_out() -> None:
    apart = {**runs(), "c: 1": {7: 3.0}}
    fit = fit_levels(apart)
    assert "c: 1" not in fit.levels
    assert fit.residual_variance == pytest.approx(
        fit_levels({level: runs()[level] for level in LEVELS[:-1]}).residual_variance
    )


def test_levels_are_compared_through_seeds_that_a_third_one_shares() -> None:
    sample = {"default": {0: 0.0, 1: 0.1}, "a: 1": {1: 0.4, 2: 0.5}, "b: 1": {2: 1.0, 3: 1.1}}
    assert fit_levels(sample).levels == ("default", "a: 1", "b: 1")


def test_levels_that_were_not_run_are_left_out() -> None:
    sample = {level: seeds for level, seeds in runs().items() if level != "b: 1"}
    assert list(factor_effects(fit_levels(sample), FACTORS, default="default")) == ["a", "c"]


def test_log_odds_stay_finite_and_are_even() -> None:
    assert log_odds(0.0, 10) == pytest.approx(logit(0.5 / 11))
    assert log_odds(1.0, 10) == pytest.approx(-log_odds(0.0, 10))
    assert log_odds(0.3, 10**9) == pytest.approx(logit(0.3))


def test_what_cannot_be_estimated_is_refused() -> None:
    with pytest.raises(InputError, match="at least one"):
        fit_levels({})
    with pytest.raises(InputError, match="default"):
        factor_effects(fit_levels({"a: 1": {0: 1.0}}), FACTORS, default="default")
    with pytest.raises(InputError, match="rate"):
        log_odds(1.1, 10)
    with pytest.raises(InputError, match="n "):
        log_odds(0.5, 0)


def test_a_fit_names_its_levels_in_order() -> None:
    assert isinstance(fit := fit_levels(runs()), FittedLevels)
    assert fit.levels == LEVELS
