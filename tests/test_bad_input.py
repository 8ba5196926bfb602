"""Bad input gets an error that names the argument, the value and the rule; never a crash."""

import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from sklearn.pipeline import make_pipeline

import sparsecross as sx
from sparsecross import _solvers

X = np.array([[1.0, 0.0, 2.0], [0.0, 1.0, 0.0], [3.0, 0.0, 1.0], [0.0, 2.0, 0.0]])
Y = np.array([1.0, -1.0, 2.0, 0.5])
LABELS = np.array([0, 1, 1, 0])
MODELS = {
    "regression": (sx.Lasso(0.1), Y),
    "robust": (sx.HuberRegressor(0.1), Y),
    "counts": (sx.PoissonRegressor(0.1), np.array([1.0, 0.0, 2.0, 5.0])),
    "classification": (sx.SparseLogisticRegression(0.1), LABELS),
    "classes": (
        sx.SparseLogisticRegression(0.1, multi_class="multinomial"),
        np.array([0, 1, 2, 0]),
    ),
}
every_task = pytest.mark.parametrize("task", MODELS)


def fit(task, X=X, y=None, **options):
    model, target = MODELS[task]
    return model.fit(X, target if y is None else y, **options)


# --- values ---


@every_task
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("layout", [np.array, sp.csr_array, sp.csc_array])
def test_not_finite_in_x(task, value, layout):
    bad = X.copy()
    bad[2, 0] = value
    with pytest.raises(
        ValueError,
        match=r"X contains NaN or infinity at row 2, column 0; every value must be finite",
    ):
        fit(task, layout(bad))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_not_finite_in_y(value):
    y = Y.copy()
    y[1] = value
    with pytest.raises(ValueError, match=r"y contains (NaN|infinity)"):
        fit("regression", y=y)
    with pytest.raises(ValueError, match=r"y contains (NaN|infinity)"):
        fit("classification", y=np.where(np.isfinite(y), LABELS, y))
    with pytest.raises(ValueError, match=r"y contains (NaN|infinity)"):
        sx.solve(X, y, alpha=0.1)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([[None], ["Rome"]], "X must hold numbers, got 'Rome' in column 0"),
        ([["1"], ["Rome"]], "X must hold numbers, got 'Rome' in column 0"),
        (["Rome", "Oslo"], "Expected 2D array, got 1D array"),
        ([[["Rome"]], [["Oslo"]]], "Found array with dim 3"),
    ],
)
def test_text_that_is_not_alone(X, message):
    with pytest.raises(ValueError, match=message):
        sx.Lasso().fit(X, [0.0, 1.0])


@pytest.mark.parametrize("task", ["regression", "robust", "classification", "classes"])
def test_text_in_x_names_the_column_and_what_to_do(task):
    table = pd.DataFrame({"size": [1.0, 2.0, 3.0, 4.0], "city": ["Rome", "Oslo", "Rome", "Bonn"]})
    message = r"X must hold numbers, got 'Rome' in column {}: a FeatureCross before the estimator"
    for bad, column in ((table, "'city'"), (table.to_numpy(), "1")):
        with pytest.raises(ValueError, match=message.format(column)):
            fit(task, bad)
    with pytest.raises(ValueError, match=message.format("'city'")):
        sx.solve(table, Y, alpha=0.1)


@pytest.mark.parametrize("model", [sx.Lasso(), sx.FTRLRegressor(), sx.GroupLasso()])
def test_labels_are_for_classifiers(model):
    message = r"y must hold numbers, got 'no': labels are for classifiers, such as Sparse"
    labels = np.array(["no", "yes", "no", "yes"])
    for y in (labels, labels.astype(object), pd.Series(labels)):
        with pytest.raises(ValueError, match=message):
            model.fit(X, y)
    with pytest.raises(ValueError, match=message):
        sx.MultiTaskLasso().fit(X, np.stack([labels, labels], axis=1))
    with pytest.raises(ValueError, match=message):
        sx.solve(X, labels, alpha=0.1, loss="logistic")


