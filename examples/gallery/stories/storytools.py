"""What the stories share: where the data lie, weights by name, and the table at the end."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

import sparsecross as sx

EXAMPLES = Path(__file__).parents[2]


def data(name: str) -> Path:
    """A file of the folder that SPARSECROSS_DATA names."""
    folder = os.environ.get("SPARSECROSS_DATA")
    if folder is None:
        raise RuntimeError(
            f"SPARSECROSS_DATA must name the folder of public data sets that holds {name}"
        )
    return Path(folder) / name


def weights(model: Any) -> pd.Series:
    """The weights of a pipeline of two classes or one target that are not 0, by name."""
    small = sx.prune(model)
    named = pd.Series(
        small.sparse_coef_.toarray()[0],
        index=small.encoder.get_feature_names_out(),  # also levels that only their crosses need
    )
    return named[named != 0]


def largest(named: pd.Series, n: int) -> pd.Series:
    """The n weights that are largest in size, from the most positive to the most negative."""
    return named[named.abs().nlargest(n).index].sort_values(ascending=False)


def table(models: Mapping[str, tuple[Any, Mapping[str, str]]]) -> str:
    """Error and bytes of models: {name: (model, {name of an error: its value})}."""
    lines = {}
    for name, (model, errors) in models.items():
        report = sx.memory_report(model)
        lines[name] = dict(errors) | {
            "weights": f"{report.n_weights:,}",
            "non-zero": f"{report.n_nonzero:,}",
            "dense bytes": f"{report.dense_bytes:,}",
            "pruned bytes": f"{report.pruned_bytes:,}",
        }
    return pd.DataFrame.from_dict(lines, orient="index").to_string()
