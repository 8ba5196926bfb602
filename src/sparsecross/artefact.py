"""One model, one file: a header, a directory and blocks, as docs/file_format.md lays them out.

The file holds numbers and JSON, nothing executable. The header and the directory are verified when
a file is opened, each block when it is first asked for, so opening takes constant time.
"""

from __future__ import annotations

import contextlib
import errno
import json
import mmap as _mmap
import os
import secrets
import stat
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

MAGIC = b"\x89SXM\r\n\x1a\n"  # as PNG's: text-mode transfers and 7-bit channels damage it visibly
VERSION = 4
ALIGNMENT = 8
META = "meta"

_HEADER = struct.Struct("<8sIIQII")  # magic, version, blocks, file size, checksum, zero
_ENTRY = struct.Struct("<8sIIQQ")  # name, dtype code, checksum, offset, bytes
ENTRY_BYTES = _ENTRY.size
_NAME_BYTES = 8
_DTYPES: dict[int, np.dtype[Any]] = {
    1: np.dtype("<u1"),
    2: np.dtype("<i4"),
    3: np.dtype("<i8"),
    4: np.dtype("<u8"),
    5: np.dtype("<f4"),
    6: np.dtype("<f8"),
    7: np.dtype("<u4"),
    8: np.dtype("<f2"),
    9: np.dtype("<i2"),
}
_CODES = {dtype: code for code, dtype in _DTYPES.items()}

Arrays = Mapping[str, npt.NDArray[Any]]


class _Block(NamedTuple):
    dtype: np.dtype[Any]
    checksum: int
    offset: int
    n_bytes: int


