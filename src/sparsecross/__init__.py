"""Certified L1-regularised linear models on sparse data with crossed features."""

from ._solvers import Status
from .linear import ElasticNet, Lasso, SparseLogisticRegression
from .solving import Certificate, Solution, alpha_max, certify, soft_threshold, solve

__version__ = "0.1.0"

__all__ = [
    "Certificate",
    "ElasticNet",
    "Lasso",
    "Solution",
    "SparseLogisticRegression",
    "Status",
    "alpha_max",
    "certify",
    "soft_threshold",
    "solve",
]