def test_columns_and_fields_that_are_not_there_are_named():
    table = pd.DataFrame({"a": list("pqpq"), "b": list("xxyy")})
    with pytest.raises(ValueError, match=r"must name columns of X, got 'c' in \('a', 'c'\)"):
        sx.Lasso(interactions=[("a", "c")]).fit(pd.DataFrame(X, columns=list("abd")), Y)
    with pytest.raises(ValueError, match=r"must name fields of X, got \['a'\] in \(\['a'\], 'b'\)"):
        sx.Lasso(interactions=[(["a"], "b")]).fit(table, Y)
    with pytest.raises(ValueError, match=r"tuples of fields, such as \('a', 'b'\), got 'a\*b'"):
        sx.FeatureCross(crosses=["a*b"]).fit(table)
    model = make_pipeline(sx.FeatureCross(), sx.Lasso(0.01)).fit(table, [0.0, 1.0, 0.0, 1.0])
    with pytest.raises(ValueError, match=r"must have the fields \['a'\], .*; it has \['b'\]"):
        sx.prune(model).predict(table[["b"]])


def test_files_that_are_not_what_they_should_be(tmp_path):
    model = sx.Lasso(0.1).fit(X, Y)
    with pytest.raises(OSError, match=r"no such folder: .*missing"):
        sx.save(model, tmp_path / "missing" / "m.sxm")
    sx.save(model, tmp_path / "m.sxm")
    with pytest.raises(ValueError, match=r"m.sxm' is no checkpoint of a stream: load reads models"):
        sx.load_checkpoint(tmp_path / "m.sxm")


@every_task
@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1, np.nan, 1, 1], "sample_weight contains NaN.* got nan in row 1"),
        ([1, np.inf, 1, 1], "sample_weight contains infinity.* got inf in row 1"),
        ([1, -1, 1, 1], "Negative values in data passed to `sample_weight`.* got -1.0 in row 1"),
        ([0, 0, 0, 0], "at least one non-zero"),
        ([1, 1, 1], r"sample_weight.shape == \(3,\), expected \(4,\)"),
    ],
)
def test_sample_weight(task, weights, message):
    with pytest.raises(ValueError, match=message):
        fit(task, sample_weight=weights)


@every_task
@pytest.mark.parametrize(
    ("factor", "message"),
    [
        ([1.0, np.nan, 1.0], "penalty_factor must not be negative or NaN, got nan for column 1"),
        ([1.0, -2.0, 1.0], r"penalty_factor must not be negative or NaN, got -2.0 for column 1"),
        (
            [1.0, 1.0],
            r"penalty_factor must have shape \(3,\), one factor for each column of X; got \(2,\)",
        ),
    ],
)
def test_penalty_factor(task, factor, message):
    model, y = MODELS[task]
    with pytest.raises(ValueError, match=message):
        type(model)(0.1, penalty_factor=factor).fit(X, y)
    allowed = type(model)(0.1, penalty_factor=[1.0, np.inf, 1.0]).fit(X, y)
    assert np.ravel(allowed.coef_)[1] == 0


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
@pytest.mark.parametrize("name", ["alpha", "l1_ratio", "tol", "max_iter"])
def test_strengths(name, value):
    if name == "l1_ratio" or np.isnan(value) or value < 0:
        with pytest.raises(ValueError, match=f"{name}.* must be"):
            sx.ElasticNet(**{name: value}).fit(X, Y)
    with pytest.raises(ValueError, match=f"'{name}' parameter of solve must be .* Got {value}"):
        sx.solve(X, Y, **{"alpha": 0.1, name: value})


@pytest.mark.parametrize("label", ["a", 1, True])
def test_one_class(label):
    with pytest.raises(ValueError, match=r"y must hold at least two classes.*got one class: "):
        fit("classification", y=np.full(4, label))


def test_one_class_of_positive_weight():
    with pytest.raises(ValueError, match="y must hold at least two classes with positive weight"):
        fit("classification", sample_weight=[1, 0, 0, 1])
    with pytest.raises(
        ValueError, match=r"y must hold both -1 and .1 with positive weight.*only 1"
    ):
        sx.solve(X, np.ones(4), loss="logistic", alpha=0.1)
    y = np.array([1.0, -1.0, -1.0, 1.0])
    for call in (sx.solve, sx.alpha_max):
        options = {"alpha": 0.1} if call is sx.solve else {}
        with pytest.raises(ValueError, match="y must hold both"):
            call(X, y, loss="logistic", sample_weight=[1, 0, 0, 1], **options)