def _aligned(offset: int) -> int:
    return -(-offset // ALIGNMENT) * ALIGNMENT


def as_json(value: Any) -> bytes:
    """A value as files hold it."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()


def _blocks(meta: Mapping[str, Any], arrays: Arrays) -> dict[str, npt.NDArray[Any]]:
    blocks = {META: np.frombuffer(as_json(meta), dtype="<u1")}
    for name, array in arrays.items():
        if len(name) > _NAME_BYTES:
            raise ValueError(f"a block's name has at most {_NAME_BYTES} bytes, got {name!r}")
        blocks[name] = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    return blocks


def _offsets(sizes: Sequence[int]) -> list[int]:
    """Where each block of these sizes begins, and the end of the last."""
    offsets, end = [], _HEADER.size + _ENTRY.size * len(sizes)
    for size in sizes:
        offsets.append(_aligned(end))
        end = offsets[-1] + size
    return [*offsets, end]


def file_bytes(sizes: Sequence[int]) -> int:
    """The bytes of a file with blocks of these sizes, meta data among them."""
    return _offsets(sizes)[-1]


def encoded_bytes(meta: Mapping[str, Any], arrays: Arrays) -> int:
    """How many bytes `encode` would return."""
    return file_bytes([len(as_json(meta)), *(array.nbytes for array in arrays.values())])


def encode(meta: Mapping[str, Any], arrays: Arrays) -> bytearray:
    """The bytes of a file that holds this meta data and these one-dimensional arrays."""
    blocks = _blocks(meta, arrays)
    offsets = _offsets([array.nbytes for array in blocks.values()])
    content = bytearray(offsets[-1])
    directory = b""
    for (name, array), offset in zip(blocks.items(), offsets, strict=False):
        end = offset + array.nbytes
        content[offset:end] = array.data.cast("B") if array.size else b""
        checksum = zlib.crc32(memoryview(content)[offset:end])
        entry = (name.encode("ascii"), _CODES[array.dtype], checksum, offset, array.nbytes)
        directory += _ENTRY.pack(*entry)
    unsigned = _HEADER.pack(MAGIC, VERSION, len(blocks), len(content), 0, 0)
    checksum = zlib.crc32(directory, zlib.crc32(unsigned))
    header = _HEADER.pack(MAGIC, VERSION, len(blocks), len(content), checksum, 0)
    content[: len(header) + len(directory)] = header + directory
    return content


def write(path: str | os.PathLike[str], content: bytes | bytearray) -> None:
    """Write a file whole or not at all: whatever fails, an old file of that name stays as it was.

    A symbolic link is followed: what it points to is replaced.

    Raises
    ------
    OSError
        If the file cannot be written, its folder does not exist, or something that is no regular
        file (a folder, a device) has its name.
    """
    target = Path(path).resolve()
    if target.exists() and not target.is_file():
        raise FileExistsError(errno.EEXIST, "not a regular file", os.fspath(path))
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "no such folder", str(target.parent))
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    # Created with the mode that the umask leaves, or that the old file had.
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if target.exists():
                os.fchmod(file.fileno(), stat.S_IMODE(target.stat().st_mode))
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    with contextlib.suppress(OSError):  # not every file system can sync a directory
        directory = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


class Artefact(Mapping[str, npt.NDArray[Any]]):
    """The blocks of a file, each verified when it is first asked for.

    Parameters
    ----------
    path : str or path-like
        The file.
    mmap : bool
        Whether to map the file (blocks stay on disk until touched, and are shared among processes)
        or to read and verify all of it now.

    Attributes
    ----------
    version : int
        Of the format that the file is in.
    meta : dict
        Its meta data.

    Raises
    ------
    ValueError
        If the file is not a model of a version known here, or is damaged; at first touch of a
        block, if that block is.
    """

    def __init__(self, path: str | os.PathLike[str], mmap: bool) -> None:
        self.path = os.fspath(path)
        with Path(path).open("rb") as file:
            if mmap and os.fstat(file.fileno()).st_size > 0:
                self._buffer: Any = _mmap.mmap(file.fileno(), 0, access=_mmap.ACCESS_READ)
            else:
                self._buffer = file.read()
        self._blocks = self._directory()
        self._verified: dict[str, npt.NDArray[Any]] = {}
        if not mmap:
            self.verify()
        self.meta = self._meta()

    def _damaged(self, what: str) -> ValueError:
        return ValueError(f"{self.path!r} is not a whole sparsecross model: {what}.")

    def _directory(self) -> dict[str, _Block]:
        size = len(self._buffer)
        if size < _HEADER.size:
            raise self._damaged(f"it has {size} bytes, fewer than a header's {_HEADER.size}")
        magic, version, n_blocks, said, checksum, zero = _HEADER.unpack_from(self._buffer)
        self.version: int = version
        if magic != MAGIC:
            raise self._damaged("it does not begin with the signature of one")
        if version > VERSION:
            raise ValueError(
                f"{self.path!r} has format version {version}; this sparsecross reads versions "
                f"up to {VERSION}. A newer sparsecross is needed."
            )
        if zero != 0:
            raise self._damaged("bytes 28 to 31 of its header are not 0")
        if said != size:
            raise self._damaged(f"it has {size} bytes and its header says {said}")
        end = _HEADER.size + _ENTRY.size * n_blocks
        if end > size:
            raise self._damaged(f"its directory of {n_blocks} blocks does not fit")
        unsigned = _HEADER.pack(magic, version, n_blocks, said, 0, 0)
        if zlib.crc32(self._buffer[_HEADER.size : end], zlib.crc32(unsigned)) != checksum:
            raise self._damaged("the checksum of its directory is wrong")
        blocks = {}
        for k in range(n_blocks):
            name, code, block_checksum, offset, n_bytes = _ENTRY.unpack_from(
                self._buffer, _HEADER.size + k * _ENTRY.size
            )
            dtype = _DTYPES.get(code)
            if dtype is None or offset % ALIGNMENT or offset < end or offset + n_bytes > size:
                raise self._damaged(f"entry {k} of its directory makes no sense")
            if n_bytes % dtype.itemsize:
                raise self._damaged(f"entry {k} of its directory has a broken length")
            label = name.rstrip(b"\0").decode("ascii", "replace")
            if label in blocks:
                raise self._damaged(f"its directory has block {label!r} twice")
            blocks[label] = _Block(dtype, block_checksum, offset, n_bytes)
        return blocks

    def _meta(self) -> dict[str, Any]:
        try:
            meta = json.loads(self[META].tobytes().decode())
        except KeyError:
            raise self._damaged("it has no meta data") from None
        except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
            raise self._damaged(f"its meta data cannot be read ({error})") from None
        if not isinstance(meta, dict):
            raise self._damaged("its meta data is not an object")
        return meta

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        if name not in self._verified:
            block = self._blocks[name]
            array = np.frombuffer(
                self._buffer, block.dtype, block.n_bytes // block.dtype.itemsize, block.offset
            )
            content = memoryview(self._buffer)[block.offset : block.offset + block.n_bytes]
            if zlib.crc32(content) != block.checksum:
                raise self._damaged(f"the checksum of block {name!r} is wrong")
            self._verified[name] = array
        return self._verified[name]

    def dtype_of(self, name: str) -> np.dtype[Any]:
        """The type of a block's elements, which the directory tells."""
        return self._blocks[name].dtype

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._blocks if name != META)

    def __len__(self) -> int:
        return len(self._blocks) - 1

    def verify(self) -> None:
        """Verify every block now.

        Raises
        ------
        ValueError
            Naming the first block that is damaged.
        """
        for name in self._blocks:
            self[name]
