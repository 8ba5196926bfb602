"""How blocks lie on disk: a directory of mapped arrays, and a manifest that says which count.

    store/manifest.json      version, columns, names, blocks with their files' sizes and checksums
    store/encoder.sxm        of a store of tables: what made their columns, as model files hold it
    store/block-000000/      indices.npy, indptr.npy, values.npy, y.npy, weight.npy, offset.npy

What is implied has no file: `indptr` where all rows are as long, `values` where all are 1,
`weight` and `offset` where there are none. A block is written under another name, forced to disk
and renamed; then the manifest, likewise, begins to count it. Whatever is cut short, the manifest
names whole blocks alone; while rows are being appended, readers see those that were there before.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
import threading
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import artefact, encoderstate
from ..crossing import FeatureCross

if sys.platform != "win32":
    import fcntl

MANIFEST = "manifest.json"
ENCODER = "encoder.sxm"
VERSION = 1
PARTS = ("indices", "indptr", "values", "y", "weight", "offset")
_CHUNK = 1 << 24  # bytes that are checked at once
_ONE_AT_A_TIME = threading.Lock()  # headers are parsed by `ast`, which threads upset (CPython 3.11)


def directory_of(number: int) -> str:
    """The directory of a block."""
    return f"block-{number:06d}"


def write_block(
    store: Path, number: int, arrays: Mapping[str, npt.NDArray[Any]]
) -> dict[str, dict[str, int]]:
    """Write a block whole, or not at all.

    Returns
    -------
    dict
        The size and the checksum of each file, as manifests hold them.
    """
    place, unfinished = store / directory_of(number), store / f"{directory_of(number)}.part"
    for leftover in (place, unfinished):
        if leftover.exists():  # of a conversion that was cut short before the manifest counted it
            shutil.rmtree(leftover)
    unfinished.mkdir()
    files = {}
    try:
        for name, array in arrays.items():
            path = unfinished / f"{name}.npy"
            with path.open("wb") as file:
                np.save(file, array, allow_pickle=False)
                file.flush()
                os.fsync(file.fileno())
            files[name] = {"bytes": path.stat().st_size, "crc32": checksum(path)}
        unfinished.replace(place)
        _sync(store)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return files


def write_manifest(store: Path, manifest: Mapping[str, Any]) -> None:
    """Replace the manifest: readers see the old one or the new one."""
    path, unfinished = store / MANIFEST, store / f"{MANIFEST}.part"
    try:
        with unfinished.open("w", encoding="utf-8") as file:
            json.dump(manifest, file)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        _sync(store)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def read_manifest(store: Path) -> dict[str, Any]:
    """Read a manifest and check its shape.

    Raises
    ------
    FileNotFoundError
        If there is none.
    ValueError
        If it is no manifest of a store, or of a version to come.
    """
    path = store / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        if manifest["format"] != "sparsecross blocks":
            raise ValueError("it is of another format")
        version = int(manifest["version"])
        if not 1 <= version <= VERSION:
            raise ValueError(f"its version is {version}, this release reads up to {VERSION}")
        complete = manifest["complete"]
        if not isinstance(complete, bool):
            raise ValueError("complete must be true or false")
        begun = not complete and not manifest["blocks"]  # before the first rows told the columns
        if not (begun and manifest["n_columns"] is None) and int(manifest["n_columns"]) < 1:
            raise ValueError("n_columns must be positive")
        if complete and not manifest["blocks"]:
            raise ValueError("there must be blocks")
        for block in manifest["blocks"]:
            files = block["files"]
            int(block["n_stored"])
            if int(block["n_rows"]) < 1 or "y" not in files or not files.keys() <= set(PARTS):
                raise ValueError("a block must have rows, y, and files of known names")
            for file in files.values():
                int(file["bytes"]), int(file["crc32"])
        if not complete:
            manifest["origin"], [manifest[name] for name in manifest["known_before"]]
            whole_blocks(manifest)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{os.fspath(store)!r} is no store of blocks: it has no {MANIFEST}"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{os.fspath(path)!r} is damaged: {error}") from None
    return dict(manifest)


def rows_of(manifest: Mapping[str, Any]) -> int:
    """How many rows the blocks of a manifest have."""
    return sum(int(block["n_rows"]) for block in manifest["blocks"])


def whole_blocks(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The blocks that count: not those of a conversion that has not been finished.

    Raises
    ------
    ValueError
        If the conversion began within a block.
    """
    if manifest["complete"]:
        return list(manifest["blocks"])
    whole: list[dict[str, Any]] = []
    n_rows, begun_at = 0, int(manifest["begun_at"])
    for block in manifest["blocks"]:
        if n_rows >= begun_at:
            break
        whole.append(block)
        n_rows += int(block["n_rows"])
    if n_rows != begun_at:
        raise ValueError("begun_at must be where a block ends")
    return whole


