"""Certified L1-regularised linear models on sparse data with crossed features."""

from ._solvers import Status
from .checkpoint import load_checkpoint, save_checkpoint
from .convergencedisplay import ConvergenceDisplay
from .crossing import FeatureCross
from .display import PathDisplay
from .grouped import (
    GroupHuberRegressor,
    GroupLasso,
    GroupLogisticRegression,
    MultiTaskElasticNet,
    MultiTaskLasso,
)
from .groups import Groups
from .groupselection import (
    GroupLassoCV,
    GroupLogisticRegressionCV,
    MultiTaskElasticNetCV,
    MultiTaskLassoCV,
)
from .interactions import InteractionCounts, Interactions
from .linear import ElasticNet, Lasso
from .logistic import SparseLogisticRegression
from .memory import MemoryReport
from .online import StreamRecord
from .path import path
from .pathrecord import Path, PathPoint
from .poisson import PoissonRegressor
from .pruned import PrunedModel, load, load_all
from .pruning import memory_report, prune, save
from .robust import HuberRegressor
from .scale.store import BlockStore
from .selection import ElasticNetCV, LassoCV, SparseLogisticRegressionCV
from .solution import Certificate, Solution
from .solving import alpha_max, certify, soft_threshold, solve
from .sparsitydisplay import SparsityDisplay
from .stream import FTRLClassifier, FTRLRegressor
from .weightsdisplay import WeightsDisplay

__version__ = "0.1.0"

__all__ = [
    "BlockStore",
    "Certificate",
    "ConvergenceDisplay",
    "ElasticNet",
    "ElasticNetCV",
    "FTRLClassifier",
    "FTRLRegressor",
    "FeatureCross",
    "GroupHuberRegressor",
    "GroupLasso",
    "GroupLassoCV",
    "GroupLogisticRegression",
    "GroupLogisticRegressionCV",
    "Groups",
    "HuberRegressor",
    "InteractionCounts",
    "Interactions",
    "Lasso",
    "LassoCV",
    "MemoryReport",
    "MultiTaskElasticNet",
    "MultiTaskElasticNetCV",
    "MultiTaskLasso",
    "MultiTaskLassoCV",
    "Path",
    "PathDisplay",
    "PathPoint",
    "PoissonRegressor",
    "PrunedModel",
    "Solution",
    "SparseLogisticRegression",
    "SparseLogisticRegressionCV",
    "SparsityDisplay",
    "Status",
    "StreamRecord",
    "WeightsDisplay",
    "alpha_max",
    "certify",
    "load",
    "load_all",
    "load_checkpoint",
    "memory_report",
    "path",
    "prune",
    "save",
    "save_checkpoint",
    "soft_threshold",
    "solve",
]