def test_labels_of_the_functional_interface():
    with pytest.raises(ValueError, match=r"y must hold -1 and \+1 for loss='logistic', got 0.0"):
        sx.solve(X, LABELS, loss="logistic", alpha=0.1)
    with pytest.raises(
        ValueError, match=r"'loss' parameter of solve must be a str among .* Got 'hinge'"
    ):
        sx.solve(X, Y, loss="hinge", alpha=0.1)


# --- shapes ---


@every_task
@pytest.mark.parametrize("layout", [np.array, sp.csr_array, sp.csc_array])
def test_empty_x(task, layout):
    with pytest.raises(ValueError, match=r"0 sample\(s\) \(shape=\(0, 3\)\) while a minimum of 1"):
        fit(task, layout(np.empty((0, 3))), y=np.empty(0))
    with pytest.raises(ValueError, match=r"0 feature\(s\) \(shape=\(4, 0\)\) while a minimum of 1"):
        fit(task, layout(np.empty((4, 0))))


@every_task
def test_mismatched_lengths(task):
    with pytest.raises(ValueError, match=r"y must have one value for each row of X.*\[4, 3\]"):
        fit(task, y=MODELS[task][1][:3])


@every_task
def test_prediction_with_another_number_of_columns(task):
    model = fit(task)
    for other in (X[:, :2], np.hstack([X, X]), sp.csr_array(X[:, :2])):
        with pytest.raises(ValueError, match=f"X has {other.shape[1]} features, but .* 3 features"):
            model.predict(other)


def test_wrong_dimensions():
    with pytest.raises(ValueError, match="2D"):
        fit("regression", X[:, 0])
    with pytest.raises(ValueError, match="dim"):
        fit("regression", X[None])
    with pytest.raises(ValueError, match="y should be a 1d array"):
        fit("regression", y=X)
    with pytest.raises(ValueError, match="Complex data not supported"):
        fit("regression", X * 1j)
    with pytest.raises(ValueError, match="Complex data not supported"):
        fit("regression", sp.csr_array(X * 1j))


def test_certify_judges_only_feasible_weights():
    with pytest.raises(ValueError, match=r"coef must have shape \(3,\).*got \(2,\)"):
        sx.certify(X, Y, [1.0, 2.0], alpha=0.1)
    with pytest.raises(ValueError, match="coef must be finite, got nan for column 1"):
        sx.certify(X, Y, [1.0, np.nan, 0.0], alpha=0.1)
    with pytest.raises(ValueError, match=r"coef must not be negative for positive=True, got -1.0"):
        sx.certify(X, Y, [1.0, -1.0, 0.0], alpha=0.1, positive=True)
    with pytest.raises(ValueError, match=r"coef must be 0 where penalty_factor is infinite.* 1"):
        sx.certify(X, Y, [1.0, 1.0, 0.0], alpha=0.1, penalty_factor=[1, np.inf, 1])


