"""Cross-validation along paths: what LassoCV, ElasticNetCV and the classifier share."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn import get_config
from sklearn.base import _fit_context, is_classifier
from sklearn.utils import _safe_indexing
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing

from ._inputs import Floats
from ._solvers import Status
from .callbacks import Stages
from .choice import as_ratios, choose
from .convergence import Ending, warn_if_short
from .estimator import SparseLinearModel, Stated
from .folds import Fold, as_folds
from .memory import FitMemory
from .multinomial import AnyTask
from .path import follow
from .pathrecord import Path
from .scale.blockfolds import BlockFold, block_folds
from .scale.reducer import Reducer
from .solution import Solution, unsolved
from .task import sizes_of
from .walk import GRID_RULES, LIMIT_RULES, Walk, alpha_grid, as_alphas


@dataclass(kw_only=True, eq=False, repr=False)
class CrossValidated(SparseLinearModel):
    """Chooses alpha (and l1_ratio) by cross-validation, then solves on all rows.

    One grid of strengths, from all rows, serves every fold; a fold is a weight for each row. With
    `standardize` a fold has deviations of its own, those of the rows it learns from: it is the
    problem of a fit to these rows alone, which knows nothing of the rows held out.
    """

    alphas: npt.ArrayLike | None = None
    n_alphas: int = 100
    eps: float = 1e-3
    cv: Any = None
    selection: str = "min"
    scoring: Any = None
    max_bytes: int | None = None
    max_nonzeros: int | None = None

    _losses_path: ClassVar[str]  # the attribute that the held-out losses become
    _losses_per_unit: ClassVar[float] = 1.0  # what is compared, over the loss of the objective
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **SparseLinearModel._parameter_constraints,
        **GRID_RULES,
        "cv": ["cv_object"],
        "selection": [StrOptions({"min", "1se"})],
        "scoring": [str, callable, None],
        **LIMIT_RULES,
    }

    def _row_losses(self, truth: npt.NDArray[Any], margins: Floats) -> Floats:
        """Losses of held-out rows."""
        raise NotImplementedError

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        offset: Any = None,
        **params: Any,
    ) -> Self:
        """Choose alpha and fit to all rows.

        Parameters
        ----------
        X : array-like or sparse of shape (n_samples, n_features)
            float32 or float64; CSC and Fortran order are read where they lie, other layouts are
            turned into those once.
        y : array-like of shape (n_samples,)
            Real targets, or labels of at least two classes for the classifier.
        sample_weight : array-like of shape (n_samples,), optional
            Weights, not negative; they count in fits and in errors.
        offset : array-like of shape (n_samples,), optional
            What is added to the margins Xw + b of these rows, in fits and in errors. Predictions
            leave it out, so it cannot stand beside `scoring`. The multinomial model has none.
        **params : dict
            `groups` for the splitter; with scikit-learn's metadata routing enabled, whatever the
            splitter asks for.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If an input breaks its rule, or a fold lacks a class; the message names it.
        """
        with self._unchanged_unless_fitted():
            self._cross_validate(X, y, sample_weight, offset, params)
        return self

    def _cross_validate(
        self, X: Any, y: Any, sample_weight: Any, offset: Any, params: dict[str, Any]
    ) -> None:
        """Choose, solve on all rows, and set what is fitted."""
        stated = self._stated(X, y, sample_weight, offset)
        if self.scoring is not None and stated.offset is not None:
            raise ValueError(
                f"scoring must be None with an offset, got {self.scoring!r}: scorers judge "
                "predictions, which leave the offset out."
            )
        tasks = list(self._tasks(stated))
        folds = self._folds(X, y, sample_weight, params, stated)
        if self.selection == "1se" and len(folds) < 2:
            raise ValueError(
                "selection='1se' needs at least two folds for a standard error, got 1."
            )
        ratios = as_ratios(self.l1_ratio)
        grids = [self._grid(tasks, ratio) for ratio in ratios]
        scorer = self._scorer(X, y, sample_weight)

        stages = Stages(self, len(ratios) * len(folds) + 1, X, y, sample_weight)
        shape = (len(ratios), len(grids[0]), len(folds))
        losses = np.empty(shape)
        scores = None if scorer is None else np.empty(shape)
        endings: list[Ending] = []
        places: list[str] = []
        memory = FitMemory()  # of the folds
        for r, (ratio, alphas) in enumerate(zip(ratios, grids, strict=True)):
            for f, fold in enumerate(folds):
                with stages.stage("fold"):
                    walks = [Walk(fold.task(t), ratio, solver=self.solver) for t in tasks]
                    score = None if scorer is None else scorer(fold)
                    for a, alpha in enumerate(map(float, alphas)):
                        found = [self._solved(walk, alpha) for walk in walks]
                        losses[r, a, f] = self._loss_of(found, tasks, stated, fold)
                        held = FitMemory.together(s.memory for s in found)
                        memory = FitMemory.largest([memory, held])
                        if scores is not None and score is not None:
                            scores[r, a, f] = score(found)
                        endings += [
                            Ending(s.n_iter, s.relative_gap, s.status, s.solver) for s in found
                        ]
                        places += [f"at alpha={alpha:.3g} without fold {f}"] * len(found)
                        self._say(f"fold {f + 1} of {len(folds)}", alpha, found, losses[r, a, f])
        criterion = losses if scores is None else -scores
        if not np.isfinite(criterion).all():
            raise ValueError("scoring must return finite numbers, got NaN or infinity.")
        allowed = self._small_enough(tasks, grids, ratios)
        r, a = choose(criterion, allowed, one_standard_error=self.selection == "1se")
        single = len(ratios) == 1
        self.alphas_ = grids[0] if single or self.alphas is not None else np.array(grids)
        self.l1_ratio_ = ratios[r]
        setattr(self, self._losses_path, losses[0] if single else losses)
        self.__dict__.pop("score_path_", None)  # of a fit before
        if scores is not None:
            self.score_path_ = scores[0] if single else scores
        with stages.stage("path"):
            paths = self._solve_on_all_rows(tasks, grids[r], a, ratios[r], memory)
        for path in paths:
            endings += path.endings
            places += [f"at alpha={alpha:.3g} on all rows" for alpha in path.alphas]
        stages.close()
        warn_if_short(
            type(self).__name__,
            endings,
            self.tol,
            which=places.__getitem__,
            stacklevel=4,  # past this method, fit and scikit-learn's wrapper of fit
        )

    def _folds(
        self, X: Any, y: Any, sample_weight: Any, params: dict[str, Any], stated: Stated
    ) -> list[Any]:
        """Folds of rows, or, where these lie in blocks, of blocks."""
        if isinstance(stated.design, Reducer):
            if self.scoring is not None or params:
                raise ValueError("scoring and groups must be None for blocks of rows.")
            if len(stated.losses) > 1:
                raise ValueError(
                    "y must hold two classes for cross-validation over blocks of rows, got "
                    f"{len(stated.losses)}."
                )
            return block_folds(stated.design, self.cv, classify=is_classifier(self))
        return as_folds(
            self._splits(X, y, sample_weight, params),
            stated.truth,
            stated.weight,
            self.classes_ if is_classifier(self) else None,
        )

    def _small_enough(
        self, tasks: list[AnyTask], grids: list[Floats], ratios: list[float]
    ) -> npt.NDArray[np.bool_]:
        """At which shares and strengths the model of all rows keeps to the limits.

        Raises
        ------
        ValueError
            If at none.
        """
        shape = (len(ratios), len(grids[0]))
        limits = {"max_nonzeros": self.max_nonzeros, "max_bytes": self.max_bytes}
        if all(limit is None for limit in limits.values()):
            return np.full(shape, True)
        classes = getattr(self, "classes_", None)
        found = []
        for ratio, alphas in zip(ratios, grids, strict=True):
            walks = [Walk(task, ratio, solver=self.solver) for task in tasks]
            for alpha in map(float, alphas):
                solutions = [self._solved(walk, alpha) for walk in walks]
                n_bytes = max(sizes_of(tasks, solutions, classes))
                found.append((sum(s.n_active for s in solutions), n_bytes))
        fits = np.full(len(found), True)
        for (name, limit), sizes in zip(limits.items(), np.array(found).T, strict=True):
            if limit is not None:
                fits &= sizes <= limit
                if not fits.any():
                    raise ValueError(
                        f"{name} must leave room for a model of at least one strength, the "
                        f"smallest of which takes {sizes.min()}; got {limit}."
                    )
        return fits.reshape(shape)

    def _grid(self, tasks: list[AnyTask], ratio: float) -> Floats:
        if self.alphas is not None:
            return as_alphas(self.alphas)
        return alpha_grid(max(t.alpha_max(ratio) for t in tasks), self.n_alphas, self.eps)

    def _splits(self, X: Any, y: Any, sample_weight: Any, params: dict[str, Any]) -> Any:
        from sklearn.model_selection import check_cv  # models that only predict need not load it

        splitter = check_cv(self.cv, y, classifier=is_classifier(self))
        if get_config()["enable_metadata_routing"]:
            routed = process_routing(self, "fit", sample_weight=sample_weight, **params)
            params = routed.splitter.split
        elif unknown := sorted(params.keys() - {"groups"}):
            raise TypeError(
                f"{type(self).__name__}.fit got an unexpected argument {unknown[0]!r}; only groups "
                "is handed to the splitter unless metadata routing is enabled."
            )
        # Splitters count rows; scikit-learn's would turn a sparse X into CSR on the way.
        rows = np.zeros(X.shape[0]) if sp.issparse(X) else X
        return splitter.split(rows, y, **params)

    def get_metadata_routing(self) -> MetadataRouter:
        """Return who gets which metadata: the splitter gets groups.

        Returns
        -------
        MetadataRouter
        """
        from sklearn.model_selection import check_cv

        router = MetadataRouter(owner=self).add_self_request(self)
        mapping = MethodMapping().add(caller="fit", callee="split")
        return router.add(splitter=check_cv(self.cv), method_mapping=mapping)

    def _solved(self, walk: Walk, alpha: float) -> Solution:
        solution = walk.to(alpha, tol=self.tol, max_iter=self.max_iter)
        if solution.interruption is not None:
            raise solution.interruption
        return solution

    def _loss_of(
        self,
        found: list[Solution],
        tasks: list[AnyTask],
        stated: Stated,
        fold: Fold | BlockFold,
    ) -> float:
        if isinstance(fold, BlockFold):
            return self._losses_per_unit * fold.loss(tasks[0], found[0])
        margins = [task.margins(s)[fold.held] for task, s in zip(tasks, found, strict=True)]
        judged = margins[0] if len(margins) == 1 else np.stack(margins, axis=1)
        return fold.mean(self._row_losses(stated.truth[fold.held], judged))

    def _scorer(
        self, X: Any, y: Any, sample_weight: Any
    ) -> Callable[[Fold], Callable[[list[Solution]], float]] | None:
        """What takes a fold to what takes its weights to their score, where scoring is given."""
        if self.scoring is None:
            return None
        from sklearn.metrics import check_scoring

        model = copy.copy(self)  # predicts, once it has weights
        scorer = check_scoring(model, self.scoring)
        weighed = (
            sample_weight is not None and "sample_weight" in inspect.signature(scorer).parameters
        )

        weight = np.broadcast_to(1.0 if sample_weight is None else sample_weight, len(y))

        def of_fold(fold: Fold) -> Callable[[list[Solution]], float]:
            rows = _safe_indexing(X.tocsr() if sp.issparse(X) else X, fold.held)
            target = _safe_indexing(y, fold.held)
            more = {"sample_weight": weight[fold.held]} if weighed else {}

            def score(found: list[Solution]) -> float:
                coefs, intercepts = [s.coef for s in found], [s.intercept for s in found]
                model.__dict__.update(self._weights_as_fitted(coefs, intercepts))
                model.__dict__.update(self._interactions_as_fitted(found))
                return float(scorer(model, rows, target, **more))

            return score

        return of_fold

    def _say(self, where: str, alpha: float, found: list[Solution], loss: float) -> None:
        if self.verbose:
            gap = max(s.relative_gap for s in found)
            n_nonzero = sum(s.n_active for s in found)
            print(
                f"{type(self).__name__}, {where}: alpha {alpha:.3e}, relative gap {gap:8.2e}, "
                f"{n_nonzero:,} non-zero weights, held-out loss {loss:.6g}",
                flush=True,
            )

    def _solve_on_all_rows(
        self, tasks: list[AnyTask], alphas: Floats, a: int, ratio: float, memory: FitMemory
    ) -> list[Path]:
        """Solve the path on all rows and set the weights of its point `a`; folds held `memory`.

        Where an interrupt cuts it short, the last weights before that point are set, and what the
        signal handler raised is raised again.
        """
        alpha = float(alphas[a])
        paths: list[Path] = []
        at: list[Solution] = []
        held: list[FitMemory] = []
        interruption = None
        for task in tasks:
            shape = task.coef_shape
            at.append(unsolved(np.zeros(shape), np.zeros(shape[:-1])[()], self.solver))
            held.append(FitMemory())
            if interruption is not None:
                continue

            def keep(strength: float, solution: Solution) -> None:
                held[-1] = FitMemory.largest([held[-1], solution.memory])
                if strength >= alpha:
                    at[-1] = replace(solution, dual_point=np.empty(0))

            path, interruption = follow(
                task,
                alphas,
                ratio,
                tol=self.tol,
                max_iter=self.max_iter,
                solver=self.solver,
                on_point=keep,
            )
            if interruption is not None and len(path) <= a:
                at[-1] = replace(at[-1], status=Status.interrupted)
            paths.append(path)
        memory = FitMemory.largest([memory, FitMemory.together(held)])
        self._set_fitted(at, [alpha] * len(at), memory)
        self.alpha_ = alpha
        self.path_ = paths[0] if len(paths) == 1 else paths
        if interruption is not None:
            raise interruption
        return paths
