"""The libraries of the race, one file each.

A file may define four functions, for the objective of `sparsecross.solve` without sample weights:

    lasso(X, y, alpha, intercept, tol)            -> weights, intercept
    logistic(X, y, alpha, intercept, tol)         -> weights, intercept           (y is -1 or +1)
    lasso_path(X, y, alphas, intercept, tol)      -> weights (features x alphas), intercepts
    logistic_path(X, y, alphas, intercept, tol)   -> weights (features x alphas), intercepts

and three more for the problems with groups of `group_race.py`, of weights features x outputs:

    group(X, y, groups, alpha, intercept, tol)           -> weights, intercept
    multitask(X, Y, None, alpha, intercept, tol)         -> weights, intercepts
    multinomial(X, labels, None, alpha, intercept, tol)  -> weights, intercepts

`tol` is the library's own tolerance, the only thing that stops it: limits on iterations are lifted.
A function raises `Unable` for what its library does not do. A file also names its distribution
(DISTRIBUTION) and, where they differ from the defaults below, the sparse layout that the library
reads without converting (LAYOUT), its tolerances from loose to tight (TOLERANCES, or
GROUP_TOLERANCES for groups, in whole powers of 10), and for paths the tolerance that users get who
name none (DEFAULT).
"""

from __future__ import annotations

import importlib
import os
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType

NAMES = [
    "sparsecross",
    "skglm",
    "celer",
    "adelie",
    "scikit_learn",
    "liblinear",
    "snapml",
    "glmnet",
]

UNLIMITED = 10**6
TOLERANCES = [10 ** (-k / 2) for k in range(3, 25)]
GROUP_TOLERANCES = [10.0**-k for k in range(1, 13)]


class Unable(Exception):  # noqa: N818 - a plain answer, not a mistake
    """The library does not solve this problem; the message says why."""


def threads() -> int:
    """As many as the race allows each library."""
    return int(os.environ.get("OMP_NUM_THREADS", "1"))


def rival(name: str) -> ModuleType:
    """Give the library's file; importing the library itself is left to the first call."""
    return importlib.import_module(f"rivals.{name}")


def installed(name: str) -> str | None:
    """Give the version, or None for a library that is not there."""
    file = rival(name)
    if hasattr(file, "installed"):
        return file.installed()
    try:
        return version(file.DISTRIBUTION)
    except PackageNotFoundError:
        return None