@pytest.mark.parametrize("name", ["intercept_init"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_starts_must_be_finite(name, value):
    with pytest.raises(ValueError, match=f"{name} must be finite, got {value}"):
        sx.solve(X, Y, alpha=0.1, coef_init=np.zeros(3), **{name: value})
    with pytest.raises(ValueError, match=f"intercept must be finite, got {value}"):
        sx.certify(X, Y, np.zeros(3), value, alpha=0.1)


def test_negative_thresholds():
    with pytest.raises(ValueError, match=r"t must not be negative or NaN, got -1.0"):
        sx.soft_threshold([1.0], -1.0)
    assert sx.soft_threshold(-3.0, 1.0) == -2.0


# --- malformed CSR and CSC ---

MALFORMED = {
    "index out of range": ({"indices": [0, 3, 1, 0]}, "indices must lie between 0 and [23], got 3"),
    "index far out of range": ({"indices": [0, 2**31 - 1, 1, 0]}, "got 2147483647 in"),
    "negative index": ({"indices": [0, -1, 1, 0]}, "indices must lie between 0 and [23], got -1"),
    "decreasing indptr": ({"indptr": [0, 3, 1, 4]}, "never decrease, got 1 after 3 at position 2"),
    "negative indptr": ({"indptr": [0, -2, 1, 4]}, "indptr must never decrease, got -2 after 0"),
    "indptr beyond the entries": ({"indptr": [0, 1, 2, 9]}, "ends at 9, beyond the 4 stored"),
    "indptr not from 0": ({"indptr": [1, 2, 3, 4]}, "indptr must start at 0, got 1"),
    "indptr too short": ({"indptr": [0, 4]}, "indptr must have length 4, got 2"),
    "indptr too long": ({"indptr": [0, 1, 2, 3, 4]}, "indptr must have length 4, got 5"),
    "values too short": ({"data": [1.0, 2.0]}, "indptr ends at 4, beyond the 2 stored"),
}  # fmt: skip


def malformed(kind, dtype=np.float64, index=np.int32, **parts):
    """A 3 x 3 matrix with four entries whose arrays were changed behind scipy's back."""
    arrays = (
        np.array([1.0, 2.0, 3.0, 5.0], dtype),
        np.array([0, 2, 1, 0], index),
        np.array([0, 2, 3, 4], index),
    )
    S = kind(arrays, shape=(3, 3))
    for name, values in parts.items():
        setattr(S, name, np.array(values, dtype if name == "data" else index))
    return S


@pytest.mark.parametrize("index", [np.int32, np.int64])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int8, bool])
@pytest.mark.parametrize("kind", [sp.csr_array, sp.csc_array, sp.csr_matrix, sp.csc_matrix])
@pytest.mark.parametrize("fault", MALFORMED)
def test_malformed_sparse_matrices(fault, kind, dtype, index):
    parts, message = MALFORMED[fault]
    bad = malformed(kind, dtype, index, **parts)
    message = f"X is not a valid {bad.format} matrix: .*{message}"
    if fault == "indptr too short":  # only as many offsets as it has are looked at
        message = "X is not a valid"
    with pytest.raises(ValueError, match=message):
        sx.Lasso(0.1).fit(bad, Y[:3])
    with pytest.raises(ValueError, match=message):
        sx.SparseLogisticRegression(0.1).fit(bad, LABELS[:3])
    for model in (sx.Lasso(0.1), sx.SparseLogisticRegression(0.1)):
        fitted = model.fit(X[:3], LABELS[:3])
        with pytest.raises(ValueError, match=message):
            fitted.predict(bad)


@pytest.mark.parametrize("kind", [sp.csr_array, sp.csc_array])
@pytest.mark.parametrize("dtype", [np.float64, np.int8, bool])
def test_unsorted_and_duplicate_indices_mean_what_scipy_says(kind, dtype):
    S = kind((np.array([1, 100, 100, 1, 1], dtype), [2, 0, 0, 1, 1], [0, 3, 4, 5]), shape=(3, 3))
    dense = np.zeros((3, 3))
    for position, data in zip(
        *[iter([(0, 2), 1, (0, 0), 200, (1, 1), 1, (2, 1), 1])] * 2, strict=True
    ):
        at = position if kind is sp.csr_array else position[::-1]
        dense[at] = min(data, 2) if dtype is bool else data
    # scipy itself wraps around in int8 and saturates in bool; here entries add up as numbers
    one, other = (sx.solve(X, Y[:3], alpha=0.01, tol=1e-14) for X in (S, dense))
    # two columns are one another's multiples: the margins are unique, the weights are not
    np.testing.assert_allclose(dense @ one.coef, dense @ other.coef, rtol=0, atol=1e-6)
    assert one.n_active


@pytest.mark.parametrize("kind", [sp.csr_array, sp.csc_array])
def test_spare_room_behind_the_entries_is_ignored(kind):
    S = malformed(kind, data=[1.0, 2.0, 3.0, 5.0, np.nan], indices=[0, 2, 1, 0, 99])
    expected = sx.solve(malformed(kind).toarray(), Y[:3], alpha=0.01)
    np.testing.assert_allclose(sx.solve(S, Y[:3], alpha=0.01).coef, expected.coef, atol=1e-12)


# --- the border ---


def test_border_takes_exact_types_only():
    S = sp.csc_array(X)
    arrays = {"values": S.data, "indices": S.indices, "indptr": S.indptr}
    for name, dtype in [
        ("values", np.int64),
        ("indices", np.int16),
        ("indptr", np.uint32),
        ("indices", ">i4"),
    ]:
        with pytest.raises(TypeError, match=f"{name} must be .* got"):
            _solvers.Design.from_sparse(
                *{**arrays, name: arrays[name].astype(dtype)}.values(), 4, 3, "columns"
            )
    with pytest.raises(TypeError, match="float32 or float64, got int64"):
        _solvers.Design.from_dense(X.astype(int), "rows")
    with pytest.raises(ValueError, match="'rows' or 'columns', got 'row'"):
        _solvers.Design.from_dense(X, "row")
    with pytest.raises(ValueError, match="contiguous along each slice"):
        _solvers.Design.from_dense(X, "columns")


