"""Problems cut into blocks of rows."""

from itertools import pairwise

import numpy as np
import scipy.sparse as sp

from sparsecross.scale.block import Block


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
