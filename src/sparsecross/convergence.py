"""What is said of fits that stopped short of their tolerance."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import NamedTuple

from sklearn.exceptions import ConvergenceWarning

from ._solvers import Status

_ADVICE = {
    Status.max_iter: "increase max_iter, or accept the gap by increasing tol",
    Status.precision_limit: "no step changes the objective any more in double precision; "
    "increase tol",
    Status.not_certified: "no dual-feasible point was found (unpenalised columns, or scales too "
    "far apart for double precision); the weights are stationary",
    Status.interrupted: "a callback ended it",
}


class Ending(NamedTuple):
    """How one problem ended."""

    n_iter: int
    relative_gap: float
    status: Status
    solver: str = "cd"


def warn_if_short(
    who: str,
    endings: Sequence[Ending],
    tol: float,
    *,
    each: str = "problems",
    which: Callable[[int], str] = lambda place: "",
    stacklevel: int = 2,
) -> None:
    """Warn once if any problem did not reach `tol`: of the worst, how many, and what to do.

    Parameters
    ----------
    who : str
        What the user called.
    endings : sequence of Ending
        How each problem ended.
    tol : float
        The relative gap asked for.
    each : str, default="problems"
        What one ending is of, in the plural.
    which : callable, optional
        Names the problem at a place in `endings`.
    stacklevel : int, default=2
        As of `warnings.warn`, 1 being the caller of this function.

    Warns
    -----
    ConvergenceWarning
    """
    short = [k for k, ending in enumerate(endings) if ending.status is not Status.converged]
    if not short:
        return
    place = max(short, key=lambda k: endings[k].relative_gap)
    worst = endings[place]
    of_several = ""
    if len(endings) > 1:
        named = which(place)
        here = f", here the worst, {named}," if named else ""
        of_several = f" in {len(short)} of {len(endings)} {each}{here}"
    out_of_iterations = worst.status is Status.max_iter and worst.solver != "cd"
    another = "use solver='cd', " if out_of_iterations else ""
    warnings.warn(
        f"{who} stopped after {worst.n_iter} iterations with a relative duality gap of "
        f"{worst.relative_gap:.3g}, above tol={tol:g}{of_several} ({worst.status.name}): "
        f"{another}{_ADVICE[worst.status]}.",
        ConvergenceWarning,
        stacklevel=stacklevel + 1,
    )
