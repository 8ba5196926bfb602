"""A picture: the largest weights of a model by name. Needs matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.utils._param_validation import Interval, validate_parameter_constraints

from .plotting import pyplot, shortened
from .pruned import PrunedModel
from .pruning import prune


class WeightsDisplay:
    """The largest weights by name, in scikit-learn's Display style.

    Made by :meth:`from_estimator`.

    Parameters
    ----------
    names : sequence of str
        What the weights to draw are of, in the order to draw them in, from the top.
    weights : ndarray of shape (n_weights,), float64
        Their values.
    n_nonzero, n_zero : int, optional
        How many weights of the model are not 0, and how many are, drawn or not.
    speaks_for : str, optional
        What a positive weight speaks for.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    bars_ : matplotlib BarContainer
        Of the weights, from the top.

    Examples
    --------
    >>> import numpy as np, sparsecross as sx
    >>> X = np.random.default_rng(0).standard_normal((60, 20))
    >>> model = sx.Lasso(alpha=0.1).fit(X, X[:, 0] - X[:, 1])
    >>> display = sx.WeightsDisplay.from_estimator(model)
    """

    def __init__(
        self,
        names: Sequence[str],
        weights: npt.ArrayLike,
        *,
        n_nonzero: int | None = None,
        n_zero: int | None = None,
        speaks_for: str | None = None,
    ) -> None:
        self.names = names
        self.weights = weights
        self.n_nonzero = n_nonzero
        self.n_zero = n_zero
        self.speaks_for = speaks_for

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, n_weights: int = 20, target: Any = None, **options: Any
    ) -> Self:
        """Draw the largest weights of a model, with the names that `top_weights` gives them.

        Parameters
        ----------
        estimator : fitted estimator, Pipeline(FeatureCross, estimator) or PrunedModel
            Whose weights to draw.
        n_weights : int, default=20
            How many at most.
        target : label or int, optional
            With more than two classes: the class whose weights to draw; of several targets, the
            number of one.
        **options
            As of :meth:`plot`.

        Returns
        -------
        WeightsDisplay

        Raises
        ------
        TypeError
            If the model is of another kind.
        ValueError
            If `n_weights` is no positive integer, or `target` is not one of the classes where
            there are several.
        sklearn.exceptions.NotFittedError
            If it is not fitted.
        ImportError
            If matplotlib is not installed.
        """
        validate_parameter_constraints(
            {"n_weights": [Interval(Integral, 1, None, closed="left")]},
            {"n_weights": n_weights},
            caller_name="WeightsDisplay.from_estimator",
        )
        model = estimator if isinstance(estimator, PrunedModel) else prune(estimator)
        n_outputs, classes = len(model.intercept_), model.classes_
        if n_outputs > 1 and target is None:
            raise ValueError(f"target must be one of {model._labels}, got None.")
        found = model.top_weights(None, target=target)
        label = target if n_outputs > 1 or classes is None else classes[1]
        display = cls(
            [top.name for top in found[:n_weights]],
            np.array([top.weight for top in found[:n_weights]]),
            n_nonzero=len(found),
            n_zero=model.report.n_weights // n_outputs - len(found),
            speaks_for=None if label is None else str(label),
        )
        return display.plot(**options)

    def plot(self, ax: Any = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; by default a new figure.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If there are not as many names as weights.
        ImportError
            If matplotlib is not installed.
        """
        names, weights = list(self.names), np.asarray(self.weights, dtype=np.float64)
        if len(names) != len(weights):
            raise ValueError(
                f"names must be as many as weights, of which there are {len(weights)}; got "
                f"{len(names)}."
            )
        plt = pyplot(self)
        if ax is None:
            height = 1.3 + 0.24 * max(3, len(names))
            ax = plt.subplots(figsize=(6.4, height), layout="constrained")[1]
        self.ax_, self.figure_ = ax, ax.figure
        places = np.arange(len(names))
        self.bars_ = ax.barh(places, weights, height=0.7, color="tab:blue", edgecolor="black")
        for bar, weight in zip(self.bars_, weights, strict=True):
            if weight < 0:
                bar.set(facecolor="white", hatch="////")
        ax.bar_label(self.bars_, [f"{weight:.3g}" for weight in weights], padding=3, fontsize=8)
        ax.axvline(0, color="black", lw=0.8)
        ax.margins(x=0.2)  # room for the numbers beside the bars
        ax.set_yticks(places, [shortened(name, 40) for name in names])
        ax.set_ylim(max(len(names), 1) - 0.5, -0.5)
        ax.spines[["top", "right", "left"]].set_visible(False)
        ax.tick_params(axis="y", length=0)
        speaks = "" if self.speaks_for is None else f"; positive speaks for {self.speaks_for}"
        ax.set_xlabel(f"weight{speaks}")
        told = self._counts(len(names))
        if told:
            ax.set_title(told, fontsize="medium", loc="right")  # long ones stand above the names
        return self

    def _counts(self, n_shown: int) -> str:
        """Say how many weights there are besides those that are drawn."""
        told = []
        if self.n_nonzero is not None:
            few = self.n_nonzero == 1
            told.append(f"{self.n_nonzero:,} weight{' is' if few else 's are'} not 0")
            if n_shown < self.n_nonzero:
                told[0] += f", the {n_shown:,} largest shown"
        if self.n_zero is not None:
            told.append(f"{self.n_zero:,} {'is' if self.n_zero == 1 else 'are'} 0")
        return "; ".join(told)
