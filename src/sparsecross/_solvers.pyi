"""What the compiled module of whole arrays offers."""

import enum
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

assertions_alive: bool

def set_in_forked_child() -> None: ...
def effective_threads(requested: int = 0) -> int: ...

_Field: TypeAlias = tuple[NDArray[np.int32], NDArray[np.int64] | None]
_Csr: TypeAlias = tuple[NDArray[np.float32], NDArray[np.integer], NDArray[np.integer]]

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
def encode_texts(
    blob: NDArray[np.uint8], offsets: NDArray[np.int64], nulls: NDArray[np.bool_]
) -> tuple[NDArray[np.int32], NDArray[np.uint8], NDArray[np.int64]]: ...
def occurring(codes: NDArray[np.signedinteger], n_codes: int) -> NDArray[np.bool_]: ...
def mapped(codes: NDArray[np.signedinteger], places: NDArray[np.int32]) -> NDArray[np.int32]: ...
def distinct_integers(
    values: NDArray[np.int64], nulls: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int32]]: ...
def make_sets(
    offsets: NDArray[np.int64], codes: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.int32]]: ...
def learn_keys(
    terms: list[list[int]],
    cardinalities: list[int],
    fields: list[_Field],
    n_rows: int,
    min_count: int,
    n_threads: int = 0,
) -> list[NDArray[np.uint64]]: ...
def hash_columns(
    terms: list[list[int]],
    hashes: list[NDArray[np.uint64]],
    fields: list[_Field],
    n_rows: int,
    n_bits: int,
    kept: NDArray[np.uint8] | None,
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

# --- matrices ---

class Structure:
    canonical: bool
    all_ones: bool
    not_finite_slice: int
    not_finite_position: int

class Design:
    @staticmethod
    def from_dense(
        values: NDArray[Any], sliced_by: Literal["rows", "columns"], n_threads: int = 0
    ) -> Design: ...
    @staticmethod
    def from_sparse(
        values: NDArray[Any] | None,
        indices: NDArray[Any],
        indptr: NDArray[Any] | None,
        n_rows: int,
        n_cols: int,
        sliced_by: Literal["rows", "columns"],
        n_threads: int = 0,
    ) -> Design: ...
    def transposed(self, n_threads: int = 0) -> Design: ...
    def valueless(self) -> Design: ...
    def product(self, w: NDArray[np.float64], n_threads: int = 0) -> NDArray[np.float64]: ...
    def transposed_product(
        self, v: NDArray[np.float64], n_threads: int = 0
    ) -> NDArray[np.float64]: ...
    @property
    def shape(self) -> tuple[int, int]: ...
    @property
    def n_stored(self) -> int: ...
    @property
    def sliced_by(self) -> Literal["rows", "columns"]: ...
    @property
    def structure(self) -> Structure: ...
    @property
    def arrays(self) -> tuple[NDArray[Any], ...]: ...

# --- problems and solvers ---

class Status(enum.Enum):
    not_run = 0
    converged = 1
    max_iter = 2
    precision_limit = 3
    not_certified = 4
    interrupted = 5

class Solution:
    @property
    def coef(self) -> NDArray[np.float64]: ...
    @property
    def dual_point(self) -> NDArray[np.float64]: ...
    @property
    def intercept(self) -> float: ...
    @property
    def primal(self) -> float: ...
    @property
    def dual(self) -> float: ...
    @property
    def gap(self) -> float: ...
    @property
    def scale(self) -> float: ...
    @property
    def n_iter(self) -> int: ...
    @property
    def status(self) -> Status: ...
    @property
    def history(self) -> list[tuple[int, int, int, float, float, float, int]]: ...
    @property
    def peak(self) -> tuple[int, int]: ...
    @property
    def interruption(self) -> BaseException | None: ...

class Problem:
    def __init__(
        self,
        X: Design,
        loss: str,
        y: NDArray[np.float64],
        sample_weight: NDArray[np.float64] | None,
        l1: float,
        l2: float,
        penalty_factor: NDArray[np.float64] | None,
        positive: bool,
        fit_intercept: bool,
        n_threads: int,
        offset: NDArray[np.float64] | None = None,
        column_scale: NDArray[np.float64] | None = None,
        delta: float = 1.35,
    ) -> None: ...
    def at(self, l1: float, l2: float) -> Problem: ...
    def solve(
        self,
        tol: float,
        max_iter: int,
        coef_init: NDArray[np.float64] | None = None,
        intercept_init: float = 0.0,
        solver: str = "cd",
        on_round: Callable[[tuple[Any, ...], NDArray[np.float64], float], bool | None]
        | None = None,
    ) -> Solution: ...
    def largest_strength(self) -> float: ...
    def saturated(self) -> float: ...
    def scale(self) -> float: ...
    def certify(self, coef: NDArray[np.float64], intercept: float) -> tuple[float, float]: ...

# --- text ---

def parse_svmlight(
    text: bytes, n_threads: int = 0
) -> tuple[NDArray[np.float64], NDArray[Any], NDArray[Any], NDArray[np.float64], int]: ...

# --- blocks of rows ---

class Units:
    def __init__(
        self,
        n_columns: int,
        factor: NDArray[np.float64] | None = None,
        centre: NDArray[np.float64] | None = None,
        common: float = 1.0,
        n_terms: int = 0,
    ) -> None: ...

class ChosenColumns:
    def __init__(
        self,
        columns: NDArray[np.int64],
        units: Units,
        pairs: NDArray[np.int64] | None = None,
    ) -> None: ...

def widen_extremes(X: Design, high: NDArray[np.float64], low: NDArray[np.float64]) -> None: ...
def add_sums(
    X: Design,
    units: Units,
    weight: NDArray[np.float64] | None,
    bound: float,
    n_terms: int,
    sums: NDArray[np.float64],
    stored: NDArray[np.float64],
    counts: NDArray[np.float64],
) -> None: ...
def add_squares(
    X: Design,
    units: Units,
    weight: NDArray[np.float64] | None,
    mean: NDArray[np.float64] | None,
    bound: float,
    n_terms: int,
    squares: NDArray[np.float64],
) -> None: ...

class RowBlock:
    def __init__(
        self,
        X: Design,
        loss: str,
        y: NDArray[np.float64],
        sample_weight: NDArray[np.float64] | None = None,
        offset: NDArray[np.float64] | None = None,
        delta: float = 1.35,
    ) -> None: ...
    def add_gradient(
        self,
        chosen: ChosenColumns,
        weights: NDArray[np.float64],
        intercept: float,
        off: NDArray[np.float64] | None,
        off_intercept: float,
        bound: float,
        z: NDArray[np.float64],
    ) -> tuple[float, float, float, float]: ...
    def add_gradient_parts(
        self,
        chosen: ChosenColumns,
        weights: NDArray[np.float64],
        intercept: float,
        off: NDArray[np.float64] | None,
        off_intercept: float,
        bound: float,
        parts: NDArray[np.float64],
    ) -> tuple[float, float, float, float]: ...
    def add_pairs(
        self,
        chosen: ChosenColumns,
        weights: NDArray[np.float64],
        intercept: float,
        off: NDArray[np.float64] | None,
        off_intercept: float,
        bound: float,
        columns: ChosenColumns,
        first: int,
        last: int,
        sums: NDArray[np.float64],
    ) -> None: ...
    def add_model(
        self,
        chosen: ChosenColumns,
        weights: NDArray[np.float64],
        intercept: float,
        place: NDArray[np.int64],
        first_new: int,
        bound_of_residuals: float,
        bound_of_curvatures: float,
        gradient: NDArray[np.float64],
        weighted: NDArray[np.float64],
        products: NDArray[np.float64],
    ) -> tuple[float, float, float, float]: ...
    def losses(
        self,
        chosen: ChosenColumns,
        weights: NDArray[np.float64],
        intercept: float,
        way: NDArray[np.float64],
        way_intercept: float,
        t: list[float],
    ) -> list[float]: ...
    def duals(
        self,
        chosen: ChosenColumns,
        weights: NDArray[np.float64],
        intercept: float,
        off: NDArray[np.float64] | None,
        off_intercept: float,
        bound: float,
        up: float,
        down: float,
        t: list[float],
    ) -> list[float]: ...

class MultinomialProblem:
    def __init__(
        self,
        X: Design,
        labels: NDArray[np.int64],
        n_classes: int,
        sample_weight: NDArray[np.float64] | None,
        l1: float,
        l2: float,
        penalty_factor: NDArray[np.float64] | None,
        positive: bool,
        fit_intercept: bool,
        n_threads: int,
        column_scale: NDArray[np.float64] | None = None,
    ) -> None: ...
    def solve(
        self,
        tol: float,
        max_iter: int,
        coef_init: NDArray[np.float64] | None = None,
        intercept_init: NDArray[np.float64] | None = None,
        on_round: Callable[[tuple[Any, ...], NDArray[np.float64], list[float]], bool | None]
        | None = None,
    ) -> tuple[Solution, NDArray[np.float64]]: ...
    def largest_strength(self) -> float: ...
    def scale(self) -> float: ...
    def certify(
        self, coef: NDArray[np.float64], intercept: NDArray[np.float64]
    ) -> tuple[float, float]: ...

class Grouping:
    def __init__(self, begin: NDArray[np.int64], columns: NDArray[np.int64]) -> None: ...

class GroupProblem:
    def __init__(
        self,
        X: Design,
        loss: str,
        targets: NDArray[np.float64],
        n_classes: int,
        sample_weight: NDArray[np.float64] | None,
        l1: float,
        norm: float,
        l2: float,
        groups: Grouping,
        penalty_factor: NDArray[np.float64] | None,
        fit_intercept: bool,
        n_threads: int,
        offset: NDArray[np.float64] | None = None,
        delta: float = 1.35,
    ) -> None: ...
    def solve(
        self,
        tol: float,
        max_iter: int,
        coef_init: NDArray[np.float64] | None = None,
        intercept_init: NDArray[np.float64] | None = None,
        on_round: Callable[[tuple[Any, ...], NDArray[np.float64], list[float]], bool | None]
        | None = None,
    ) -> tuple[Solution, NDArray[np.float64]]: ...
    def largest_strength(self) -> float: ...
    def scale(self) -> float: ...
    def saturated(self) -> float: ...
    def certify(
        self, coef: NDArray[np.float64], intercept: NDArray[np.float64]
    ) -> tuple[float, float]: ...

class ProductKeys:
    def __init__(self, n_columns: int, order: int) -> None: ...
    @staticmethod
    def most_columns(order: int) -> int: ...
    def keys(self, columns: NDArray[np.int64]) -> NDArray[np.uint64]: ...
    def columns(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]: ...
    @property
    def universe(self) -> int: ...

class ProductSpace:
    def __init__(
        self,
        X: Design,
        order: int,
        squares: bool,
        field: NDArray[np.int32] | None = None,
        combinations: NDArray[np.int32] | None = None,
        n_threads: int = 0,
    ) -> None: ...
    nbytes: int
    def holds(self, columns: NDArray[np.int64]) -> NDArray[np.bool_]: ...
    def count_cooccurring(self, n_threads: int) -> int: ...
    def price(
        self,
        theta: NDArray[np.float64],
        factor: NDArray[np.float64] | None,
        product_factor: float,
        positive: bool,
        level: float,
        strength: float,
        how_many: int,
        n_threads: int,
    ) -> tuple[float, NDArray[np.uint64], NDArray[np.float64], int]: ...

class ProductTerms:
    def __init__(self, columns: NDArray[np.int64], values: NDArray[np.float64]) -> None: ...
    def margins(self, X: Design, n_threads: int) -> NDArray[np.float64]: ...
    @property
    def nbytes(self) -> int: ...

class InteractionSolution:
    keys: NDArray[np.uint64]
    values: NDArray[np.float64]
    dual_point: NDArray[np.float64]
    intercept: float
    primal: float
    dual: float
    gap: float
    scale: float
    n_iter: int
    status: Status
    history: list[tuple[tuple[Any, ...], tuple[int, int, int, int]]]
    peak: tuple[int, int]
    interruption: BaseException | None

class InteractionProblem:
    def __init__(
        self,
        space: ProductSpace,
        loss: str,
        y: NDArray[np.float64],
        sample_weight: NDArray[np.float64] | None,
        penalty_factor: NDArray[np.float64] | None,
        product_factor: float,
        positive: bool,
        fit_intercept: bool,
        n_threads: int,
        offset: NDArray[np.float64] | None = None,
        delta: float = 1.35,
    ) -> None: ...
    def solve(
        self,
        l1: float,
        l2: float,
        tol: float,
        max_iter: int,
        keys: NDArray[np.uint64],
        values: NDArray[np.float64],
        intercept: float,
        parents: NDArray[np.uint8] | None = None,
        all_parents: bool = False,
        on_round: Callable[[tuple[Any, ...], NDArray[np.float64], float], bool | None]
        | None = None,
    ) -> InteractionSolution: ...
    def largest_strength(self) -> float: ...
    def scale(self) -> float: ...
    def saturated(self) -> float: ...
    def certify(
        self,
        l1: float,
        l2: float,
        keys: NDArray[np.uint64],
        values: NDArray[np.float64],
        intercept: float,
    ) -> tuple[float, float]: ...

def column_deviations(
    X: Design, sample_weight: NDArray[np.float64] | None, centred: bool, n_threads: int
) -> NDArray[np.float64]: ...
def soft_threshold(z: NDArray[np.float64], t: NDArray[np.float64]) -> Any: ...
def shrink_groups(
    values: NDArray[np.float32] | NDArray[np.float64],
    l1: float,
    l2: float,
    n_threads: int = 0,
) -> None: ...

# --- pruned models ---

class SparseWeights:
    def __init__(
        self,
        values: NDArray[np.generic],
        exponent: int,
        universe: int,
        low: NDArray[np.uint64],
        high: NDArray[np.uint64],
        samples: NDArray[np.uint32],
    ) -> None: ...
    def ids(self) -> NDArray[np.uint64]: ...
    def score(self, X: Design, n_threads: int = 0) -> NDArray[np.float64]: ...

def build_index(
    ids: NDArray[np.uint64], universe: int
) -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.uint32]]: ...
def index_bytes(size: int, universe: int) -> list[int]: ...
def ids_of_earlier_index(
    size: int, universe: int, low: NDArray[np.uint64], high: NDArray[np.uint64]
) -> NDArray[np.uint64]: ...