def test_border_refuses_unaligned_arrays():
    def unaligned(array):
        raw = np.empty(array.nbytes + 1, dtype=np.uint8)
        raw[1:] = array.view(np.uint8).ravel()
        return raw[1:].view(array.dtype).reshape(array.shape)

    S = sp.csc_array(X)
    with pytest.raises(ValueError, match="values must be aligned"):
        _solvers.Design.from_dense(unaligned(X), "rows")
    for k, name in enumerate(["values", "indices", "indptr"]):
        parts = [S.data, S.indices, S.indptr]
        parts[k] = unaligned(parts[k])
        with pytest.raises(ValueError, match=f"{name} must be aligned"):
            _solvers.Design.from_sparse(*parts, 4, 3, "columns")


def test_border_checks_what_a_problem_needs():
    columns = _solvers.Design.from_dense(np.asfortranarray(X), "columns")

    def problem(design=columns, loss="squared", y=Y, weight=None, factor=None, **options):
        return _solvers.Problem(
            design, loss, y, weight, 0.1, 0.0, factor, False, True, 1, **options
        )

    with pytest.raises(ValueError, match="X must be sliced by columns"):
        problem(_solvers.Design.from_dense(X, "rows"))
    with pytest.raises(ValueError, match="X must be finite"):
        problem(_solvers.Design.from_dense(np.full((4, 3), np.inf, order="F"), "columns"))
    with pytest.raises(ValueError, match="sorted and distinct"):
        problem(
            _solvers.Design.from_sparse(
                None, np.array([1, 0]), np.array([0, 2, 2, 2]), 4, 3, "columns"
            )
        )
    with pytest.raises(ValueError, match=r"loss must be 'squared', .* or 'poisson', got 'hinge'"):
        problem(loss="hinge")
    for delta in (0.0, -1.0, np.nan):
        with pytest.raises(ValueError, match="delta must be positive"):
            problem(loss="huber", delta=delta)
    for name, options in {
        "y": {"y": Y[:3]},
        "sample_weight": {"weight": Y[:3]},
        "penalty_factor": {"factor": Y},
        "offset": {"offset": Y[:3]},
        "column_scale": {"column_scale": Y},
    }.items():
        with pytest.raises(ValueError, match=f"{name} must be one-dimensional of length"):
            problem(**options)
    with pytest.raises(TypeError):
        problem(y=Y.astype(np.float32))
    with pytest.raises(ValueError, match="coef_init must be one-dimensional of length 3"):
        problem().solve(0.1, 10, np.zeros(4))
    with pytest.raises(ValueError, match="coef must be one-dimensional of length 3"):
        problem().certify(np.zeros(2), 0.0)
    for method in (columns.product, columns.transposed_product):
        with pytest.raises(ValueError, match="must be one-dimensional of length"):
            method(np.zeros(9))
    with pytest.raises(ValueError, match="at least one row"):
        problem(_solvers.Design.from_dense(np.empty((0, 2), order="F"), "columns"), y=np.empty(0))


@pytest.mark.parametrize("size", [-1, -(2**63), 2**60, 2**62, 2**63 - 1])
@pytest.mark.parametrize("axis", ["rows", "columns"])
def test_border_refuses_shapes_beyond_counting(axis, size):
    none, offsets = np.empty(0, np.int32), np.zeros(1, np.int64)
    for shape in ((size, 0), (0, size), (size, size)):
        with pytest.raises(ValueError, match=r"must (lie between 0 and|have length)"):
            _solvers.Design.from_sparse(None, none, offsets, *shape, axis)


@pytest.mark.skipif(_solvers.assertions_alive, reason="sanitizers end a process out of memory")
def test_a_shape_beyond_memory_is_a_memory_error():
    none, offsets = np.empty(0, np.int32), np.zeros(1, np.int64)
    design = _solvers.Design.from_sparse(None, none, offsets, 0, 2**58, "rows")
    assert design.shape == (0, 2**58)
    with pytest.raises(MemoryError):
        design.transposed()


