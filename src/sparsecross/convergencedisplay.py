"""A picture: what is proved of a fit, and how many weights it has, as it goes on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

from sklearn.utils._param_validation import StrOptions, validate_parameter_constraints
from sklearn.utils.validation import check_is_fitted

from .estimator import SparseLinearModel
from .plotting import pyplot
from .solution import Round, Solution

# Of each run, so that runs can be told apart without colours, too.
_STYLES = ("-", (0, (5, 2)), (0, (1, 1.5)), "-.", (0, (6, 2, 1, 2, 1, 2)))
_MARKERS = "os^Dv"


class ConvergenceDisplay:
    """The gap, the non-zero weights and the working set of fits, in scikit-learn's Display style.

    Made by :meth:`from_estimator` or :meth:`from_solution`.

    Parameters
    ----------
    histories : mapping of str to sequence of Round
        The looks of each run at all columns, by the name of the run.
    tol : float, optional
        The relative gap that was asked for.
    counted : {"weights", "groups"}, default="weights"
        What the looks have counted: models with groups of columns count groups.

    Attributes
    ----------
    ax_ : matplotlib Axes
        With the relative gaps, on a logarithmic scale.
    count_ax_ : matplotlib Axes or None
        With what is not 0 and the working sets.
    figure_ : matplotlib Figure
        With both.
    lines_ : list of matplotlib Line2D
        Of the relative gaps of each run.
    primal_line_, dual_line_ : matplotlib Line2D or None
        Of a single run: how far its objective is above the best lower bound that it proved, and
        how far the lower bound of each look is below the best objective; both in units of the
        objective at zero weights. The true distances from the optimum are no larger.
    count_lines_, working_set_lines_ : list of matplotlib Line2D
        Of what is not 0 and of the working set, of each run.

    Notes
    -----
    A gap of exactly 0 has no place on a logarithmic scale: a line ends before it. A gap that is
    infinite, because nothing is proved yet, is left out too.

    Examples
    --------
    >>> import numpy as np, sparsecross as sx
    >>> X = np.random.default_rng(0).standard_normal((60, 200))
    >>> runs = {
    ...     solver: sx.Lasso(0.1, solver=solver).fit(X, X[:, 0] - X[:, 1])
    ...     for solver in ("cd", "fista")
    ... }
    >>> display = sx.ConvergenceDisplay.from_estimator(runs)
    """

    def __init__(
        self,
        histories: Mapping[str, Sequence[Round]],
        *,
        tol: float | None = None,
        counted: Literal["weights", "groups"] = "weights",
    ) -> None:
        self.histories = histories
        self.tol = tol
        self.counted = counted

    @classmethod
    def from_estimator(
        cls, estimator: SparseLinearModel | Mapping[str, SparseLinearModel], **options: Any
    ) -> Self:
        """Draw the fit of an estimator, or of several by name.

        Parameters
        ----------
        estimator : fitted estimator, or mapping of str to fitted estimator
            Of any kind but the online ones. Classes that were fitted each against the rest are
            runs of their own; of an estimator that cross-validates, the run is that of the
            strength that was chosen.
        **options
            As of :meth:`plot`.

        Returns
        -------
        ConvergenceDisplay

        Raises
        ------
        TypeError
            If an estimator is of another kind.
        ValueError
            If some count groups and others weights.
        sklearn.exceptions.NotFittedError
            If one is not fitted.
        ImportError
            If matplotlib is not installed.
        """
        named = dict(estimator) if isinstance(estimator, Mapping) else {"": estimator}
        histories: dict[str, Sequence[Round]] = {}
        for name, model in named.items():
            if not isinstance(model, SparseLinearModel):
                raise TypeError(
                    "estimator must be a fitted model with certificates, such as Lasso, or a "
                    f"mapping of names to such, got {type(model).__name__}; from_solution draws "
                    "solutions"
                )
            check_is_fitted(model)
            histories |= _runs_of(model, name or type(model).__name__)
        groups = {hasattr(model, "groups_") for model in named.values()}
        if len(groups) > 1:
            raise ValueError(
                "estimator must not mix models with groups of columns and others: they count "
                "groups and weights"
            )
        tols = {float(model.tol) for model in named.values()}
        display = cls(
            histories,
            tol=tols.pop() if len(tols) == 1 else None,
            counted="groups" if groups == {True} else "weights",
        )
        return display.plot(**options)

    @classmethod
    def from_solution(
        cls,
        solution: Solution | Mapping[str, Solution],
        *,
        tol: float | None = None,
        counted: Literal["weights", "groups"] = "weights",
        **options: Any,
    ) -> Self:
        """Draw the course of a solution, or of several by name.

        Parameters
        ----------
        solution : Solution, or mapping of str to Solution
            As :func:`solve` returns them.
        tol : float, optional
            The relative gap that was asked for.
        counted : {"weights", "groups"}, default="weights"
            "groups" for solutions of problems with groups of columns.
        **options
            As of :meth:`plot`.

        Returns
        -------
        ConvergenceDisplay

        Raises
        ------
        TypeError
            If it is something else.
        ImportError
            If matplotlib is not installed.
        """
        named = dict(solution) if isinstance(solution, Mapping) else {"solution": solution}
        for one in named.values():
            if not isinstance(one, Solution):
                raise TypeError(
                    "solution must be a Solution or a mapping of names to such, got "
                    f"{type(one).__name__}"
                )
        histories = {name: one.history for name, one in named.items()}
        return cls(histories, tol=tol, counted=counted).plot(**options)

    def plot(
        self,
        ax: Any = None,
        *,
        count_ax: Any = None,
        against: Literal["iterations", "seconds"] = "iterations",
    ) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw the gaps; by default a new figure, with the counts below.
        count_ax : matplotlib Axes, optional
            Where to draw the counts, if `ax` is given.
        against : {"iterations", "seconds"}, default="iterations"
            What the horizontal axis is. Solvers differ in what they do in an iteration.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If `against` is something else.
        ImportError
            If matplotlib is not installed.
        """
        validate_parameter_constraints(
            {"against": [StrOptions({"iterations", "seconds"})]},
            {"against": against},
            caller_name="plot",
        )
        plt = pyplot(self)
        if ax is None:
            ax, count_ax = plt.subplots(
                2, figsize=(6.4, 5.4), sharex=True, height_ratios=[3, 2], layout="constrained"
            )[1]
            lowest = [count_ax]
        else:
            lowest = [one for one in (ax, count_ax) if one is not None]
        self.ax_, self.count_ax_, self.figure_ = ax, count_ax, ax.figure
        field = "n_iter" if against == "iterations" else "seconds"
        places = {
            name: [getattr(look, field) for look in history]
            for name, history in self.histories.items()
        }
        self._draw_gaps(places)
        self.count_lines_: list[Any] = []
        self.working_set_lines_: list[Any] = []
        if count_ax is not None:
            self._draw_counts(places)
        for one in lowest:
            one.set_xlabel(against)
        return self

    def _draw_gaps(self, places: Mapping[str, list[float]]) -> None:
        ax = self.ax_
        ax.set_yscale("log")
        self.lines_: list[Any] = []
        for k, (name, history) in enumerate(self.histories.items()):
            gaps = [look.relative_gap for look in history]
            label = name if len(self.histories) > 1 else f"{name}: primal less dual"
            self.lines_ += _drawn(ax, places[name], gaps, label=label, **_style(k), lw=1.5, ms=4)
        self.primal_line_, self.dual_line_ = None, None
        if len(self.histories) == 1:
            ((name, history),) = self.histories.items()
            self._draw_distances(places[name], history)
        if not any(len(line.get_xdata()) for line in ax.lines):
            ax.set_ylim(1e-16, 1.0)  # nothing to scale the axis by
        if self.tol is not None and self.tol > 0:
            ax.axhline(self.tol, color="0.4", lw=1, ls=":", zorder=0, label=f"tol = {self.tol:g}")
        ax.set_ylabel("relative duality gap")
        ax.spines[["top", "right"]].set_visible(False)
        if len(ax.get_legend_handles_labels()[0]) > 1:
            ax.legend(frameon=False, fontsize="small")

    def _draw_distances(self, x: list[float], history: Sequence[Round]) -> None:
        """Draw how far at most the primal and the dual are from the optimum."""
        scale = max(
            (
                (look.primal - look.dual) / look.relative_gap
                for look in history
                if 0 < look.relative_gap < math.inf
            ),
            default=0.0,
        )
        if scale == 0.0:  # nothing was proved, or all of it at once
            return
        least, most = min(r.primal for r in history), max(r.dual for r in history)
        above = [(look.primal - most) / scale for look in history]
        below = [(least - look.dual) / scale for look in history]
        style = {"lw": 1.0, "ms": 4, "mfc": "white"}
        (self.primal_line_,) = _drawn(
            self.ax_, x, above, label="primal, above the best bound", c="C1", ls="--", marker="^",
            **style,
        )  # fmt: skip
        (self.dual_line_,) = _drawn(
            self.ax_, x, below, label="dual, below the best primal", c="C2", ls=":", marker="v",
            **style,
        )  # fmt: skip

    def _draw_counts(self, places: Mapping[str, list[float]]) -> None:
        ax = self.count_ax_
        for k, (name, history) in enumerate(self.histories.items()):
            style, x = _style(k), places[name]
            first = k == 0
            self.count_lines_ += ax.plot(
                x,
                [look.n_active for look in history],
                **style,
                lw=1.5,
                ms=4,
                label=f"{self.counted} that are not 0" if first else None,
            )
            self.working_set_lines_ += ax.plot(
                x,
                [look.working_set for look in history],
                **style | {"color": "0.6"},
                mfc="white",
                lw=0.9,
                ms=4,
                zorder=1,
                label="working set" if first else None,
            )
        ax.set_ylim(0, max(1.0, ax.get_ylim()[1]))
        ax.set_ylabel("number")
        ax.spines[["top", "right"]].set_visible(False)
        ax.legend(frameon=False, fontsize="small")


def _runs_of(model: SparseLinearModel, name: str) -> dict[str, Sequence[Round]]:
    """The histories of a model's problems, by what to call them."""
    history: list[Any] = model.history_
    if not history or isinstance(history[0], Round):
        return {name: history}
    labels = model.classes_.tolist()
    return {f"{name}, class {label!r}": each for label, each in zip(labels, history, strict=True)}


def _drawn(ax: Any, x: list[float], y: list[float], **style: Any) -> list[Any]:
    """Draw what has a place on a logarithmic axis."""
    shown = [(at, value) for at, value in zip(x, y, strict=True) if 0 < value < math.inf]
    lines: list[Any] = ax.plot([at for at, _ in shown], [value for _, value in shown], **style)
    return lines


def _style(k: int) -> dict[str, Any]:
    """Colour, line and marker of the run at place k."""
    return {
        "color": f"C{k % 10}",
        "ls": _STYLES[k % len(_STYLES)],
        "marker": _MARKERS[k % len(_MARKERS)],
    }
