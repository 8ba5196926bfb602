"""What the estimators share: parameters, tasks, weights, margins, over the functional core.

Estimators are dataclasses whose fields are their parameters: a parameter, its default and its type
stand in one line of the class that it belongs to, and the constructor that scikit-learn asks for,
which only sets attributes, follows from them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import numpy as np
import numpy.typing as npt
from sklearn.utils.validation import validate_data

from . import _solvers
from ._inputs import Floats, as_penalty_factor
from .callbacks import CallbackSupportMixin
from .interactions import (
    INTERACTION_RULES,
    Hierarchy,
    Products,
    side_by_side,
)
from .memory import FitMemory
from .model import LinearModel
from .multinomial import AnyTask
from .scale.block import Facts, LossOfRows
from .scale.blocktask import BlockTask
from .scale.pairs import all_pairs
from .scale.reducer import Reducer
from .scale.store import reducer_of
from .solution import Solution, SolverName
from .stating import crossed_design, make_task
from .task import DEFAULT_DELTA, RULES, LossName

# What the parameters mean, the same for every estimator; those that cross-validate have no start.
_PARAMETERS = """fit_intercept : bool, default=True
        Whether to fit an intercept. It is never penalised, and X is not centred for it.
    positive : bool, default=False
        Whether weights must not be negative.
    standardize : bool, default=False
        Whether to penalise w_j σ_j in place of w_j, as if X were standardised: σ_j is the weighted
        standard deviation of column j (its root mean square without an intercept). X is not
        touched, `coef_` is on its scale, and constant columns are excluded.
    penalty_factor : array-like of shape (n_features,), optional
        ω: 0 leaves a column unpenalised, infinity excludes it. All 1 by default.
    solver : {"auto", "cd", "ista", "fista"}, default="auto"
        "cd" is coordinate descent over working sets, "ista" proximal gradient and "fista" its
        accelerated form; all end at the same optimum with the same certificate. "auto" is "cd".
    tol : float, default=1e-4
        The relative duality gap to reach: gap / (objective at zero weights).
    max_iter : int, default=100_000
        Limit of sweeps of coordinate descent and Newton steps, or of iterations of proximal
        gradient.
{warm start}    n_threads : int, optional
        Threads; by default as many as OpenMP is allowed here. The answer does not depend on it.
    verbose : bool, default=False
        Whether to print a line at {when}.
        A bar, in notebooks too, is scikit-learn's: ``set_callbacks(ProgressBar())``, of
        ``sklearn.callback``.
    interactions : {"pairwise", "triples"}, list of tuples or None, default=None
        Products of columns that may have weights, none of which is built unless it matters:
        "pairwise" are all of two distinct columns, "triples" those and all of three. A list of
        tuples says which: of columns (by number or name), or of fields where `fields` names them
        or X is a table of categories, which is then encoded as :class:`FeatureCross` does.
    hierarchy : {"none", "weak", "strong"}, default="none"
        Whether one or all columns of a cross must have a weight themselves. The optimum is then
        that over crosses of such columns, and `certified_over_` says which.
    squares : bool, default=False
        Whether squares of columns that are not all 0 and 1 count among the crosses.
    interaction_penalty : float, default=1.0
        The penalty factor of crosses; `penalty_factor` speaks of columns.
    fields : array-like of shape (n_features,), optional
        The field of each column, for a list of `interactions` of fields."""
_WARM_START = """    warm_start : bool, default=False
        Whether `fit` starts from the weights of the last fit.
"""
_OF_LOOKS = """each look at all columns: seconds, relative duality gap,
        non-zero weights, columns in the working set, and sweeps"""
_OF_STRENGTHS = """each strength of each fold: relative duality gap, non-zero
        weights, and held-out loss"""


_AUTO: SolverName = "auto"
_NO_INTERACTIONS: str | Sequence[Any] | None = None
_Estimator = TypeVar("_Estimator", bound=type)


def documented(estimator: _Estimator) -> _Estimator:
    """Put the meaning of the shared parameters into an estimator's docstring."""
    if estimator.__doc__ is not None:  # python -OO strips docstrings
        doc = estimator.__doc__
        for place, warm_start, when in (
            ("{parameters}", _WARM_START, _OF_LOOKS),
            ("{cv parameters}", "", _OF_STRENGTHS),
        ):
            text = _PARAMETERS.replace("{warm start}", warm_start).replace("{when}", when)
            doc = doc.replace(place, text)
        estimator.__doc__ = doc
    return estimator


