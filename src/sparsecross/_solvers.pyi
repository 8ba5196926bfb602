"""What the compiled module of whole arrays offers."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

assertions_alive: bool

def set_in_forked_child() -> None: ...
def effective_threads(requested: int = 0) -> int: ...

_Field: TypeAlias = tuple[NDArray[np.int32], NDArray[np.int64] | None]
_Csr: TypeAlias = tuple[NDArray[np.integer], NDArray[np.integer]]

class Strings:
    def __init__(self, blob: NDArray[np.uint8], offsets: NDArray[np.int64]) -> None: ...
    def __len__(self) -> int: ...
    def first_out_of_order(self) -> int: ...
    def find(self, wanted: bytes) -> int: ...
    def find_all(self, wanted: Strings) -> NDArray[np.int32]: ...
    def take(self, chosen: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]: ...
    def ranking(self) -> tuple[NDArray[np.int64], NDArray[np.int32]]: ...

class Integers:
    def __init__(self, values: NDArray[np.int64]) -> None: ...
    def __len__(self) -> int: ...
    def find(self, wanted: int) -> int: ...
    def find_all(self, wanted: NDArray[np.int64]) -> NDArray[np.int32]: ...
    @property
    def table_bytes(self) -> int: ...

class Columns:
    def __init__(
        self,
        terms: list[list[int]],
        cardinalities: list[int],
        keys: list[NDArray[np.uint64] | None],
    ) -> None: ...
    def of_rows(
        self, fields: list[_Field], n_rows: int, index_limit: int, n_threads: int = 0
    ) -> _Csr: ...
    def of_row(self, codes: list[int | list[int]]) -> list[int]: ...
    @property
    def table_bytes(self) -> int: ...

def encode_strings(
    objects: NDArray[np.object_],
) -> tuple[NDArray[np.int32], NDArray[np.uint8], NDArray[np.int64]] | None: ...
def distinct_integers(
    values: NDArray[np.int64], nulls: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int32]]: ...
def make_sets(
    offsets: NDArray[np.int64], codes: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.int32]]: ...
def learn_columns(
    terms: list[list[int]],
    cardinalities: list[int],
    fields: list[_Field],
    n_rows: int,
    min_count: int,
    with_rows: bool,
    index_limit: int,
    n_threads: int = 0,
) -> tuple[list[NDArray[np.uint64]], _Csr | None]: ...
def hash_columns(
    terms: list[list[int]],
    hashes: list[NDArray[np.uint64]],
    fields: list[_Field],
    n_rows: int,
    n_bits: int,
    kept: NDArray[np.uint64] | None,
    index_limit: int,
    n_threads: int = 0,
) -> _Csr: ...
def hash_collisions(
    terms: list[list[int]],
    hashes: list[NDArray[np.uint64]],
    fields: list[_Field],
    n_rows: int,
    n_bits: int,
    n_threads: int = 0,
) -> int: ...
