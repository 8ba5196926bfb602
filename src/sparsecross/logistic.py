"""Classification: SparseLogisticRegression."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from sklearn.utils import assert_all_finite, column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets

from . import _solvers
from ._inputs import Floats, as_offset, as_penalty_factor, as_sample_weight, check_length
from .classifier import LinearClassifier
from .estimator import ColumnModel, SparseLinearModel, Stated, documented
from .multinomial import AnyTask, MultinomialTask, check_together
from .onestrength import OneStrength
from .scale.block import Facts, LossOfRows
from .scale.targets import label_losses
from .task import RULES, LossName


@dataclass(kw_only=True, eq=False, repr=False)
class LogisticClassifier(LinearClassifier, SparseLinearModel):
    """What the logistic classifiers share: their problems, of two classes or of several."""

    class_weight: dict[Any, float] | str | None = None
    multi_class: str = "ovr"

    _loss: ClassVar[LossName] = "logistic"
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **SparseLinearModel._parameter_constraints,
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "multi_class": [StrOptions({"ovr", "multinomial"})],
    }

    def _losses_of(self, facts: Facts) -> tuple[LossOfRows, ...]:
        if self.multi_class == "multinomial" and len(facts.labels) > 2:
            raise ValueError(
                "multi_class must be 'ovr' for blocks of rows and more than two classes, got "
                "'multinomial'."
            )
        self.classes_, losses = label_losses(facts, self.class_weight)
        return losses

    def _stated(self, X: Any, y: Any, sample_weight: Any, offset: Any = None) -> Stated:
        reducer = self._reducer(X, y, sample_weight, offset)
        if reducer is not None:
            return self._stated_by_blocks(reducer)
        design, products = self._design(X, y)
        y = column_or_1d(y, warn=True)
        assert_all_finite(y, input_name="y")
        check_classification_targets(y)
        check_length(y, design.shape[0], "y")
        classes, codes = np.unique(y, return_inverse=True)
        weight = as_sample_weight(sample_weight, codes)
        if self.class_weight is not None:
            by_class = compute_sample_weight(self.class_weight, y)
            weight = as_sample_weight(by_class if weight is None else by_class * weight, codes)
        seen = np.unique(codes if weight is None else codes[weight > 0])
        if len(seen) < 2:
            raise ValueError(
                "y must hold at least two classes with positive weight, got one class: "
                f"{classes.tolist()[seen[0]]!r}."
            )
        shifts = as_offset(offset, design.shape[0])
        together = self.multi_class == "multinomial" and len(classes) > 2
        if together:
            check_together("multi_class='multinomial'", classes, codes, weight, shifts)
            if products is not None:
                raise ValueError(
                    "interactions must be None for multi_class='multinomial' and more than two "
                    f"classes, got {self.interactions!r}: multi_class='ovr' has them."
                )
        # Before solving: an interrupted fit keeps its weights, and they need their labels.
        self.classes_ = classes
        binary = len(classes) == 2
        positives = [1] if binary else range(len(classes))
        return Stated(
            design,
            codes,
            weight,
            [""] if binary or together else [f", class {k!r}" for k in classes.tolist()],
            lambda: (np.where(codes == k, 1.0, -1.0) for k in positives),
            shifts,
            products,
            len(classes) if together else 0,
        )

    @property
    def _together(self) -> bool:
        """Whether the classes that y holds are fitted as one problem."""
        return self.multi_class == "multinomial" and len(self.classes_) > 2

    def _tasks(self, stated: Stated) -> Iterator[AnyTask]:
        if not self._together:
            yield from super()._tasks(stated)
            return
        assert isinstance(stated.design, _solvers.Design)  # of blocks it is refused
        yield MultinomialTask(
            stated.design,
            stated.truth.astype(np.int64),
            len(self.classes_),
            stated.weight,
            as_penalty_factor(self.penalty_factor, stated.design.shape[1]),
            self.fit_intercept,
            self.positive,
            self.n_threads,
            self.standardize,
        )

    def _weights_as_fitted(self, coefs: list[Floats], intercepts: list[Any]) -> dict[str, Any]:
        if coefs[0].ndim == 2:
            return {"coef_": coefs[0], "intercept_": intercepts[0], "_link": "softmax"}
        # np.atleast_2d sees a single vector as a matrix, where np.array would copy it.
        coef = np.array(coefs) if len(coefs) > 1 else np.atleast_2d(coefs[0])
        return {"coef_": coef, "intercept_": np.array(intercepts), "_link": None}


@documented
@dataclass(kw_only=True, eq=False, repr=False)
class SparseLogisticRegression(OneStrength, LogisticClassifier, ColumnModel):
    """Logistic regression with L1 and L2 penalties, certified by a duality gap.

    Minimises ``1/n Σ s_i log(1 + exp(-y_i (x_i·w + b))) + alpha Σ_j ω_j (ρ |w_j| + (1-ρ)/2 w_j²)``
    with two labels coded -1 and +1. More than two classes are fitted one against the rest, each
    with its own certificate, or with ``multi_class="multinomial"`` all at once with one:
    ``1/n Σ s_i (log Σ_k exp(m_ik) - m_i,y_i) + alpha Σ_jk ω_j (ρ |w_kj| + (1-ρ)/2 w_kj²)`` over the
    margins m_ik = x_i·w_k + b_k. scikit-learn's C is 1 / (alpha Σ s_i).

    Parameters
    ----------
    alpha : float or None, default=None
        Strength of the penalty; None means a hundredth of the smallest strength at which all
        penalised weights are 0 (of each one-against-the-rest problem). As a MAP estimate, the
        prior of each weight is Laplace's with scale 1 / (n alpha) for ρ = 1.
    l1_ratio : float, default=1.0
        ρ, the share of the L1 part, between 0 and 1.
    class_weight : dict, "balanced" or None, default=None
        Weights by class, multiplied into `sample_weight`; as in scikit-learn.
    multi_class : {"ovr", "multinomial"}, default="ovr"
        What is fitted for more than two classes: each against the rest, or the multinomial model.
        For two classes both are the one problem above.
    {parameters}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features), float64
        Weights; most are exactly 0.
    sparse_coef_ : csr_matrix of the same shape
        The same without the zeros.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        Intercepts, 0.0 without.
    dual_gap_, relative_gap_, alpha_, n_iter_ : float and int, or ndarray of shape (n_classes,)
        Of the one problem, or of each class against the rest.
    status_, history_ : Status and list of Round, or lists of them
        Of the one problem, or of each class against the rest.
    fit_memory_ : FitMemory
        Bytes that the fit held at most: `data`, `vectors`, `working_set`, and their `total`.
    solver_ : {"cd", "ista", "fista"}
        The solver that was used.
    interactions_ : Interactions or None
        The weights of crosses, where `interactions` asks for any.
    interaction_counts_ : InteractionCounts or None, or list of InteractionCounts
        Crosses possible, co-occurring, looked at and built; of each class against the rest.
    interaction_ties_ : int or None, or list of int
        How often a cross was equal to a column already built, which stands for it.
    certified_over_ : str or None, or list of str
        What the gap is proved over, where there are crosses.
    encoder_ : FeatureCross or None
        What encodes a table of categories, where X was one and `interactions` asks for crosses.
    n_features_in_ : int
        Number of columns.

    References
    ----------
    Yuan, Ho & Lin 2012; Massias, Gramfort & Salmon 2018; Friedman, Hastie & Tibshirani 2010,
    section 4.

    Examples
    --------
    >>> import sparsecross as sx
    >>> X = [[0.0], [1.0], [2.0], [3.0]]
    >>> sx.SparseLogisticRegression().fit(X, ["no", "no", "yes", "yes"]).predict([[2.5]])
    array(['yes'], dtype='<U3')
    """

    l1_ratio: float = 1.0

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **OneStrength._parameter_constraints,
        **LogisticClassifier._parameter_constraints,
        **ColumnModel._parameter_constraints,
        "l1_ratio": RULES["l1_ratio"],
    }
