"""What the stories share: where the data lie, weights by name, bars, and the table at the end."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
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
    """The n weights that are largest in size, from the most negative to the most positive."""
    return named[named.abs().nlargest(n).index].sort_values()


def bars(ax: Any, named: pd.Series) -> None:
    """Draw weights as bars, those below 0 hatched, so that signs are told without colours."""
    at = np.arange(len(named))
    for positive, style in (
        (True, {"color": "tab:blue"}),
        (False, {"facecolor": "white", "edgecolor": "tab:red", "hatch": "////"}),
    ):
        chosen = (named > 0).to_numpy() == positive
        ax.barh(at[chosen], named.to_numpy()[chosen], **style)
    ax.set_yticks(at, named.index)
    ax.set_ylim(-0.7, len(named) - 0.3)
    ax.axvline(0, color="black", lw=0.8)
    ax.spines[["top", "right"]].set_visible(False)


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
