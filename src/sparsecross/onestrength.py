"""Estimators that are told the strength of the penalty: one problem, or several, solved once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import _fit_context, is_classifier
from sklearn.utils.validation import check_is_fitted

from ._inputs import Floats
from .callbacks import Listeners
from .convergence import Ending, warn_if_short
from .estimator import SparseLinearModel, Stated
from .interactions import Interactions
from .memory import FitMemory
from .model import LinearModel
from .solution import OnLook, Solution, unsolved
from .task import RULES


@dataclass(kw_only=True, eq=False, repr=False)
class OneStrength(SparseLinearModel):
    """What the estimators share that do not choose their strength."""

    alpha: float | None = field(default=None, kw_only=False)
    warm_start: bool = False

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **SparseLinearModel._parameter_constraints,
        "alpha": [*RULES["alpha"], None],
        "warm_start": ["boolean"],
    }

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, offset: Any = None) -> Self:
        """Fit to data.

        Parameters
        ----------
        X : array-like or sparse of shape (n_samples, n_features)
            float32 or float64; CSC and Fortran order are read where they lie, other layouts are
            turned into those once.
        y : array-like of shape (n_samples,)
            Real targets; counts or rates, not negative, for the Poisson loss; labels of at least
            two classes for classifiers.
        sample_weight : array-like of shape (n_samples,), optional
            Weights, not negative; only their proportions matter.
        offset : array-like of shape (n_samples,), optional
            What is added to the margins Xw + b of these rows (of each class against the rest).
            Predictions leave it out. The multinomial model has none: what is added to the margins
            of all classes alike changes nothing.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If an input breaks its rule; the message names it.
        """
        with self._unchanged_unless_fitted():
            stated = self._stated(X, y, sample_weight, offset)
            self._solve(stated, Listeners(self, stated.names, X, y, sample_weight))
        return self

    def start_from(self, model: LinearModel) -> Self:
        """Take over the weights of another fitted model, for the next fit to start from.

        Parameters
        ----------
        model : fitted estimator
            With weights of the same columns, crosses included: another estimator of this package,
            one of a stream for example.

        Returns
        -------
        self
            With these weights, as if they had been fitted here.

        Raises
        ------
        ValueError
            If `warm_start` is False: they would be forgotten.
        sklearn.exceptions.NotFittedError
            If the model has no weights.
        """
        if not self.warm_start:
            raise ValueError("warm_start must be True to start from other weights, got False.")
        check_is_fitted(model)
        coef = np.array(model.coef_, dtype=np.float64)
        self.coef_ = np.atleast_2d(coef) if is_classifier(self) else coef
        self.intercept_ = model.intercept_
        self.interactions_ = model.interactions_
        self.encoder_ = model.encoder_
        if is_classifier(self):
            self.classes_ = model.classes_
        return self

    def _solve(self, stated: Stated, listeners: Listeners) -> None:
        """Solve each problem, whose vectors are held only meanwhile, and set what is fitted.

        An exception of a signal handler is raised again once what was found is set; targets that
        had no turn keep their start, or zeros. So it is where a callback stops the fit.
        """
        n_features = stated.design.shape[1]
        starts = self._starts(stated)
        solutions: list[Solution] = []
        alphas: list[float] = []
        interruption = None
        tasks = self._tasks(stated)
        for k, (coef, intercept) in enumerate(starts):
            if interruption is not None or listeners.stopped:
                start = np.zeros(n_features) if coef is None else coef
                solutions.append(unsolved(start, intercept, self.solver))
                alphas.append(alphas[-1])
                continue
            task = next(tasks)
            alpha = task.default_alpha(self.l1_ratio) if self.alpha is None else self.alpha
            solution = task.solve(
                alpha,
                self.l1_ratio,
                solver=self.solver,
                tol=self.tol,
                max_iter=self.max_iter,
                coef_init=coef,
                intercept_init=intercept,
                on_look=self._heard(k, listeners),
                interactions_init=self._crosses_to_start_from(k, coef),
            )
            listeners.end()
            alphas.append(float(alpha))
            solutions.append(replace(solution, dual_point=np.empty(0)))
            interruption = solution.interruption
            del solution, task  # their vectors must not stand beside those of the next problem
        # Problems are solved one after the other, of which each is gone before the next.
        self._set_fitted(solutions, alphas, FitMemory.largest(s.memory for s in solutions))
        if interruption is not None:
            raise interruption
        listeners.close()
        self._warn(solutions)

    def _heard(self, k: int, listeners: Listeners) -> OnLook | None:
        """Who is told of the looks of problem k."""
        return listeners.begin(k)

    def _crosses_to_start_from(self, k: int, coef: Floats | None) -> Interactions | None:
        """What problem k starts from of the last fit's crosses, if it starts from its weights."""
        if coef is None or self.interactions is None or self.interactions_ is None:
            return None
        last = self.interactions_
        return last if last.values.ndim == 1 else last.of_class(k)

    def _warn(self, solutions: list[Solution]) -> None:
        warn_if_short(
            type(self).__name__,
            [Ending(s.n_iter, s.relative_gap, s.status, s.solver) for s in solutions],
            self.tol,
            stacklevel=5,  # past this method, _solve, fit and scikit-learn's wrapper of fit
        )

    def _starts(self, stated: Stated) -> list[tuple[Floats | None, Any]]:
        """What each problem starts from: weights of the last fit, if they are of its shape."""
        shape = (stated.n_together or len(stated.names), stated.design.shape[1])
        coef = np.atleast_2d(self.coef_) if self.warm_start and hasattr(self, "coef_") else None
        if coef is None or coef.shape != shape:
            return [(None, 0.0)] * len(stated.names)
        if stated.n_together:
            return [(coef, self.intercept_)]
        intercepts = np.atleast_1d(self.intercept_)
        return [(np.ascontiguousarray(w), float(b)) for w, b in zip(coef, intercepts, strict=True)]
