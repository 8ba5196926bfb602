"""Model to smaller model: weights of 0 dropped, predictions the same to the last bit."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from numbers import Integral, Real
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.pipeline import Pipeline
from sklearn.utils._param_validation import (
    Interval,
    StrOptions,
    validate_parameter_constraints,
)
from sklearn.utils.validation import check_is_fitted

from . import _solvers, artefact, encoderstate, modelfile
from .crossing import FeatureCross
from .memory import Losses, MemoryReport, object_bytes
from .model import LinearModel
from .modelfile import CROSS_INDEX, INDEX, NAMES, pack_classes
from .pruned import PrunedModel
from .refitting import refitted
from .storage import TYPES, WeightType, stored
from .survivors import Survivors
from .trimming import Evidence, Trimming


def memory_report(model: Any) -> MemoryReport:
    """Bytes of every part of a model, dense and pruned, and of the fit that made it.

    Parameters
    ----------
    model : fitted estimator, Pipeline(FeatureCross, estimator) or PrunedModel
        What to measure.

    Returns
    -------
    MemoryReport
        With text and HTML representations.

    Raises
    ------
    TypeError
        If the model is of another kind.
    sklearn.exceptions.NotFittedError
        If it is not fitted.

    Examples
    --------
    >>> import numpy as np, sparsecross as sx
    >>> X = np.random.default_rng(0).standard_normal((50, 1000))
    >>> report = sx.memory_report(sx.Lasso(alpha=0.5).fit(X, X[:, 0]))
    >>> report.dense_bytes, report.pruned_bytes < 100
    (8008, True)
    """
    return model.report if isinstance(model, PrunedModel) else prune(model).report


def prune(
    model: Any,
    *,
    max_bytes: int | None = None,
    max_loss_increase: float | None = None,
    X: Any = None,
    y: Any = None,
    sample_weight: Any = None,
    offset: Any = None,
    refit: bool = False,
    dtype: WeightType | None = None,
) -> PrunedModel:
    """Drop every weight that is 0, and what only such weights need; if asked, the smallest too.

    Parameters
    ----------
    model : fitted estimator or Pipeline(FeatureCross, estimator)
        Any linear model of this package, alone or behind a `FeatureCross`, whose dictionaries are
        then cut down to the categories and crosses that are left.
    max_bytes : int, optional
        Weights of the smallest effects are dropped until neither the file nor what the model holds
        in memory takes more bytes. The effect of a weight is the root mean square of what it adds
        to the margins of X, or, without X, its absolute value.
    max_loss_increase : float, optional
        Weights of the smallest effects are dropped for as long as the mean loss over X and y has
        not grown by more than this, in units of the loss; before weights are rounded to `dtype`.
    X, y : optional
        Rows, as the model takes them, and their targets: those that it was fitted on, or better
        those held back. `report` then tells the loss before and after, and how it grows as fewer
        bytes are left.
    sample_weight, offset : array-like of shape (n_rows,), optional
        Weights of these rows, and what is added to their margins, as at fit.
    refit : bool, default=False
        Whether to solve again for the weights that are left, on X and y, at a thousandth of the
        strength, which takes off the bias that the penalty has put on them: the relaxed lasso.
    dtype : {"float64", "float32", "float16", "q2.13"}, optional
        How weights are stored; float64 by default, which changes no bit of any prediction.
        float32 and float16 are rounded to the nearest: to within 2^-24 and 2^-11 of each weight,
        float16 below 2^-14 to within 2^-25. "q2.13" are 16-bit multiples of 2^-13 (of a larger
        power of 2 where a weight reaches 4), rounded at random so that sums of many are right on
        average, each by less than one such step.

    Returns
    -------
    PrunedModel
        Where nothing but zeros was dropped and weights are float64, it predicts the same to the
        last bit; `report` tells the bytes saved.

    Raises
    ------
    TypeError
        If the model is of another kind.
    ValueError
        If an argument breaks its rule, not even a model without weights is small enough, no model
        keeps both limits, or a weight is beyond the range of `dtype`.
    sklearn.exceptions.NotFittedError
        If the model is not fitted.

    References
    ----------
    Meinshausen 2007, "Relaxed Lasso"; McMahan et al. 2013, section 4.2 (randomised rounding).

    Examples
    --------
    >>> import numpy as np, sparsecross as sx
    >>> X = np.random.default_rng(0).standard_normal((50, 1000))
    >>> small = sx.prune(sx.Lasso(alpha=0.5).fit(X, X[:, 0] + X[:, 1]))
    >>> small.report.n_nonzero
    2
    """
    encoder, estimator = _parts_of(model)
    check_is_fitted(estimator)
    _check_arguments(max_bytes, max_loss_increase, refit, dtype)
    _check_rows(X, y, {"sample_weight": sample_weight, "offset": offset}, refit, max_loss_increase)
    survivors = Survivors.of(estimator)
    packing = _Packing(estimator, encoder, dtype or "float64")
    evidence = None
    if X is not None:
        evidence = Evidence.of(estimator, encoder, X, y, sample_weight, offset)
    if max_bytes is None and evidence is None:
        return packing.model(survivors, estimator.intercept_)
    trimming = Trimming(survivors, packing.n_bytes, evidence)
    tradeoff = trimming.tradeoff() if evidence is not None else []
    n_kept = len(survivors)
    if max_loss_increase is not None:
        n_kept = trimming.costing(max_loss_increase, tradeoff)
    if max_bytes is not None:
        n_small = trimming.within(max_bytes)
        if max_loss_increase is not None and n_small < n_kept:
            raise ValueError(
                f"max_bytes={max_bytes} leaves {n_small} weights, but max_loss_increase="
                f"{max_loss_increase:g} needs {n_kept}."
            )
        n_kept = min(n_kept, n_small)
    while True:
        kept, intercept = trimming.largest(n_kept), estimator.intercept_
        if refit:
            assert evidence is not None
            kept, intercept = refitted(estimator, kept, evidence)
        pruned = packing.model(kept, intercept)
        # Weights that were fitted again may round to 0 less often.
        if max_bytes is None or n_kept == 0 or pruned.report.size <= max_bytes:
            break
        n_kept -= 1 + n_kept // 50
    if evidence is not None:
        after = evidence.loss(pruned._margins(evidence.given))
        pruned._losses = Losses(tradeoff[0].loss, after, tuple(tradeoff))
    return pruned


def _check_arguments(max_bytes: Any, max_loss_increase: Any, refit: Any, dtype: Any) -> None:
    validate_parameter_constraints(
        {
            "max_bytes": [Interval(Integral, 1, None, closed="left"), None],
            "max_loss_increase": [Interval(Real, 0, None, closed="left"), None],
            "refit": ["boolean"],
            "dtype": [StrOptions(set(TYPES)), None],
        },
        {
            "max_bytes": max_bytes,
            "max_loss_increase": max_loss_increase,
            "refit": refit,
            "dtype": dtype,
        },
        caller_name="prune",
    )


def _check_rows(
    X: Any, y: Any, of_rows: Mapping[str, Any], refit: bool, max_loss_increase: float | None
) -> None:
    if (X is None) != (y is None):
        raise ValueError(f"X and y must be given together, got only {'y' if X is None else 'X'}.")
    asked = [name for name, value in of_rows.items() if value is not None]
    asked += ["refit"] * refit + ["max_loss_increase"] * (max_loss_increase is not None)
    if asked and X is None:
        raise ValueError(f"{asked[0]} needs rows to judge by: X and y must be given.")


class _Packing:
    """Makes the pruned models of an estimator, each of some of its weights."""

    def __init__(self, estimator: Any, encoder: FeatureCross | None, dtype: WeightType) -> None:
        self.estimator, self.encoder, self.dtype = estimator, encoder, dtype
        self.names = getattr(estimator, "feature_names_in_", None) if encoder is None else None

    def n_bytes(self, survivors: Survivors) -> int:
        """The bytes of a model's file, or in memory, whichever are more."""
        return self.model(survivors, self.estimator.intercept_).report.size

    def model(
        self, survivors: Survivors, intercept: Any, needed: npt.NDArray[np.intp] | None = None
    ) -> PrunedModel:
        """The model that has these weights, and names of the columns it needs, or of more."""
        estimator, kept = self.estimator, self.encoder
        possible = 0 if survivors.crosses is None else _possible(estimator)
        n_weights = survivors.n_outputs * (survivors.n_columns + possible)
        survivors, exponent, stored = self._stored(survivors)
        of_groups = _bytes_of_groups(estimator, survivors, stored)
        if needed is None:
            needed = survivors.needed
        if kept is not None and kept.n_bits is None:
            kept = kept._restricted(needed)
            survivors = survivors.over(needed)
        arrays: dict[str, npt.NDArray[Any]] = {
            "icpt": np.atleast_1d(np.asarray(intercept, dtype=np.float64))
        }
        universe = survivors.n_columns
        for k, (columns, _) in enumerate(survivors.columns):
            arrays |= {f"w{k}": stored[k][0]} | _index(columns, universe, INDEX, k)
            if survivors.crosses is not None:
                crosses = survivors.crosses[k]
                keys, of_keys = crosses.keys, _solvers.ProductKeys(universe, crosses.order).universe
                arrays |= {f"x{k}": stored[k][1]} | _index(keys, of_keys, CROSS_INDEX, k)
        if self.names is not None:
            arrays |= _pack_names(self.names[needed])
        meta: dict[str, Any] = {
            "universe": universe,
            "n_outputs": survivors.n_outputs,
            "order": 1 if survivors.crosses is None else survivors.crosses[0].order,
            "link": estimator._link,
            "exponent": exponent,
            "n_weights": n_weights,
            "dense": _dense_bytes(estimator, self.encoder, self.names),
            "classes": pack_classes(getattr(estimator, "classes_", None)),
            "encoder": None,
        }
        if kept is not None:
            meta["encoder"], blocks = encoderstate.packed(kept)
            arrays |= blocks
        model = PrunedModel(meta, arrays, kept)
        model._fit_memory = getattr(estimator, "fit_memory_", None)
        model._groups = of_groups
        return model

    def _stored(
        self, survivors: Survivors
    ) -> tuple[Survivors, int, list[list[npt.NDArray[np.generic]]]]:
        """Survivors of rounding; the exponent; of each output its columns' and crosses' weights."""
        weights = survivors.weights
        found, exponent = stored(weights, self.dtype)
        survivors, found = survivors.kept(found != 0), found[found != 0]
        parts, first = [], 0
        for k, (columns, _) in enumerate(survivors.columns):
            sizes = [len(columns)]
            if survivors.crosses is not None:
                sizes.append(len(survivors.crosses[k]))
            ends = first + np.cumsum([0, *sizes])
            parts.append([found[a:b] for a, b in pairwise(ends)])
            first = int(ends[-1])
        return survivors, exponent, parts


