"""Problems, some at random, cut into blocks of rows."""

from itertools import pairwise

import numpy as np
import scipy.sparse as sp

import sparsecross as sx
from problems import Problem, factors, matrix, targets, weights
from sparsecross.scale.block import Block, LossOfRows
from sparsecross.scale.blocktask import BlockTask
from sparsecross.scale.reducer import LocalReducer

LOSSES = ("squared", "logistic", "huber", "poisson")
OPTIONS = {
    "plain": lambda rng, n, p: {},
    "elastic net": lambda rng, n, p: {"l1_ratio": 0.4},
    "no intercept": lambda rng, n, p: {"fit_intercept": False},
    "positive": lambda rng, n, p: {"positive": True},
    "weights and offsets": lambda rng, n, p: {
        "sample_weight": weights(rng, n),
        "offset": 0.2 * rng.standard_normal(n),
    },
    "factors": lambda rng, n, p: {"penalty_factor": factors(rng, p)},
    "standardized": lambda rng, n, p: {"standardize": True},
}


def cut(problem, n_blocks, content="sparse"):
    """Blocks of unequal lengths; of X as its content says: dense, valued or of ones."""
    n, p = problem.X.shape
    ends = np.unique(np.r_[0, np.sort(np.random.default_rng(n).integers(1, n, n_blocks - 1)), n])
    blocks = []
    for number, (first, last) in enumerate(pairwise(ends)):
        rows = slice(first, last)
        more = {
            "weight": None if problem.sample_weight is None else problem.sample_weight[rows],
            "offset": None if problem.offset is None else problem.offset[rows],
        }
        X = problem.X[rows]
        if content == "dense":
            blocks.append(Block(number, p, problem.y[rows], values=np.ascontiguousarray(X), **more))
            continue
        S = sp.csr_array(X)
        values = None if content == "valueless" else S.data
        blocks.append(Block(number, p, problem.y[rows], S.indices, S.indptr, values, **more))
    return blocks


def task_of(problem, content, n_blocks=6, n_threads=2):
    """The problem over blocks."""
    reducer = LocalReducer(cut(problem, n_blocks, content), problem.X.shape[1], n_threads)
    return BlockTask(
        reducer,
        LossOfRows(problem.loss, problem.delta),
        problem.penalty_factor,
        problem.fit_intercept,
        problem.positive,
        n_threads,
        problem.standardize,
    )


def random_problem(loss, content, option, seed=0, n=120, p=24):
    """A problem at a fifteenth of its largest strength."""
    rng = np.random.default_rng(seed)
    X = matrix(rng, n, p, content)
    problem = Problem(X, targets(rng, X, loss), loss, **OPTIONS[option](rng, n, p))
    options = problem.options()
    return problem.at(alpha=sx.alpha_max(X, problem.y, **options) / 15)
