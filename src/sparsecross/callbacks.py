"""Who listens to a fit: a user who reads lines, and scikit-learn's callbacks (from 1.9 on)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .solution import Look, OnLook

try:
    from sklearn.callback import CallbackSupportMixin as CallbackSupportMixin
except ImportError:  # scikit-learn 1.8

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands for scikit-learn's mixin where there is none."""


class Listeners:
    """Tells of the looks of a fit's problems at all columns.

    Callbacks see a tree of tasks: `fit`, below it a `problem` for each of several problems (of a
    single one the fit is the problem), and below that a `look` for each look. A callback that asks
    to stop ends the fit with what it has.

    Parameters
    ----------
    estimator : estimator
        What is fitted; its `verbose` and its callbacks decide who listens.
    names : list of str
        What the problems are called; one empty name if there is only one.
    X, y, sample_weight : array-like
        The data, as callbacks are to see them.
    """

    def __init__(
        self, estimator: Any, names: list[str], X: Any, y: Any, sample_weight: Any = None
    ) -> None:
        self._estimator = estimator
        self._names = names
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self._seen = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
        self._root: Any = None
        if getattr(estimator, "_skl_callbacks", None):
            several = len(names) > 1
            self._root = estimator._init_callback_context(
                max_subtasks=len(names) if several else None
            )
            self._root.call_on_fit_task_begin(**self._seen)
        self._context = self._root
        self.stopped = False

    def begin(self, k: int) -> OnLook | None:
        """Say that problem k begins; return who listens to it, if anybody does."""
        if self._root is not None and len(self._names) > 1:
            self._context = self._root.subcontext(task_name="problem", max_subtasks=None)
            self._context.call_on_fit_task_begin(**self._seen)
        if self._root is None and not self._estimator.verbose:
            return None
        name = f"{type(self._estimator).__name__}{self._names[k]}"

        def on_look(look: Look) -> bool:
            if self._estimator.verbose:
                print(line(name, look), flush=True)
            return self._root is not None and self._call(look)

        return on_look

    def end(self) -> None:
        """Say that the problem has ended."""
        if self._context is not self._root:
            self._context.call_on_fit_task_end(**self._seen)

    def close(self) -> None:
        """Say that the fit has ended."""
        if self._root is not None:
            self._root.call_on_fit_task_end(**self._seen, reconstruction_attributes={})

    def _call(self, look: Look) -> bool:
        task = self._context.subcontext(task_name="look")
        task.call_on_fit_task_begin(**self._seen)

        def fitted() -> dict[str, Any] | None:
            if len(self._names) > 1:  # one problem alone does not predict
                return None
            attributes: dict[str, Any] = self._estimator._weights_as_fitted(
                [look.coef.copy()], [look.intercept]
            )
            return attributes | {"interactions_": look.interactions}

        self.stopped = task.call_on_fit_task_end(**self._seen, reconstruction_attributes=fitted)
        # Where nothing is left to do, the problem ends as converged and not as stopped.
        return bool(self.stopped and look.round.relative_gap > self._estimator.tol)


class Stages:
    """Tells scikit-learn's callbacks of the stages of a fit, one after the other.

    Parameters
    ----------
    estimator : estimator
        What is fitted.
    n_stages : int
        How many there are.
    X, y, sample_weight : array-like
        The data, as callbacks are to see them.
    """

    def __init__(
        self, estimator: Any, n_stages: int, X: Any, y: Any, sample_weight: Any = None
    ) -> None:
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self._seen = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
        self._root: Any = None
        if getattr(estimator, "_skl_callbacks", None):
            self._root = estimator._init_callback_context(max_subtasks=n_stages)
            self._root.call_on_fit_task_begin(**self._seen)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """One stage, named."""
        if self._root is None:
            yield
            return
        task = self._root.subcontext(task_name=name)
        task.call_on_fit_task_begin(**self._seen)
        yield
        task.call_on_fit_task_end(**self._seen)

    def close(self) -> None:
        """Say that the fit has ended."""
        if self._root is not None:
            self._root.call_on_fit_task_end(**self._seen, reconstruction_attributes={})


def line(name: str, look: Look) -> str:
    """What is printed of a look."""
    r = look.round
    return (
        f"{name}: {r.seconds:8.2f} s, relative gap {r.relative_gap:8.2e}, "
        f"{r.n_active:,} non-zero weights, working set {r.working_set:,}, {r.n_iter:,} sweeps"
    )