def _index(
    ids: npt.NDArray[Any], universe: int, parts: tuple[str, ...], k: int
) -> dict[str, npt.NDArray[Any]]:
    """The blocks of the index of output k."""
    low, high, samples = _solvers.build_index(ids.astype(np.uint64), universe)
    return {f"{parts[0]}{k}": low, f"{parts[1]}{k}": high, f"{parts[2]}{k}": samples}


def _parts_of(model: Any) -> tuple[FeatureCross | None, Any]:
    encoder = None
    if isinstance(model, Pipeline):
        steps = [step for _, step in model.steps if step not in (None, "passthrough")]
        if len(steps) != 2 or not isinstance(steps[0], FeatureCross):
            raise TypeError(
                "model must be an estimator or a Pipeline of a FeatureCross and an estimator, got "
                f"a Pipeline of {[type(step).__name__ for step in steps]}"
            )
        encoder, model = steps
    if not isinstance(model, LinearModel):
        raise TypeError(
            "model must be (a Pipeline of a FeatureCross and) a linear model of sparsecross, got "
            f"{type(model).__name__}"
        )
    return encoder or getattr(model, "encoder_", None), model


def _possible(estimator: Any) -> int:
    """How many crosses an estimator could have had."""
    counts = estimator.interaction_counts_
    first = counts[0] if isinstance(counts, list) else counts
    return 0 if first is None else int(first.possible)


