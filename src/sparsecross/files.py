"""Files: their formats by name, and their bytes, decompressed."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

FORMATS = ("csv", "tsv", "parquet", "svmlight")
COMPRESSIONS = (".gz", ".bz2", ".xz", ".zst")

_SUFFIXES = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".svmlight": "svmlight",
    ".svm": "svmlight",
    ".libsvm": "svmlight",
}


class MissingExtraError(ImportError):
    """A library that the command line needs is not installed."""


def require_pyarrow() -> Any:
    """Return pyarrow, or say how to install it."""
    try:
        import pyarrow
    except ImportError:
        raise MissingExtraError(
            "reading tables needs pyarrow: pip install 'sparsecross[cli]'"
        ) from None
    return pyarrow


def format_of(path: str, given: str | None = None) -> str:
    """Return the format of a file: the one given, or what its name ends in.

    Parameters
    ----------
    path : str
        The file; a last suffix that names a compression is skipped.
    given : str, optional
        One of `FORMATS`, which then counts.

    Returns
    -------
    str
        One of `FORMATS`.

    Raises
    ------
    ValueError
        If the name ends in nothing known.
    """
    if given is not None:
        return given
    name = Path(path)
    suffix = (name.with_suffix("") if name.suffix.lower() in COMPRESSIONS else name).suffix
    if suffix.lower() not in _SUFFIXES:
        raise ValueError(
            f"cannot tell the format of {path!r} by its name; say --format "
            f"{{{','.join(FORMATS)}}} (names that end in {', '.join(_SUFFIXES)} are known, "
            f"followed by {', '.join(COMPRESSIONS)} where compressed)"
        )
    return _SUFFIXES[suffix.lower()]


@contextmanager
def opened(path: str) -> Iterator[IO[bytes]]:
    """Open a file, decompressed; what goes wrong while it is read becomes one ValueError."""
    suffix = Path(path).suffix.lower()
    try:
        if suffix == ".gz":
            file: Any = gzip.open(path)  # noqa: SIM115 - closed below, as all of them are
        elif suffix == ".bz2":
            file = bz2.open(path)  # noqa: SIM115
        elif suffix == ".xz":
            file = lzma.open(path)  # noqa: SIM115
        elif suffix == ".zst":
            compressed = require_pyarrow().input_stream(path, compression="zstd")
            file = io.BytesIO(compressed.read())
        else:
            file = Path(path).open("rb")  # noqa: SIM115
        with file:
            yield file
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise ValueError(f"{path!r} is not a whole {suffix} file: {error}") from None
    except OSError as error:
        if error.errno is not None:
            raise
        # bz2 and pyarrow report damaged data as an OSError without a number.
        raise ValueError(f"{path!r} cannot be read: {error}") from None