@dataclass(frozen=True)
class Stated:
    """Data, checked: all that the problems of a fit consist of but the parameters.

    Attributes
    ----------
    design : Design or Reducer
        The columns.
    truth : ndarray of shape (n_samples,)
        Real targets, or places in `classes_`.
    weight : ndarray of shape (n_samples,) or None
        Sample weights of mean 1.
    names : list of str
        What to call each problem, empty for a single one.
    targets : callable
        Yields the targets of each problem.
    offset : ndarray of shape (n_samples,) or None
        What is added to the margins.
    products : Products, AllPairs or None
        Which products of columns there are.
    n_together : int
        How many outputs (classes, tasks) are one problem; 0 where each is a problem of its own.
    losses : tuple of LossOfRows
        Of each problem, where the rows lie in blocks; targets and weights lie with them.
    """

    design: _solvers.Design | Reducer
    truth: npt.NDArray[Any]
    weight: Floats | None
    names: list[str]
    targets: Callable[[], Iterator[Floats]]
    offset: Floats | None = None
    products: Any = None
    n_together: int = 0
    losses: tuple[LossOfRows, ...] = ()


@dataclass(kw_only=True, eq=False, repr=False)
class SparseLinearModel(CallbackSupportMixin, LinearModel):
    """What the estimators share: one or several L1 problems over the same columns."""

    fit_intercept: bool = True
    penalty_factor: npt.ArrayLike | None = None
    tol: float = 1e-4
    max_iter: int = 100_000
    n_threads: int | None = None
    verbose: bool = False

    # Where they are no parameters:
    l1_ratio = 1.0
    delta = DEFAULT_DELTA
    positive = standardize = False
    solver = _AUTO
    interactions = _NO_INTERACTIONS

    _loss: ClassVar[LossName]
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "verbose": ["boolean"],
        **{
            name: RULES[name]
            for name in ("fit_intercept", "penalty_factor", "tol", "max_iter", "n_threads")
        },
    }

    @contextmanager
    def _unchanged_unless_fitted(self) -> Iterator[None]:
        """Put every attribute back if an exception ends a fit that found no weights."""
        before = self._public()
        try:
            yield
        except BaseException:
            if vars(self).get("coef_") is before.get("coef_"):
                for name in self._public():
                    delattr(self, name)
                self.__dict__.update(before)
            raise

    def _public(self) -> dict[str, Any]:
        """Parameters and fitted attributes; what begins with _ is scikit-learn's."""
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}

    def _stated(self, X: Any, y: Any, sample_weight: Any, offset: Any = None) -> Stated:
        """Check the data and state the problems of a fit; classifiers learn their labels."""
        raise NotImplementedError

    def _tasks(self, stated: Stated) -> Iterator[AnyTask]:
        """The problems of a fit, one after the other."""
        raise NotImplementedError

    def _reducer(self, X: Any, y: Any, sample_weight: Any, offset: Any) -> Reducer | None:
        """What to ask for sums over rows where these lie in blocks, else None."""
        return reducer_of(X, y, sample_weight, offset, self.n_threads)

    def _stated_by_blocks(self, reducer: Reducer) -> Stated:
        """State the problems over rows that lie in blocks."""
        products = all_pairs(reducer, self)
        self.encoder_ = encoder = reducer.encoder
        names, n_features = reducer.feature_names, reducer.shape[1]
        if encoder is not None:  # which reads tables
            names = getattr(encoder, "feature_names_in_", None)
            n_features = encoder.n_features_in_
        self.n_features_in_ = n_features
        self.__dict__.pop("feature_names_in_", None)
        if names is not None:
            self.feature_names_in_ = names
        losses = self._losses_of(reducer.facts)
        names = [f", class {loss.label!r}" for loss in losses] if len(losses) > 1 else [""]
        return Stated(
            reducer,
            np.empty(0),
            None,
            names,
            lambda: iter(()),
            products=products,
            losses=losses,
        )

    def _losses_of(self, facts: Facts) -> tuple[LossOfRows, ...]:
        """The loss of each problem over blocks of rows."""
        raise NotImplementedError

    def _design(self, X: Any, y: Any) -> tuple[_solvers.Design, Products | None]:
        """The columns, and their products where these may have weights."""
        raise NotImplementedError

    def _set_fitted(
        self, solutions: list[Solution], alphas: list[float], memory: FitMemory
    ) -> None:
        single = len(solutions) == 1

        def one_or_all(values: list[Any]) -> Any:
            return values[0] if single else np.array(values)

        weights = self._weights_as_fitted(
            [s.coef for s in solutions], [s.intercept for s in solutions]
        )
        self.__dict__.update(weights)
        self.__dict__.update(self._interactions_as_fitted(solutions))
        self.dual_gap_ = one_or_all([s.gap for s in solutions])
        self.relative_gap_ = one_or_all([s.relative_gap for s in solutions])
        self.n_iter_ = one_or_all([max(1, s.n_iter) for s in solutions])
        self.alpha_ = one_or_all(alphas)
        self.fit_memory_ = memory
        self.solver_ = solutions[0].solver
        self.status_ = solutions[0].status if single else [s.status for s in solutions]
        self.history_ = solutions[0].history if single else [s.history for s in solutions]

    def _weights_as_fitted(self, coefs: list[Floats], intercepts: list[Any]) -> dict[str, Any]:
        """coef_ and intercept_, in the shapes that this estimator has them in."""
        return {"coef_": coefs[0], "intercept_": intercepts[0]}

    def _interactions_as_fitted(self, solutions: list[Solution]) -> dict[str, Any]:
        """interactions_ and what was looked at for them; None where there are no interactions."""
        each = [s.interactions for s in solutions if s.interactions is not None]
        if len(each) < len(solutions):
            names = ("interactions_", "interaction_counts_", "interaction_ties_", "certified_over_")
            return dict.fromkeys(names)
        single = len(each) == 1
        counts = [s.history[-1].interactions if s.history else None for s in solutions]
        ties = [s.history[-1].ties if s.history else 0 for s in solutions]
        return {
            "interactions_": each[0] if single else side_by_side(each),
            "interaction_counts_": counts[0] if single else counts,
            "interaction_ties_": ties[0] if single else ties,
            "certified_over_": (
                solutions[0].certified_over if single else [s.certified_over for s in solutions]
            ),
        }


