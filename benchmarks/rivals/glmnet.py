"""glmnet through Rscript, where R has it (Friedman, Hastie & Tibshirani 2010).

R reads the data from raw files and times the fit itself: its start and the files cost nothing.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import scipy.sparse as sp

TOLERANCES = [10.0**-k for k in range(5, 18)]
DEFAULT = 1e-7
SCRIPT = Path(__file__).with_name("glmnet.R")
_written: dict[int, tempfile.TemporaryDirectory] = {}


def installed() -> str | None:
    if shutil.which("Rscript") is None:
        return None
    ask = ["Rscript", "-e", "cat(as.character(packageVersion('glmnet')))"]
    answer = subprocess.run(ask, capture_output=True, text=True, check=False)
    return answer.stdout if answer.returncode == 0 else None


def _folder(X) -> Path:
    """Write X once."""
    if id(X) not in _written:
        _written[id(X)] = tempfile.TemporaryDirectory()
        folder = Path(_written[id(X)].name)
        if sp.issparse(X):
            for part in ("data", "indices", "indptr"):
                getattr(X, part).tofile(folder / part)
        else:
            X.ravel(order="F").tofile(folder / "dense")
        np.array(X.shape, np.int32).tofile(folder / "shape")
    return Path(_written[id(X)].name)


def _path(X, y, family, alphas, intercept, tol):
    folder = _folder(X)
    np.asarray(y, np.float64).tofile(folder / "y")
    np.asarray(alphas, np.float64).tofile(folder / "alphas")
    arguments = [str(folder), family, str(int(intercept)), repr(float(tol))]
    command = ["Rscript", str(SCRIPT), *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        raise RuntimeError(run.stderr.strip()[-300:])
    indptr = np.fromfile(folder / "coef_p", np.int32)
    parts = (
        np.fromfile(folder / "coef_x", np.float64),
        np.fromfile(folder / "coef_i", np.int32),
        indptr,
    )
    coefs = sp.csc_matrix(parts, (X.shape[1], len(indptr) - 1))
    return coefs, np.fromfile(folder / "intercepts", np.float64), json.loads(run.stdout)


def lasso_path(X, y, alphas, intercept, tol):
    return _path(X, y, "gaussian", alphas, intercept, tol)


def logistic_path(X, y, alphas, intercept, tol):
    return _path(X, y > 0, "binomial", alphas, intercept, tol)


def _last(coefs, intercepts, cost):
    return coefs[:, -1].toarray().ravel(), float(intercepts[-1]), cost


def lasso(X, y, alpha, intercept, tol):
    return _last(*lasso_path(X, y, [alpha], intercept, tol))


def logistic(X, y, alpha, intercept, tol):
    return _last(*logistic_path(X, y, [alpha], intercept, tol))
