"""Every layout of one matrix is the same matrix: one routine says what that means."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

import problems
import sparsecross as sx
from sparsecross import _solvers
from sparsecross._inputs import as_design

AXES = ("rows", "columns")
SHAPES = [(7, 5), (5, 9), (1, 6), (6, 1), (1, 1), (130, 33)]


def ordered_products(X, w):
    """Margins as they are promised: terms added in increasing column to a sum that starts at 0."""
    margins = np.zeros(X.shape[0])
    for j in range(X.shape[1]):
        margins += X[:, j] * w[j]
    return margins


def check_design(design, X, rng):
    """What every Design of the dense matrix X must do; X is exact in whatever type is stored."""
    n, p = X.shape
    assert design.shape == (n, p)
    assert design.structure.canonical
    w = rng.standard_normal(p) * (rng.random(p) < 0.7)
    v = rng.standard_normal(n)
    margins = [design.product(w, threads) for threads in (1, 2)]
    np.testing.assert_array_equal(margins[0], ordered_products(X, w))
    np.testing.assert_array_equal(margins[1], margins[0])
    if design.sliced_by == "columns":
        sums = [design.transposed_product(v, threads) for threads in (1, 2)]
        np.testing.assert_array_equal(sums[1], sums[0])
        rounding = 1e-14 * (np.abs(X).T @ np.abs(v))
        assert (np.abs(sums[0] - X.T @ v) <= rounding).all()
    else:
        with pytest.raises(ValueError, match="sliced by columns"):
            design.transposed_product(v)


def check_layout(stored, X, rng):
    """The conformance routine: `stored` is X in some layout."""
    for sliced_by in (None, *AXES):
        for threads in (1, 2):
            design = as_design(stored, sliced_by, threads)
            assert sliced_by in (None, design.sliced_by)
            check_design(design, X, rng)
            if sp.issparse(stored):
                assert design.n_stored >= np.count_nonzero(X)
                turned = design.transposed(threads)
                assert turned.sliced_by != design.sliced_by
                check_design(turned, X, rng)
                back = turned.transposed(threads)
                for one, other in zip(back.arrays, design.arrays, strict=True):
                    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("layout", problems.LAYOUTS)
def test_conformance(layout, shape):
    rng = np.random.default_rng(1)
    X = problems.matrix(rng, *shape)
    check_layout(problems.LAYOUTS[layout](X), X, rng)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("layout", problems.ONES_LAYOUTS)
def test_conformance_of_ones(layout, shape):
    rng = np.random.default_rng(2)
    X = problems.matrix(rng, *shape, "valueless")
    stored = problems.ONES_LAYOUTS[layout](X)
    check_layout(stored, X, rng)
    if sp.issparse(stored) and stored.nnz:
        assert len(as_design(stored).arrays) == 2, "values are not kept where all are 1"


@pytest.mark.parametrize("content", problems.CONTENTS)
@pytest.mark.parametrize("values", [np.float32, np.float64, None])
@pytest.mark.parametrize(
    ("indices", "indptr"), [(np.int32, np.int32), (np.int64, np.int64), (np.int32, np.int64)]
)
@pytest.mark.parametrize("axis", AXES)
def test_border_types(content, values, indices, indptr, axis):
    # SciPy does not hold 64-bit offsets over 32-bit indices, the border does.
    rng = np.random.default_rng(3)
    X = problems.matrix(rng, 40, 11, "valueless" if values is None else content)
    S = (sp.csr_array if axis == "rows" else sp.csc_array)(X)
    arrays = (
        None if values is None else S.data.astype(values),
        S.indices.astype(indices),
        S.indptr.astype(indptr),
    )
    design = _solvers.Design.from_sparse(*arrays, *X.shape, axis)
    for one, other in zip(design.arrays, [a for a in arrays if a is not None], strict=True):
        assert one is other
    check_design(design, X, rng)
    check_design(design.transposed(), X, rng)


VIEWS = {
    "csr_matrix": "rows",
    "csc_matrix": "columns",
    "csr float32": "rows",
    "csc float32": "columns",
    "csc int64 indices": "columns",
    "csr read-only": "rows",
    "csc read-only": "columns",
    "csc explicit zeros": "columns",
    "dense C": "rows",
    "dense F": "columns",
    "dense C float32": "rows",
    "dense F float32": "columns",
    "dense rows apart": "rows",
    "dense columns apart": "columns",
    "dense rows backwards": "rows",
    "dense read-only": "rows",
}


NOT_IN_FILES = {"dense rows apart", "dense columns apart", "dense rows backwards"}


@pytest.mark.parametrize(
    ("layout", "mapped"),
    [(name, False) for name in VIEWS]
    + [(name, True) for name in VIEWS if name not in NOT_IN_FILES],
)
def test_no_copy_where_a_view_serves(layout, mapped, tmp_path):
    X = problems.matrix(np.random.default_rng(4), 12, 7)
    stored = problems.LAYOUTS[layout](X)
    if mapped:
        stored = problems.memory_mapped(stored, tmp_path)
    own = [stored.data, stored.indices, stored.indptr] if sp.issparse(stored) else [stored]
    design = as_design(stored, VIEWS[layout])
    assert len(design.arrays) == len(own)
    for seen, owned in zip(design.arrays, own, strict=True):
        assert np.shares_memory(seen, owned)
    check_design(design, X, np.random.default_rng(5))


def test_inputs_are_never_written_to():
    for name, layout in problems.LAYOUTS.items():
        X = problems.matrix(np.random.default_rng(6), 20, 6)
        stored = layout(X)
        sx.Lasso(alpha=0.01).fit(stored, X[:, 0] + np.arange(20.0))
        np.testing.assert_array_equal(stored.toarray() if sp.issparse(stored) else stored, X, name)
        if "unsorted" in name:
            assert not stored.has_canonical_format


@pytest.mark.parametrize("loss", ["squared", "logistic", "huber", "poisson"])
def test_fits_and_predictions_are_equal_on_every_layout(loss):
    rng = np.random.default_rng(7)
    X = problems.matrix(rng, 60, 20)
    y = problems.targets(rng, X, loss)
    estimator = {
        "squared": sx.Lasso(alpha=0.02),
        "logistic": sx.SparseLogisticRegression(),
        "huber": sx.HuberRegressor(),
        "poisson": sx.PoissonRegressor(),
    }[loss]
    reference = estimator.fit(sp.csc_array(X), y)
    scores = "decision_function" if loss == "logistic" else "predict"
    expected = getattr(reference, scores)(sp.csc_array(X))
    by_hand = ordered_products(X, np.ravel(reference.coef_)) + reference.intercept_
    by_hand = np.exp(by_hand) if loss == "poisson" else by_hand
    np.testing.assert_array_equal(expected, by_hand)
    solution = sx.solve(X, y, loss=loss, alpha=0.02, tol=1e-9)
    for layout in problems.LAYOUTS.values():
        stored = layout(X)
        # Bit for bit: a model may be fitted on one layout and serve another.
        np.testing.assert_array_equal(getattr(reference, scores)(stored), expected)
        other = sx.solve(stored, y, loss=loss, alpha=0.02, tol=1e-9)
        assert abs(other.primal - solution.primal) <= solution.gap + other.gap


@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 40),
    p=st.integers(1, 40),
    content=st.sampled_from(problems.CONTENTS),
    layout=st.sampled_from(sorted(problems.LAYOUTS)),
)
def test_conformance_of_random_shapes(seed, n, p, content, layout):
    rng = np.random.default_rng(seed)
    X = problems.matrix(rng, n, p, content)
    check_layout(problems.LAYOUTS[layout](X), X, rng)


def test_many_slices_need_many_chunks():
    # More slices than a chunk holds, on both axes, so that threads have something to share.
    rng = np.random.default_rng(8)
    X = sp.random_array((3000, 2600), density=0.002, format="csc", rng=rng)
    dense = X.toarray()
    for stored in (X, X.tocsr(), np.asfortranarray(dense)):
        check_layout(stored, dense, rng)