@dataclass(kw_only=True, eq=False, repr=False)
class ColumnModel(SparseLinearModel):
    """What the estimators share that penalise single columns, and products of them."""

    positive: bool = False
    standardize: bool = False
    solver: SolverName = "auto"
    interactions: str | Sequence[Any] | None = None
    hierarchy: Hierarchy = "none"
    squares: bool = False
    interaction_penalty: float = 1.0
    fields: npt.ArrayLike | None = None

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **SparseLinearModel._parameter_constraints,
        **INTERACTION_RULES,
        **{name: RULES[name] for name in ("positive", "standardize", "solver")},
    }

    def _tasks(self, stated: Stated) -> Iterator[AnyTask]:
        factor = as_penalty_factor(self.penalty_factor, stated.design.shape[1])
        if isinstance(stated.design, Reducer):
            for loss in stated.losses:
                yield BlockTask(
                    stated.design,
                    loss,
                    factor,
                    self.fit_intercept,
                    self.positive,
                    self.n_threads,
                    self.standardize,
                    stated.products,
                )
            return
        for target in stated.targets():
            yield make_task(
                stated.products,
                stated.design,
                target,
                self._loss,
                stated.weight,
                factor,
                self.fit_intercept,
                self.positive,
                self.n_threads,
                stated.offset,
                self.standardize,
                self.delta,
            )

    def _design(self, X: Any, y: Any) -> tuple[_solvers.Design, Products | None]:
        """The columns, and their products; a table of categories is encoded for both."""
        validate_data(self, X, y, skip_check_array=True)
        names = getattr(self, "feature_names_in_", None)
        design, products, self.encoder_ = crossed_design(X, self, names)
        return design, products
