"""Which strength and which share of L1 held-out losses speak for."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ._inputs import Floats


def as_ratios(l1_ratio: Any) -> list[float]:
    """Return one share of L1 or several as a list.

    Raises
    ------
    ValueError
        If there is none, or one is not between 0 and 1.
    """
    ratios = np.atleast_1d(np.asarray(l1_ratio, dtype=np.float64))
    bad = ratios[~((ratios >= 0) & (ratios <= 1))]
    if ratios.ndim != 1 or len(ratios) == 0 or len(bad):
        got = bad[0] if len(bad) else f"shape {ratios.shape}"
        raise ValueError(f"l1_ratio must be a number from 0 to 1, or a list of some, got {got}.")
    return list(map(float, ratios))


def choose(
    losses: Floats, allowed: npt.NDArray[np.bool_], *, one_standard_error: bool
) -> tuple[int, int]:
    """Find the best l1_ratio and alpha among those that are allowed.

    Parameters
    ----------
    losses : ndarray of shape (n_l1_ratios, n_alphas, n_folds)
        Held-out losses, alphas decreasing.
    allowed : ndarray of bool of shape (n_l1_ratios, n_alphas)
        Some of them.
    one_standard_error : bool
        Whether to take the largest alpha, at the best l1_ratio, whose mean loss is at most the
        smallest mean plus its standard error over the folds (Hastie, Tibshirani & Friedman 2009,
        section 7.10).

    Returns
    -------
    r, a : int
        The places. Of equal means the first is taken, which is the largest alpha.
    """
    means = np.where(allowed, losses.mean(axis=-1), np.inf)
    r, a = map(int, np.unravel_index(np.argmin(means), means.shape))
    if one_standard_error:
        error = losses[r, a].std(ddof=1) / np.sqrt(losses.shape[-1])
        a = int(np.flatnonzero(means[r] <= means[r, a] + error)[0])
    return r, a