def _dense_bytes(
    estimator: LinearModel, encoder: FeatureCross | None, names: Any
) -> dict[str, int]:
    kept = encoder._memory() if encoder is not None else {"names": 0, "crosses": 0}
    unpruned = estimator._unpruned_bytes()
    return {
        "weights": unpruned["weights"],
        "index": 0,
        "names": kept["names"] + (object_bytes(names) if names is not None else 0),
        "crosses": kept["crosses"] + unpruned["crosses"],
        "intercept": 8 * np.size(estimator.intercept_),
    }


def _bytes_of_groups(
    estimator: Any, survivors: Survivors, stored: list[list[npt.NDArray[np.generic]]]
) -> dict[Any, tuple[int, int]] | None:
    """Bytes of the weights of each group, dense and as stored; None of a model without groups."""
    groups = getattr(estimator, "groups_", None)
    if groups is None:
        return None
    kept = np.zeros(len(groups), np.int64)
    for (columns, _), (values, *_) in zip(survivors.columns, stored, strict=True):
        kept += values.itemsize * np.bincount(groups.codes[columns], minlength=len(groups))
    dense = 8 * survivors.n_outputs * groups.sizes
    return {
        label: (int(before), int(after))
        for label, before, after in zip(groups.labels.tolist(), dense, kept, strict=True)
    }


