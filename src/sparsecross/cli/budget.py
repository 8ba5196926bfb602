"""Pruned models that are as small as the options ask for."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from ..artefact import as_json
from ..pruned import PrunedModel
from ..pruning import prune

# In the place of a number that is only known once the model was measured: none has more digits.
MEASURED = -1.2345678901234567e-100


def packed(
    model: Any, notes: Mapping[str, Any], options: Namespace, rows: Mapping[str, Any]
) -> PrunedModel:
    """Prune a model to --max-bytes and --dtype.

    Parameters
    ----------
    model : fitted estimator or Pipeline
        What to prune.
    notes : dict
        What will be noted beside it in the file, `MEASURED` where that is not known yet.
    options : Namespace
        `max_bytes` and `dtype`.
    rows : dict
        `X`, `y` and `sample_weight`, to judge effects by; or nothing.

    Raises
    ------
    ValueError
        If not even a model without weights is that small.
    """
    limit = options.max_bytes
    small = prune(model, dtype=options.dtype)
    noted = len(as_json(notes)) + len(',"notes":')
    if limit is None or _size(small, noted) <= limit:
        return small
    try:
        small = prune(model, dtype=options.dtype, max_bytes=limit, **rows)
        if _size(small, noted) > limit:
            small = prune(model, dtype=options.dtype, max_bytes=max(1, limit - noted), **rows)
    except ValueError as error:
        raise ValueError(
            f"--max-bytes {limit} is too small, {noted} bytes of the file being notes: {error}"
        ) from None
    return small


def _size(model: PrunedModel, noted: int) -> int:
    report = model.report
    return max(report.file_bytes + noted, report.pruned_bytes)
