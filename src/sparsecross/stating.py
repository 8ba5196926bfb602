"""Arrays as users hand them in, checked and stated as a task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from sklearn.utils._param_validation import StrOptions

from . import _solvers
from ._inputs import (
    Floats,
    as_design,
    as_offset,
    as_penalty_factor,
    as_sample_weight,
    as_target,
    as_targets,
)
from .crossing import FeatureCross
from .fields import has_categories
from .groups import Groups, as_group_factor, as_groups
from .grouptask import GroupTask
from .interactions import Hierarchy, Products, as_products
from .interactiontask import InteractionTask
from .multinomial import AnyTask, MultinomialTask, check_together
from .scale.blocktask import BlockTask
from .scale.pairs import all_pairs
from .scale.reducer import Reducer
from .scale.store import reducer_of
from .scale.targets import numeric_loss
from .task import LOSSES, MAX_LOG_RATE, RULES, LossName, Task

AnyLossName = LossName | Literal["multinomial"]
ANY_LOSS = [StrOptions({*LOSSES, "multinomial"})]
GROUP_LOSSES = ("squared", "logistic", "huber", "multinomial")
GROUP_RULES: dict[str, list[Any]] = {
    "groups": ["array-like", StrOptions({"fields"}), dict, None],
    "l1_share": RULES["l1_ratio"],
}


def check_target(
    loss: LossName,
    target: Floats,
    weight: Floats | None,
    offset: Floats | None,
    fit_intercept: bool,
) -> None:
    """Raise a ValueError unless the loss is defined for these targets and offsets."""
    seen = target if weight is None else target[weight > 0]
    if loss == "logistic":
        if not np.isin(target, (-1.0, 1.0)).all():
            bad = target[~np.isin(target, (-1.0, 1.0))][0]
            raise ValueError(f"y must hold -1 and +1 for loss='logistic', got {bad}.")
        if (seen == seen[0]).all():
            raise ValueError(
                "y must hold both -1 and +1 with positive weight for loss='logistic', "
                f"got only {seen[0]}."
            )
    if loss == "poisson":
        if (target < 0).any():
            raise ValueError(
                f"y must not be negative for the Poisson loss, got {target.min()}: it counts."
            )
        if fit_intercept and not seen.any():
            raise ValueError(
                "y must hold a positive target of positive weight for the Poisson loss with an "
                "intercept, got only 0: no intercept is best."
            )
        if offset is not None and offset.max() > MAX_LOG_RATE:
            raise ValueError(
                f"offset must be at most {MAX_LOG_RATE:g} for the Poisson loss, as exp(offset) "
                f"must be finite, got {offset.max()}."
            )


@dataclass(frozen=True, kw_only=True)
class Statement:
    """What states a problem beside X, y and the loss, as it comes from users."""

    sample_weight: Any
    penalty_factor: Any
    fit_intercept: bool
    positive: bool
    n_threads: int | None
    offset: Any
    standardize: bool
    delta: float
    interactions: Any
    hierarchy: Hierarchy
    squares: bool
    interaction_penalty: float
    fields: Any
    groups: Any
    l1_share: float

    def task(self, X: Any, y: Any, loss: AnyLossName) -> AnyTask:
        """Check arrays, and state the problem."""
        reducer = reducer_of(X, y, self.sample_weight, self.offset, self.n_threads)
        several = loss == "squared" and reducer is None and np.ndim(y) == 2 and np.shape(y)[1] > 1
        if self.groups is not None or several:
            if reducer is not None:
                raise ValueError("groups must be None for blocks of rows.")
            return self._grouped(X, y, loss, several=several)
        if self.l1_share != 0.0:
            raise ValueError(f"l1_share must be 0 without groups, got {self.l1_share}.")
        if reducer is not None:
            return self._task_by_blocks(reducer, loss)
        design, products, _ = crossed_design(X, self, None)
        n_samples, n_features = design.shape
        factor = as_penalty_factor(self.penalty_factor, n_features)
        if loss == "multinomial":
            if products is not None:
                raise ValueError(
                    f"interactions must be None for loss='multinomial', got {self.interactions!r}."
                )
            return self._multinomial(design, y, factor)
        target = as_target(y, n_samples)
        weight = as_sample_weight(self.sample_weight, target)
        shifts = as_offset(self.offset, n_samples)
        check_target(loss, target, weight, shifts, self.fit_intercept)
        return make_task(
            products,
            design,
            target,
            loss,
            weight,
            factor,
            self.fit_intercept,
            self.positive,
            self.n_threads,
            shifts,
            self.standardize,
            self.delta,
        )

    def _grouped(self, X: Any, y: Any, loss: AnyLossName, *, several: bool) -> GroupTask:
        for name, plain in (("positive", False), ("standardize", False), ("interactions", None)):
            if (given := getattr(self, name)) != plain:
                raise ValueError(f"{name} must be {plain} with groups of columns, got {given!r}.")
        if loss not in GROUP_LOSSES:
            raise ValueError(f"loss must be one of {GROUP_LOSSES} with groups, got {loss!r}.")
        design, _, groups = grouped_design(X, self.groups, None, self.n_threads)
        n_samples, n_classes = design.shape[0], 0
        shifts = as_offset(self.offset, n_samples)
        if loss == "multinomial":
            labels = as_labels(y, n_samples)
            weight = as_sample_weight(self.sample_weight, labels)
            n_classes = int(labels.max()) + 1
            check_together("loss='multinomial'", np.arange(n_classes), labels, weight, shifts)
            targets = labels.astype(np.float64)[None, :]
        elif several:
            targets = as_targets(y, n_samples)
            weight = as_sample_weight(self.sample_weight, targets[0])
            if shifts is not None:
                raise ValueError("offset must be None for several targets: take it off y.")
        else:
            targets = as_target(y, n_samples)[None, :]
            weight = as_sample_weight(self.sample_weight, targets[0])
            check_target(loss, targets[0], weight, shifts, self.fit_intercept)
        return GroupTask(
            design=design,
            targets=targets,
            loss=loss,
            groups=groups,
            penalty_factor=as_group_factor(self.penalty_factor, groups),
            n_classes=n_classes,
            single=not several and n_classes == 0,
            sample_weight=weight,
            offset=shifts,
            fit_intercept=self.fit_intercept,
            n_threads=self.n_threads,
            l1_share=self.l1_share,
            delta=self.delta,
        )

    def _task_by_blocks(self, reducer: Reducer, loss: AnyLossName) -> BlockTask:
        if loss == "multinomial":
            raise ValueError("loss must not be 'multinomial' for blocks of rows.")
        return BlockTask(
            reducer,
            numeric_loss(loss, reducer.facts, self.fit_intercept, self.delta),
            as_penalty_factor(self.penalty_factor, reducer.shape[1]),
            self.fit_intercept,
            self.positive,
            self.n_threads,
            self.standardize,
            all_pairs(reducer, self),
        )

    def _multinomial(
        self, design: _solvers.Design, y: Any, factor: Floats | None
    ) -> MultinomialTask:
        n_samples = design.shape[0]
        labels = as_labels(y, n_samples)
        weight = as_sample_weight(self.sample_weight, labels)
        classes = np.arange(labels.max() + 1)
        shifts = as_offset(self.offset, n_samples)
        check_together("loss='multinomial'", classes, labels, weight, shifts)
        return MultinomialTask(
            design,
            labels,
            len(classes),
            weight,
            factor,
            self.fit_intercept,
            self.positive,
            self.n_threads,
            self.standardize,
        )


def make_task(products: Products | None, *parts: Any) -> Task:
    """Return the task of these parts, over columns alone or over products of them too."""
    if products is None:
        return Task(*parts)
    task = InteractionTask(*parts, products=products)
    if task.standardize:
        raise ValueError(
            "standardize must be False with interactions, whose deviations are not known before "
            "they are built; got True."
        )
    return task


def encoded(
    X: Any, interactions: Any, fields: Any, n_threads: int | None
) -> tuple[Any, FeatureCross, npt.NDArray[Any], npt.NDArray[Any] | None]:
    """Encode a table of categories as columns of ones, whose products are its crosses.

    Returns
    -------
    csr_matrix, FeatureCross, ndarray of str, ndarray or None
        The columns, what encodes them, their names, and the field of each, where the list of
        interactions names fields.
    """
    if fields is not None:
        raise ValueError(f"fields must be None for a table, which names its own; got {fields!r}.")
    encoder = FeatureCross(crosses=[], n_threads=n_threads)
    columns = encoder.fit_transform(X)
    names = encoder.get_feature_names_out()
    return columns, encoder, names, None if isinstance(interactions, str) else encoder._fields()


def crossed_design(
    X: Any, stated: Any, names: npt.NDArray[Any] | None
) -> tuple[_solvers.Design, Products | None, FeatureCross | None]:
    """Columns and their products; a table of categories is encoded for both.

    Parameters
    ----------
    X : array-like, sparse or DataFrame of shape (n_samples, n_features)
        The rows.
    stated : object
        With the parameters `interactions`, `hierarchy`, `squares`, `interaction_penalty`, `fields`
        and `n_threads`, as of :func:`sparsecross.solve`.
    names : ndarray of str or None
        Of the columns.

    Returns
    -------
    Design, Products or None, FeatureCross or None
        The columns, their products where these may have weights, and what encodes a table.

    Raises
    ------
    ValueError
        If X or a parameter breaks its rule.
    """
    encoder, fields = None, stated.fields
    if stated.interactions is not None and has_categories(X):
        X, encoder, names, fields = encoded(X, stated.interactions, fields, stated.n_threads)
    design = as_design(X, "columns", stated.n_threads)
    products = as_products(
        design,
        stated.interactions,
        hierarchy=stated.hierarchy,
        squares=stated.squares,
        interaction_penalty=stated.interaction_penalty,
        fields=fields,
        names=names,
        n_threads=stated.n_threads,
    )
    return design, products, encoder


def grouped_design(
    X: Any, groups: Any, names: npt.NDArray[Any] | None, n_threads: int | None
) -> tuple[_solvers.Design, FeatureCross | None, Groups]:
    """Columns and their groups; a table of categories is encoded, and may have its fields for such.

    Returns
    -------
    Design, FeatureCross or None, Groups
        The columns, what encodes a table, and the groups.

    Raises
    ------
    ValueError
        If groups break their rules, or are to be fields where X has none.
    """
    encoder, by_field = None, isinstance(groups, str)
    if has_categories(X):
        X, encoder, names, fields = encoded(X, [], None, n_threads)
        groups = fields if by_field else groups
    elif by_field:
        raise ValueError(
            "groups='fields' is for tables of categories, whose fields are the groups; give the "
            "group of each column of X."
        )
    elif names is None and hasattr(X, "columns"):
        names = np.asarray(X.columns)
    design = as_design(X, "columns", n_threads)
    return design, encoder, as_groups(groups, design.shape[1], names)


def as_labels(y: Any, n_samples: int) -> npt.NDArray[np.int64]:
    """Numbers of classes, of which there are at least two.

    Raises
    ------
    ValueError
        If y is not made of integers from 0 on, or of 0 alone.
    """
    numbers = as_target(y, n_samples)
    bad = np.flatnonzero((numbers < 0) | (numbers != np.floor(numbers)))
    if len(bad):
        raise ValueError(
            "y must hold the numbers of classes, 0, 1, ..., for loss='multinomial', got "
            f"{numbers[bad[0]]}."
        )
    if not numbers.any():
        raise ValueError(
            "y must hold at least two classes for loss='multinomial', got only class 0."
        )
    return numbers.astype(np.int64)


def as_intercept(intercept: Any, coef_shape: tuple[int, ...], name: str = "intercept_init") -> Any:
    """Return an intercept as given: finite, one number or one for each class."""
    given: Floats = np.asarray(intercept, np.float64)
    if given.shape not in ((), coef_shape[:-1]):
        raise ValueError(
            f"{name} must be one number or of shape {coef_shape[:-1]}, got shape {given.shape}."
        )
    if not np.isfinite(given).all():
        raise ValueError(f"{name} must be finite, got {given}.")
    return given[()]
