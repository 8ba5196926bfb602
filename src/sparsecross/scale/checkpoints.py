"""Where a fit stands, saved at each look: little, as few columns have weights."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .points import Point


class Checkpoint:
    """A file with the last point of each problem of a fit.

    Parameters
    ----------
    path : str or path-like
        The file.
    asked : dict of str to str
        What the fit is of; a file of another is refused.

    Raises
    ------
    ValueError
        If the file is damaged, or of another fit.
    """

    def __init__(self, path: str | os.PathLike[str], asked: Mapping[str, str]) -> None:
        self._path = Path(path)
        self._asked = dict(asked)
        self._points: dict[int, Point] = {}
        if self._path.exists():
            self._read()

    def _read(self) -> None:
        try:
            with np.load(self._path, allow_pickle=False) as file:
                asked = json.loads(str(file["asked"]))
                for k in file["problems"].tolist():
                    columns, weights = file[f"columns{k}"], file[f"weights{k}"]
                    if columns.shape != weights.shape or columns.ndim != 1:
                        raise ValueError("columns and weights must be as many")
                    intercept = float(file[f"intercept{k}"])
                    self._points[k] = Point(columns, weights, intercept)
        except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(
                f"{os.fspath(self._path)!r} is no checkpoint of a fit: {error}"
            ) from None
        for name, value in self._asked.items():
            if asked.get(name) != value:
                raise ValueError(
                    f"{os.fspath(self._path)!r} is a checkpoint of another fit, of {name}="
                    f"{asked.get(name)}, and this is of {value}: remove it to begin anew."
                )

    def point(self, k: int) -> Point | None:
        """Where problem k stood, if it had begun."""
        return self._points.get(k)

    def save(self, k: int, where: Point) -> None:
        """Save the point of problem k beside those of the others, whole or not at all."""
        self._points[k] = where
        arrays: dict[str, npt.NDArray[np.generic]] = {
            "asked": np.array(json.dumps(self._asked)),
            "problems": np.array(sorted(self._points)),
        }
        for at, point in self._points.items():
            arrays[f"columns{at}"] = point.columns
            arrays[f"weights{at}"] = point.weights
            arrays[f"intercept{at}"] = np.array(point.intercept)
        unfinished = self._path.with_name(f"{self._path.name}.part")
        try:
            with unfinished.open("wb") as file:
                np.savez(file, **arrays)  # type: ignore[arg-type]
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(self._path)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise

    def remove(self) -> None:
        """The fit has ended."""
        self._path.unlink(missing_ok=True)