def _pack_names(names: Iterable[str]) -> dict[str, npt.NDArray[Any]]:
    encoded = [str(name).encode() for name in names]
    offsets = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    return dict(zip(NAMES, (np.frombuffer(b"".join(encoded), np.uint8), offsets), strict=True))


def save(model: Any, path: str | os.PathLike[str]) -> Any:
    """Prune a model, or several, where that is not done yet, and save to one file.

    Parameters
    ----------
    model : fitted estimator, Pipeline(FeatureCross, estimator) or PrunedModel; or a list of such
        What to save. Models behind the same fitted `FeatureCross` share one dictionary: of the
        categories and crosses that any of them needs.
    path : str or path-like
        The file, which :func:`load` reads, or, with a list, :func:`load_all`.

    Returns
    -------
    PrunedModel, or list of PrunedModel
        What was saved.

    Raises
    ------
    TypeError
        If a model is of another kind.
    ValueError
        If the list is empty.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import numpy as np, sparsecross as sx, tempfile, os
    >>> X = np.random.default_rng(0).standard_normal((50, 1000))
    >>> models = [sx.Lasso(alpha=0.5).fit(X, X[:, j]) for j in range(3)]
    >>> path = os.path.join(tempfile.mkdtemp(), "three.sxm")
    >>> bool((sx.save(models, path)[2].predict(X) == sx.load_all(path)[2].predict(X)).all())
    True
    """
    if not isinstance(model, list | tuple):
        pruned = model if isinstance(model, PrunedModel) else prune(model)
        pruned.save(path)
        return pruned
    if not model:
        raise ValueError("model must be a model or a list of at least one, got an empty list.")
    several = _pruned_together(model)
    artefact.write(path, modelfile.content([(each._meta, each._arrays) for each in several]))
    return several


def _pruned_together(models: Sequence[Any]) -> list[PrunedModel]:
    """Each pruned; those that have an encoder in common keep what any of them needs of it."""
    parts = {k: _parts_of(m) for k, m in enumerate(models) if not isinstance(m, PrunedModel)}
    survivors = {}
    for k, (_, estimator) in parts.items():
        check_is_fitted(estimator)
        survivors[k] = Survivors.of(estimator)
    found = []
    for k, model in enumerate(models):
        if k not in parts:
            found.append(model)
            continue
        encoder, estimator = parts[k]
        sharing = [j for j, (other, _) in parts.items() if other is encoder is not None] or [k]
        needed = np.unique(np.concatenate([survivors[j].needed for j in sharing]))
        packing = _Packing(estimator, encoder, "float64")
        found.append(packing.model(survivors[k], estimator.intercept_, needed))
    return found
