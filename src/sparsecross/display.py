"""Pictures: weights along a path, and the error that chose the strength. Needs matplotlib."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from ._inputs import Floats
from .choice import as_ratios, choose
from .crossvalidation import CrossValidated
from .pathrecord import Path
from .plotting import pyplot, shortened

_N_COUNTS = 7  # ticks of the axis that counts weights


def check_cross_validated(estimator: Any) -> None:
    """Raise unless an estimator is one that cross-validates, and fitted."""
    if not isinstance(estimator, CrossValidated):
        raise TypeError(
            "estimator must be a LassoCV, ElasticNetCV or SparseLogisticRegressionCV, got "
            f"{type(estimator).__name__}; from_path draws any path"
        )
    check_is_fitted(estimator)


def held_out(estimator: CrossValidated) -> tuple[Floats, str]:
    """Losses or scores of the chosen share of L1, (n_alphas, n_folds), and what they are."""
    name = "log loss" if is_classifier(estimator) else "mean squared error"
    losses: Floats = getattr(estimator, estimator._losses_path)
    if hasattr(estimator, "score_path_"):
        name, losses = "score", estimator.score_path_
    if losses.ndim == 3:
        ratios = as_ratios(estimator.l1_ratio)
        losses = losses[ratios.index(estimator.l1_ratio_)]
    return losses, name


class PathDisplay:
    """Weights against the strength of the penalty, in scikit-learn's Display style.

    Made by :meth:`from_path` or :meth:`from_estimator`.

    Parameters
    ----------
    path : Path
        The solutions.
    losses : ndarray of shape (n_alphas, n_folds), optional
        Held-out losses by strength and fold.
    loss_name : str, default="held-out loss"
        What they are, and whether larger is better by its beginning: "score".
    alpha : float, optional
        The strength that was chosen.
    feature_names : sequence of str, optional
        Names of the columns, x0, x1, ... by default.

    Attributes
    ----------
    ax_ : matplotlib Axes
        With the weights.
    count_ax_ : matplotlib Axes
        On top of it, with the number of weights that are not 0.
    error_ax_ : matplotlib Axes or None
        With the held-out losses.
    figure_ : matplotlib Figure
        With all of them.
    lines_ : list of matplotlib Line2D
        Of the weights, those of columns that are 0 all along left out.

    Examples
    --------
    >>> import numpy as np, sparsecross as sx
    >>> X = np.random.default_rng(0).standard_normal((60, 20))
    >>> model = sx.LassoCV().fit(X, X[:, 0] - X[:, 1])
    >>> display = sx.PathDisplay.from_estimator(model)
    """

    def __init__(
        self,
        path: Path,
        *,
        losses: Floats | None = None,
        loss_name: str = "held-out loss",
        alpha: float | None = None,
        feature_names: npt.ArrayLike | None = None,
    ) -> None:
        self.path = path
        self.losses = losses
        self.loss_name = loss_name
        self.alpha = alpha
        self.feature_names = feature_names

    @classmethod
    def from_path(
        cls, path: Path, *, feature_names: npt.ArrayLike | None = None, **options: Any
    ) -> Self:
        """Draw a path.

        Parameters
        ----------
        path : Path
            The solutions.
        feature_names : sequence of str, optional
            Names of the columns, x0, x1, ... by default.
        **options
            As of :meth:`plot`.

        Returns
        -------
        PathDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        return cls(path, feature_names=feature_names).plot(**options)

    @classmethod
    def from_estimator(
        cls,
        estimator: CrossValidated,
        *,
        target: Any = None,
        feature_names: npt.ArrayLike | None = None,
        **options: Any,
    ) -> Self:
        """Draw the path of an estimator that cross-validates, and the errors of its folds.

        Parameters
        ----------
        estimator : LassoCV, ElasticNetCV or SparseLogisticRegressionCV
            Fitted.
        target : label, optional
            With more than two classes: the class to draw the weights of.
        feature_names : sequence of str, optional
            Names of the columns; those that the estimator saw at fit, or x0, x1, ... by default.
        **options
            As of :meth:`plot`.

        Returns
        -------
        PathDisplay

        Raises
        ------
        TypeError
            If the estimator is of another kind.
        ValueError
            If `target` is not a class where one is needed.
        ImportError
            If matplotlib is not installed.
        """
        check_cross_validated(estimator)
        found = estimator.path_
        if isinstance(found, list) or found.n_classes is not None:
            classes = estimator.classes_.tolist()
            if target not in classes:
                raise ValueError(f"target must be one of the classes {classes}, got {target!r}")
            k = classes.index(target)
            found = found[k] if isinstance(found, list) else found.of_class(k)
        losses, name = held_out(estimator)
        if feature_names is None:
            feature_names = getattr(estimator, "feature_names_in_", None)
        display = cls(
            found,
            losses=losses,
            loss_name=name,
            alpha=estimator.alpha_,
            feature_names=feature_names,
        )
        return display.plot(**options)

    def plot(self, ax: Any = None, *, error_ax: Any = None, n_names: int = 8) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw the weights; by default a new figure, with the errors below.
        error_ax : matplotlib Axes, optional
            Where to draw the errors, if `ax` is given.
        n_names : int, default=8
            How many of the largest weights are named.

        Returns
        -------
        self

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        plt = pyplot(self)
        with_errors = self.losses is not None
        if ax is None:
            rows, ratios = (2, [3, 2]) if with_errors else (1, [1])
            axes = plt.subplots(
                rows,
                figsize=(7.2, 6.0 if with_errors else 4.2),
                sharex=True,
                squeeze=False,
                height_ratios=ratios,
                layout="constrained",
            )[1]
            ax = axes[0, 0]
            error_ax = axes[1, 0] if with_errors else None
            lowest = [axes[-1, 0]]
        else:
            lowest = [one for one in (ax, error_ax) if one is not None]
        self.ax_, self.figure_ = ax, ax.figure
        self.error_ax_: Any = error_ax if with_errors else None
        shown = self.path.alphas > 0  # a logarithm has no room for 0
        self._draw_weights(shown, n_names)
        if self.error_ax_ is not None:
            self._draw_errors(shown)
        for one in lowest:
            one.set_xlabel("alpha, the strength of the penalty")
        return self

    def _draw_weights(self, shown: npt.NDArray[np.bool_], n_names: int) -> None:
        ax, alphas = self.ax_, self.path.alphas[shown]
        rows = self.path.coefs[:, np.flatnonzero(shown)].tocsr()
        ever = np.flatnonzero(np.diff(rows.indptr))
        weights = rows[ever].toarray() if len(ever) else np.zeros((0, len(alphas)))
        order = np.argsort(-np.abs(weights[:, -1]) if len(alphas) else [], kind="stable")
        named = order[:n_names]
        thin = 0.6 if len(ever) > 50 else 1.0
        colours = pyplot(self).get_cmap("tab10").colors
        self.lines_: list[Any] = []
        for k in order[::-1]:
            place = np.flatnonzero(named == k)
            style = (
                {"color": colours[int(place[0]) % 10], "lw": 1.6, "zorder": 3}
                if len(place)
                else {"color": "0.6", "lw": thin, "alpha": 0.7, "zorder": 1}
            )
            self.lines_ += ax.plot(alphas, _without_rest(weights[k]), **style)
        ax.axhline(0, color="0.3", lw=0.8, zorder=0)
        ax.margins(x=0.015)
        ax.set_xscale("log")
        if not ax.xaxis_inverted():
            ax.invert_xaxis()
        ax.set_ylabel("weight")
        self._mark(ax)
        self._name(named, ever, weights, colours)

        count_ax = ax.twiny()
        count_ax.set_xscale("log")
        count_ax.set_xlim(ax.get_xlim())
        at = np.unique(np.linspace(0, len(alphas) - 1, min(_N_COUNTS, len(alphas))).round())
        at = at.astype(int)
        count_ax.set_xticks(alphas[at], [f"{c:,}" for c in self.path.n_nonzeros[shown][at]])
        count_ax.set_xticks([], minor=True)
        count_ax.set_xlabel("non-zero weights")
        self.count_ax_ = count_ax
        for one in (ax, count_ax):
            one.spines["right"].set_visible(False)

    def _name(
        self,
        named: npt.NDArray[np.intp],
        ever: npt.NDArray[np.intp],
        weights: Floats,
        colours: Any,
    ) -> None:
        """Write names at the right ends of lines, moved apart where they would overlap."""
        if not len(named):
            return
        low, high = self.ax_.get_ylim()
        heights = _apart(weights[named, -1], 0.055 * (high - low), high)
        names = self.feature_names
        for k, (column, height) in enumerate(zip(ever[named], heights, strict=True)):
            text = f"x{column}" if names is None else str(np.asarray(names)[column])
            self.ax_.annotate(
                shortened(text, 24),
                (1.0, height),
                (4, 0),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                color=colours[k % 10],
                va="center",
                fontsize="small",
                annotation_clip=False,
            )

    def _draw_errors(self, shown: npt.NDArray[np.bool_]) -> None:
        assert self.losses is not None
        ax, losses = self.error_ax_, self.losses[shown]
        alphas = self.path.alphas[shown]
        means = losses.mean(axis=1)
        ax.margins(x=0.015)
        ax.plot(alphas, losses, color="0.75", lw=0.7, zorder=1)
        if losses.shape[1] > 1:
            error = losses.std(axis=1, ddof=1) / np.sqrt(losses.shape[1])
            ax.fill_between(
                alphas, means - error, means + error, color="tab:blue", alpha=0.2, lw=0, zorder=2
            )
        ax.plot(alphas, means, color="tab:blue", lw=1.8, zorder=3, label="mean of the folds")
        ax.set_xscale("log")
        if not ax.xaxis_inverted():
            ax.invert_xaxis()
        ax.set_ylabel(self.loss_name)
        ax.spines[["top", "right"]].set_visible(False)
        self._mark(ax, label=True)
        ax.legend(facecolor="white", edgecolor="none", framealpha=0.9, fontsize="small")

    def _mark(self, ax: Any, *, label: bool = False) -> None:
        """Draw the strengths that the two rules choose, with a full line where one was chosen."""
        if self.losses is None:
            if self.alpha is not None:
                ax.axvline(self.alpha, color="0.2", lw=1.2)
            return
        criterion = -self.losses if self.loss_name.startswith("score") else self.losses
        rules = {"best mean": False}
        if self.losses.shape[1] > 1:
            rules["one standard error"] = True
        for name, rule in rules.items():
            anywhere = np.full((1, len(criterion)), True)
            _, a = choose(criterion[np.newaxis], anywhere, one_standard_error=rule)
            alpha = float(self.path.alphas[a])
            chosen = alpha == self.alpha
            ax.axvline(
                alpha,
                color="0.2" if chosen else "0.5",
                lw=1.2,
                ls="-" if chosen else ":",
                zorder=2,
                label=f"{name}, {alpha:.3g}" + (" (chosen)" if chosen else "") if label else None,
            )


def _without_rest(weights: Floats) -> Floats:
    """Weights along the path, not a number where they are 0 and so are both neighbours."""
    at_rest = np.concatenate([[True], weights == 0, [True]])
    return np.where(at_rest[:-2] & at_rest[1:-1] & at_rest[2:], np.nan, weights)


def _apart(heights: Floats, distance: float, highest: float) -> Floats:
    """The nearest heights in the same order, in least squares, that keep a distance.

    None is above `highest`, where there is room for them.
    """
    from sklearn.isotonic import isotonic_regression

    order = np.argsort(heights, kind="stable")
    steps = distance * np.arange(len(heights))
    moved = np.empty(len(heights))
    moved[order] = isotonic_regression(heights[order] - steps) + steps
    moved[order] = np.minimum(moved[order], highest - steps[::-1])
    return moved
