"""Pruned models that are as small as the options ask for."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from ..artefact import as_json
from ..pruned import PrunedModel
from ..pruning import prune

# Bytes of a file that hold what is only noted once a model was measured, at most.
_MEASURED = 320


def packed(
    model: Any, notes: Mapping[str, Any], options: Namespace, rows: Mapping[str, Any]
) -> PrunedModel:
    """Prune a model to --max-bytes and --dtype.

    Parameters
    ----------
    model : fitted estimator or Pipeline
        What to prune.
    notes : dict
        What will be noted beside it, but for alpha, errors and numbers of rows.
    options : Namespace
        `max_bytes` and `dtype`.
    rows : dict
        `X`, `y` and `sample_weight`, to judge effects by; or nothing.
    """
    small = prune(model, dtype=options.dtype)
    if options.max_bytes is None:
        return small
    limit = max(1, options.max_bytes - _MEASURED - len(as_json(notes)))
    report = small.report
    if max(report.file_bytes, report.pruned_bytes) <= limit:
        return small
    return prune(model, dtype=options.dtype, max_bytes=limit, **rows)