@contextmanager
def alone(store: Path) -> Iterator[None]:
    """Make the directory if there is none, and keep other writers out of it.

    Raises
    ------
    BlockingIOError
        If there is one, where the system can tell.
    FileExistsError
        If a file has the name of the directory.
    """
    if store.exists() and not store.is_dir():
        raise FileExistsError(errno.EEXIST, "is a file, and a store needs a folder", str(store))
    store.mkdir(parents=True, exist_ok=True)
    if sys.platform == "win32":
        yield
        return
    descriptor = os.open(store, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BlockingIOError(f"another process is writing to {os.fspath(store)!r}") from None
        except OSError:  # a file system without locks
            pass
        yield
    finally:
        os.close(descriptor)


def encoder_bytes(encoder: FeatureCross) -> bytearray:
    """A fitted encoder as a store holds it."""
    description, blocks = encoderstate.packed(encoder)
    return artefact.encode({"encoder": description}, blocks)


def read_encoder(store: Path) -> FeatureCross | None:
    """The encoder of a store, where it has one.

    Raises
    ------
    ValueError
        If its file is damaged.
    """
    path = store / ENCODER
    if not path.exists():
        return None
    file = artefact.Artefact(path, mmap=False)
    try:
        return encoderstate.unpacked(file.meta["encoder"], file)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{os.fspath(path)!r} is damaged: {error}") from None


def mapped(store: Path, number: int, name: str, file: Mapping[str, int]) -> npt.NDArray[Any]:
    """Map one array of a block, once it is known to be as it was written.

    Raises
    ------
    ValueError
        If it is not; the message names the file.
    FileNotFoundError
        If it is gone.
    """
    path = store / directory_of(number) / f"{name}.npy"
    size = path.stat().st_size
    if size != file["bytes"]:
        raise ValueError(
            f"{os.fspath(path)!r} is damaged: it has {size} bytes, not {file['bytes']}"
        )
    if checksum(path) != file["crc32"]:
        raise ValueError(f"{os.fspath(path)!r} is damaged: its checksum is another")
    try:
        with _ONE_AT_A_TIME:
            found: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)!r} is damaged: {error}") from None
    return found


def read_ahead(store: Path, number: int, names: Iterable[str]) -> None:
    """Tell the system, where it listens, that the files of a block will be read soon."""
    if not hasattr(os, "posix_fadvise"):
        return
    for name in names:
        try:
            descriptor = os.open(store / directory_of(number) / f"{name}.npy", os.O_RDONLY)
        except OSError:  # who reads it will say so
            continue
        try:
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_WILLNEED)
        finally:
            os.close(descriptor)


def checksum(path: Path) -> int:
    """CRC-32 of a file."""
    total = 0
    with path.open("rb", buffering=0) as file:
        while some := file.read(_CHUNK):
            total = zlib.crc32(some, total)
    return total


def _sync(directory: Path) -> None:
    """Force a directory's names to disk, where the system knows how."""
    if os.name != "posix":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