INTEGERS = st.one_of(
    st.integers(-3, 12), st.sampled_from([2**31 - 1, -(2**31), 2**63 - 1, -(2**63), 2**40, 2**62])
)
SIZES = st.one_of(st.integers(-2, 8), st.sampled_from([2**31, 2**40, 2**62, 2**63 - 1]))
NUMBERS = st.one_of(
    st.floats(-3, 3), st.sampled_from([np.nan, np.inf, -np.inf, 1e300, 5e-324, 1e200])
)


@st.composite
def arrays(draw, elements, dtypes, max_size=12):
    dtype = np.dtype(draw(st.sampled_from(dtypes)))
    values = draw(st.lists(elements, max_size=max_size))
    if dtype.kind == "i":
        bounds = np.iinfo(dtype)
        values = [v for v in values if bounds.min <= v <= bounds.max]
    with np.errstate(over="ignore"):
        array = np.array(values, dtype=dtype)
    how = draw(st.sampled_from(["plain", "plain", "plain", "backwards", "apart", "matrix"]))
    if how == "backwards":
        return array[::-1]
    if how == "apart":
        return np.repeat(array, 2)[::2]
    return array[None] if how == "matrix" else array


def use(design):
    """Everything a Design offers, on which a wrong index would leave the arrays."""
    n, p = design.shape
    assert n >= 0
    assert p >= 0
    if max(n, p) > 10**6:
        return
    design.product(np.ones(p), 1)
    if design.sliced_by == "columns":
        design.transposed_product(np.ones(n), 2)
    if len(design.arrays) > 1:
        turned = design.transposed(2)
        assert turned.shape == design.shape
        assert turned.n_stored == design.n_stored


@given(data=st.data())
def test_no_malformed_sparse_arrays_get_in(data):
    values = data.draw(st.none() | arrays(NUMBERS, [np.float32, np.float64]), "values")
    indices = data.draw(arrays(INTEGERS, [np.int32, np.int64]), "indices")
    offsets = st.one_of(
        arrays(INTEGERS, [np.int32, np.int64]), arrays(st.integers(0, 3), [np.int32]).map(np.sort)
    )
    indptr = data.draw(offsets, "indptr")
    axis = data.draw(st.sampled_from(["rows", "columns"]))
    n = data.draw(st.just(len(indptr) - 1) | SIZES, "n")
    length = data.draw(SIZES, "length")
    shape = (n, length) if axis == "rows" else (length, n)
    try:
        design = _solvers.Design.from_sparse(values, indices, indptr, *shape, axis, 2)
    except (ValueError, TypeError):
        return
    assert indptr[0] == 0
    assert (np.diff(indptr) >= 0).all()
    inside = indices[: indptr[-1]]
    assert len(inside) == indptr[-1]
    assert ((inside >= 0) & (inside < length)).all()
    use(design)


@given(data=st.data())
def test_well_formed_arrays_give_what_scipy_gives(data):
    n, length = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 6))
    counts = data.draw(st.lists(st.integers(0, 4), min_size=n, max_size=n))
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    positions = st.integers(0, length - 1)
    indices = np.array(
        data.draw(st.lists(positions, min_size=sum(counts), max_size=sum(counts))), np.int32
    )
    values = np.arange(1.0, len(indices) + 1)
    S = sp.csr_array((values, indices, indptr), shape=(n, length))
    design = _solvers.Design.from_sparse(values, indices, indptr, n, length, "rows", 2)
    copy = S.copy()
    assert design.structure.canonical == copy.has_canonical_format
    w = np.arange(length) + 1.0
    np.testing.assert_allclose(design.product(w), S @ w, rtol=1e-15)
    np.testing.assert_allclose(design.transposed(2).product(w), S @ w, rtol=1e-15)
    use(design)


