"""A picture: bytes of models against their loss, and the one that was chosen. Needs matplotlib."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ._inputs import Floats
from .crossvalidation import CrossValidated
from .display import check_cross_validated, held_out
from .memory import MemoryReport, format_bytes
from .modelfile import sizes
from .pathrecord import Path
from .plotting import pyplot

_UNITS = tuple(2**k for k in range(0, 41, 2))


class SparsityDisplay:
    """Loss against bytes, in scikit-learn's Display style.

    Made by :meth:`from_estimator`, :meth:`from_report` or :meth:`from_path`.

    Parameters
    ----------
    n_bytes : ndarray of shape (n_models,)
        Of models, in memory or in their file, whichever are more.
    losses : ndarray of shape (n_models,)
        Of the same.
    n_nonzeros : ndarray of shape (n_models,)
        Their weights that are not 0.
    spread : ndarray of shape (n_models,), optional
        Standard errors of the losses.
    chosen : tuple of (int, float, int), optional
        Bytes, loss and number of weights of the model that was chosen.
    loss_name : str, default="loss"
        What the losses are.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    line_ : matplotlib Line2D
        Of the models.

    Examples
    --------
    >>> import numpy as np, sparsecross as sx
    >>> X = np.random.default_rng(0).standard_normal((60, 20))
    >>> model = sx.LassoCV(max_bytes=500).fit(X, X[:, 0] - X[:, 1])
    >>> display = sx.SparsityDisplay.from_estimator(model)
    """

    def __init__(
        self,
        n_bytes: npt.NDArray[np.int64],
        losses: Floats,
        n_nonzeros: npt.NDArray[np.int64],
        *,
        spread: Floats | None = None,
        chosen: tuple[int, float, int] | None = None,
        loss_name: str = "loss",
    ) -> None:
        self.n_bytes, self.losses, self.n_nonzeros = n_bytes, losses, n_nonzeros
        self.spread, self.chosen, self.loss_name = spread, chosen, loss_name

    @classmethod
    def from_estimator(cls, estimator: CrossValidated, **options: Any) -> Self:
        """Draw the mean held-out loss of an estimator that cross-validates, by strength.

        Parameters
        ----------
        estimator : LassoCV, ElasticNetCV or SparseLogisticRegressionCV
            Fitted.
        **options
            As of :meth:`plot`.

        Returns
        -------
        SparsityDisplay

        Raises
        ------
        TypeError
            If the estimator is of another kind.
        ImportError
            If matplotlib is not installed.
        """
        check_cross_validated(estimator)
        paths = estimator.path_ if isinstance(estimator.path_, list) else [estimator.path_]
        losses, name = held_out(estimator)
        n_bytes = _bytes_of(paths[0])
        if len(paths) > 1:
            n_bytes = _bytes_together(paths, estimator.classes_)
        n_nonzeros = np.sum([path.n_nonzeros for path in paths], axis=0)
        means, n_folds = losses.mean(axis=1), losses.shape[1]
        at = int(np.flatnonzero(paths[0].alphas == estimator.alpha_)[0])
        display = cls(
            n_bytes,
            means,
            n_nonzeros,
            spread=losses.std(axis=1, ddof=1) / np.sqrt(n_folds) if n_folds > 1 else None,
            chosen=(int(n_bytes[at]), float(means[at]), int(n_nonzeros[at])),
            loss_name=f"held-out {name}",
        )
        return display.plot(**options)

    @classmethod
    def from_report(cls, report: MemoryReport, **options: Any) -> Self:
        """Draw what pruning would cost at other sizes, of a model that was pruned on rows.

        Parameters
        ----------
        report : MemoryReport
            Of ``prune(model, X=X, y=y, ...)``.
        **options
            As of :meth:`plot`.

        Returns
        -------
        SparsityDisplay

        Raises
        ------
        ValueError
            If the model was pruned without rows.
        ImportError
            If matplotlib is not installed.
        """
        if report.losses is None:
            raise ValueError("report must be of a model that was pruned with X and y")
        n_nonzeros, n_bytes, losses = map(np.array, zip(*report.losses.tradeoff, strict=True))
        chosen = (report.size, report.losses.after, report.n_nonzero)
        display = cls(n_bytes, losses, n_nonzeros, chosen=chosen, loss_name="mean loss")
        return display.plot(**options)

    @classmethod
    def from_path(cls, path: Path, **options: Any) -> Self:
        """Draw the loss that is left along a path, on the rows of the fit.

        Parameters
        ----------
        path : Path
            The solutions.
        **options
            As of :meth:`plot`.

        Returns
        -------
        SparsityDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        left = 1.0 - path.deviance_explained
        name = "share of the loss that is left"
        return cls(_bytes_of(path), left, path.n_nonzeros, loss_name=name).plot(**options)

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
        ImportError
            If matplotlib is not installed.
        """
        plt = pyplot(self)
        if ax is None:
            ax = plt.subplots(figsize=(6.4, 4.2), layout="constrained")[1]
        self.ax_, self.figure_ = ax, ax.figure
        order = np.argsort(self.n_bytes, kind="stable")
        x, y = self.n_bytes[order], self.losses[order]
        if self.spread is not None:
            spread = self.spread[order]
            ax.fill_between(x, y - spread, y + spread, color="tab:blue", alpha=0.15, lw=0)
        (self.line_,) = ax.plot(x, y, "o-", ms=3.5, lw=1.2, color="tab:blue")
        if self.chosen is not None:
            n_bytes, loss, n_nonzero = self.chosen
            ax.plot([n_bytes], [loss], "o", ms=9, mfc="none", mec="tab:red", mew=1.8)
            ax.annotate(
                f"{format_bytes(n_bytes)}, {n_nonzero:,} weights",
                (n_bytes, loss),
                (0.97, 0.95),
                textcoords="axes fraction",
                color="tab:red",
                ha="right",
                va="top",
                arrowprops={"arrowstyle": "-", "color": "tab:red", "lw": 0.8, "shrinkB": 6},
            )
        ax.set_xscale("log", base=2)
        low, high = ax.get_xlim()
        ticks = [unit for unit in _UNITS if low <= unit <= high] or [int(x[0]), int(x[-1])]
        ax.set_xticks(ticks, [format_bytes(tick).replace(".00", "") for tick in ticks])
        ax.set_xticks([], minor=True)
        ax.set_xlabel("bytes of the model")
        ax.set_ylabel(self.loss_name)
        ax.spines[["top", "right"]].set_visible(False)
        return self


def _bytes_of(path: Path) -> npt.NDArray[np.int64]:
    return np.maximum(path.n_bytes, path.file_bytes)


def _bytes_together(paths: list[Path], classes: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Of models of several classes, each against the rest, in one file."""
    columns = np.array([np.diff(path.coefs.indptr) for path in paths]).T.tolist()
    crosses, order = [[0] * len(paths)] * len(columns), 1
    if paths[0].interactions is not None:
        order = paths[0].interactions[0].order
        crosses = np.array([[len(c) for c in path.interactions or []] for path in paths]).T.tolist()
    n = paths[0].coefs.shape[0]
    found = [sizes(n, a, order, b, classes) for a, b in zip(columns, crosses, strict=True)]
    return np.array([max(each) for each in found])
