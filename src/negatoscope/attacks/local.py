"""Strategies that begin anywhere and go on from the least confident point."""

import math

import torch
from jaxtyping import Float64
from torch import Tensor

from negatoscope.attacks.strategies import History, Proposed, register_strategy, sizes, sobol
from negatoscope.errors import expect

Candidates = Float64[Tensor, "n candidates dimensions"]

_WIDEST, _HALVINGS = 0.5, 6.0  # steps are of every size from half of the space down to a 64th of that
_ELSEWHERE = 4  # one of so many candidates lies anywhere, one of so many steps follows no slope
_AT_ONCE = 64  # images, so that what is computed on the way stays in the cache
_LENGTH, _NOISE, _OPTIMISM = 0.2, 1e-3, 3.0  # chosen on training images of MNIST and GTSRB, as `KEPT` was


@register_strategy
def local(history: History, *, start: int = 5, candidates: int = 32) -> Proposed:
    """Sobol points, then steps of all sizes from the least confident one, chosen by a model of the margins.

    The model is a Gaussian process through the least confident points of the image. Three of four candidates lie around
    the first of these, the others anywhere; the candidate with the lowest confidence bound (mean minus three
    standard deviations) is queried. Labels alone say of no point that it is better than another, so with them all are
    Sobol points.

    Args:
        history: What is known.
        start: How many Sobol points, at least 1.
        candidates: How many are drawn for each query, at least 1, of which the model has no choice.

    Raises:
        InputError: A setting is below 1.

    Source: Srinivas et al. 2010, arXiv 0912.3995, for the choice by mean and deviation.
    """
    expect(start >= 1 and candidates >= 1, "start and candidates of local of at least 1", f"{start} and {candidates}")
    spread = sobol(history)
    differ = (history.margins != history.margins[:, :1]).any(dim=1)
    if history.queries < start or not differ.any():
        return spread
    parts = [history.only(slice(first, first + _AT_ONCE)) for first in range(0, len(spread), _AT_ONCE)]
    chosen = torch.cat([_likeliest(part, candidates) for part in parts])
    return torch.where(differ[:, None], chosen, spread)


@register_strategy(slopes=True)
def gradient(history: History, *, start: int = 5) -> Proposed:
    """Sobol points, then steps down the slope of the margin from the least confident point.

    Half of these go about as far as the margin is 0 if it is linear, the others have all sizes. One step of four, and
    every number that has no slope, such as a choice, is drawn at random.

    Args:
        history: What is known.
        start: How many Sobol points, at least 1.

    Raises:
        InputError: `start` is below 1.

    Source: Moosavi-Dezfooli, Fawzi and Frossard 2016, arXiv 1511.04599, for the steps to where a line is 0.
    """
    expect(start >= 1, "start of gradient of at least 1", start)
    if history.queries < start:
        return sobol(history)
    width = len(history.space.dimensions)
    drawn = history.draws(2 * width + 2)[:, None]
    at_random, kind = torch.special.ndtri(drawn[..., :width]), drawn[..., -1:]
    best, slopes = history.points[:, :1], history.slopes[:, :1]
    outwards = ((best <= 0) & (slopes > 0)) | ((best >= 1) & (slopes < 0))
    slopes = slopes.masked_fill(outwards, 0)
    steepest = slopes.abs().amax(dim=2, keepdim=True).clamp(min=torch.finfo(slopes.dtype).tiny)
    down = torch.where((slopes != 0) | outwards, -slopes / steepest, at_random)
    moved = _moved(history, torch.where(kind > 1 / _ELSEWHERE, down, at_random), drawn[..., width:-1])
    steep = slopes.square().sum(dim=2, keepdim=True)
    to_zero = history.margins[:, :1, None] / steep * slopes * 2 ** drawn[..., :1]
    linear = (steep > 0) & (kind > 1 - (1 - 1 / _ELSEWHERE) / 2)
    return torch.where(linear, (best - to_zero).clamp(0, 1), moved)[:, 0]


def _likeliest(history: History, candidates: int) -> Proposed:
    """Of random candidates the one that the model holds likeliest to have the least margin."""
    width = len(history.space.dimensions)
    drawn = history.draws(candidates * (2 * width + 1)).reshape(-1, candidates, 2 * width + 1)
    tried = _moved(history, torch.special.ndtri(drawn[..., :width]), drawn[..., width:])
    anywhere = candidates // _ELSEWHERE
    tried[:, :anywhere] = drawn[:, :anywhere, :width]
    lowest = _least_margins(history, tried).argmin(dim=1)
    return tried[torch.arange(len(tried), device=tried.device), lowest]


def _moved(
    history: History, directions: Candidates, drawn: Float64[Tensor, "n candidates dimensions_and_size"]
) -> Candidates:
    """Steps from the least confident point: numbers move, choices are drawn anew the more often the larger the step."""
    best, shares = history.points[:, :1], 2.0 ** (-_HALVINGS * drawn[..., -1:])
    moved = (best + _WIDEST * shares * directions).clamp_(0, 1)
    for place, size in enumerate(sizes(history.space)):
        if size < math.inf:
            drawn_anew = drawn[..., place] < shares[..., 0]
            anew = drawn[..., place] / shares[..., 0]
            moved[..., place] = torch.where(drawn_anew, anew, best[..., place])
    return moved


def _least_margins(history: History, tried: Candidates) -> Float64[Tensor, "n candidates"]:
    """The margin that each candidate may well have: its mean less some standard deviations, both scaled."""
    deviation, mean = torch.std_mean(history.margins, dim=1, keepdim=True)
    scaled = (history.margins - mean) / deviation.clamp_(min=torch.finfo(deviation.dtype).tiny)
    known = _correlations(history, history.points, history.points)
    known.diagonal(dim1=1, dim2=2).add_(_NOISE)
    right = torch.cat([_correlations(history, history.points, tried), scaled[:, :, None]], dim=2)
    solved = torch.linalg.solve_triangular(torch.linalg.cholesky(known), right, upper=False)
    towards, outcomes = solved[..., :-1], solved[..., -1:]
    variances = (1 - towards.square().sum(dim=1)).clamp_(min=0)
    lowest: Float64[Tensor, "n candidates"] = (towards * outcomes).sum(dim=1) - _OPTIMISM * variances.sqrt_()
    return lowest


def _correlations(
    history: History, first: Candidates, second: Float64[Tensor, "n others dimensions"]
) -> Float64[Tensor, "n candidates others"]:
    """Of the margins at two points each: 1 at the same point, less the farther they are apart; a choice is 1 away."""
    squares = torch.zeros(len(first), first.shape[1], second.shape[1], device=first.device)
    for place, size in enumerate(sizes(history.space)):
        left, right = first[:, :, None, place], second[:, None, :, place]
        if size < math.inf:
            squares += (left * size).floor() != (right * size).floor()
        else:
            apart = left.float() - right.float()
            squares.addcmul_(apart, apart)
    farthest = 2 * len(history.space.dimensions) * _LENGTH**2
    return squares.div_(-farthest).exp_().double()