@given(data=st.data())
def test_any_dense_arrays_are_used_or_refused(data):
    n, p = data.draw(st.integers(0, 5)), data.draw(st.integers(0, 5))
    dtype = data.draw(
        st.sampled_from([np.float32, np.float64, np.int32, bool, object, ">f8", np.float16])
    )
    array = np.arange(float(n * p)).astype(dtype).reshape(n, p)
    how = data.draw(st.sampled_from(["C", "F", "rows", "columns", "back", "spread", "1d", "3d"]))
    array = {
        "C": lambda a: a,
        "F": np.asfortranarray,
        "rows": lambda a: np.repeat(a, 2, 0)[::2],
        "columns": lambda a: np.repeat(a, 2, 1)[:, ::2],
        "back": lambda a: a[::-1, ::-1],
        "spread": lambda a: np.broadcast_to(a[:1], a.shape),
        "1d": np.ravel,
        "3d": lambda a: a[None],
    }[how](array)
    try:
        design = _solvers.Design.from_dense(
            array, data.draw(st.sampled_from(["rows", "columns"])), 2
        )
    except (ValueError, TypeError):
        return
    assert array.dtype in (np.float32, np.float64)
    np.testing.assert_array_equal(
        design.product(np.ones(array.shape[1])), array.sum(axis=1, dtype=np.float64)
    )
    use(design)


@given(data=st.data())
def test_no_numbers_crash_the_solver(data):
    # Beyond what the Python layer lets through: the border promises no more than not to crash.
    n, p = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 4))

    def vector(size):
        return np.array(data.draw(st.lists(NUMBERS, min_size=size, max_size=size)))

    loss = data.draw(st.sampled_from(["squared", "logistic", "huber", "absolute", "poisson"]))
    matrix = np.array([vector(p) for _ in range(n)], order="F")
    try:
        design = _solvers.Design.from_dense(matrix, "columns", 1)
        problem = _solvers.Problem(
            design,
            loss,
            np.sign(vector(n)) if loss == "logistic" else vector(n),
            vector(n) if data.draw(st.booleans()) else None,
            abs(data.draw(NUMBERS)),
            abs(data.draw(NUMBERS)),
            vector(p) if data.draw(st.booleans()) else None,
            data.draw(st.booleans()),
            data.draw(st.booleans()),
            1,
            vector(n) if data.draw(st.booleans()) else None,
            abs(vector(p)) if data.draw(st.booleans()) else None,
            abs(data.draw(NUMBERS)),
        )
        problem.certify(vector(p), data.draw(NUMBERS))
        problem.largest_strength()
        found = problem.solve(1e-6, 50, vector(p) if data.draw(st.booleans()) else None, 0.5)
    except ValueError:
        return
    assert found.coef.shape == (p,)
    assert not (found.status is sx.Status.converged and np.isnan(found.gap))


# --- memory ---


def test_out_of_memory_is_an_error_and_leaves_the_model():
    script = """
    import resource
    import numpy as np, scipy.sparse as sp
    import sparsecross as sx

    rng = np.random.default_rng(0)
    n = 1_000_000
    X = sp.csr_array((np.ones(n), np.zeros(n, np.int32), np.arange(n + 1)), shape=(n, 1))
    y = rng.standard_normal(n)
    model = sx.Lasso(0.01, n_threads=1).fit(X[:1000], y[:1000])
    before = {name: np.copy(value) for name, value in vars(model).items() if name.endswith("_")}
    del before["history_"]
    in_use = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    for room in (2**20, 2**22, 2**23, 2**24):
        resource.setrlimit(resource.RLIMIT_AS, (in_use + room, resource.RLIM_INFINITY))
        try:
            model.fit(X, y)
        except MemoryError:
            pass
        else:
            raise SystemExit(f"{room} bytes were enough")
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
        after = vars(model)
        assert all(np.array_equal(before[name], after[name]) for name in before)
    model.fit(X, y)
    assert model.status_ is sx.Status.converged
    print("unharmed")
    """
    found = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=120
    )
    assert found.stdout.strip() == "unharmed", found.stderr


@every_task
def test_a_failed_fit_leaves_the_model_as_it_was(task):
    from sklearn.base import clone

    model, y = MODELS[task]
    model = clone(model).fit(X, y)
    before = dict(vars(model))

    def unchanged(before):
        after = vars(model)
        return before.keys() == after.keys() and all(before[k] is after[k] for k in before)

    wide = np.hstack([X, X])
    wide[0, 5] = np.nan
    for bad in (wide, malformed(sp.csr_array, indices=[0, 9, 1, 0])):
        with pytest.raises(ValueError):
            model.fit(bad, y[: bad.shape[0]])
        assert unchanged(before)
    with pytest.raises(ValueError):
        model.fit(np.hstack([X, X]), np.full(4, np.nan))
    assert unchanged(before)
    model.predict(X)
