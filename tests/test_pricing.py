"""One pricing finds what a look at all products would: nothing is skipped that matters."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

import crosses
import problems
from sparsecross import _solvers
from sparsecross._inputs import as_design


def space_of(X, order=2, *, squares=False):
    return _solvers.ProductSpace(as_design(sp.csc_array(X), "columns"), order, squares)


def ratios(X, theta, columns, factor, product_factor, *, positive):
    """|z| / ω of all columns and products, infinite factors giving 0."""
    z = np.concatenate([X.T @ theta, crosses.products(X, columns).T @ theta])
    size = np.maximum(z, 0.0) if positive else np.abs(z)
    omega = np.concatenate([factor, np.full(len(columns), product_factor)])
    return np.divide(size, omega, out=np.zeros_like(size), where=omega > 0)


@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 30),
    p=st.integers(1, 12),
    content=st.sampled_from(problems.CONTENTS),
    order=st.sampled_from([2, 3]),
    squares=st.booleans(),
    positive=st.booleans(),
    signed=st.booleans(),
    how_many=st.sampled_from([1, 3, 10_000]),
)
def test_no_violator_is_missed(seed, n, p, content, order, squares, positive, signed, how_many):
    rng = np.random.default_rng(seed)
    X = problems.matrix(rng, n, p, content)
    if not signed:
        X = np.abs(X)
    theta = rng.standard_normal(n) * rng.choice([0.0, 1.0], size=n)
    factor = rng.choice([0.5, 1.0, np.inf], size=p)
    columns = crosses.columns_of(X, order, squares=squares)
    expected = ratios(X, theta, columns, factor, 2.0, positive=positive)
    level = float(np.quantile(expected, rng.random())) * 1.000001
    numbering = _solvers.ProductKeys(p, order)
    largest, keys, found, n_visited = space_of(X, order, squares=squares).price(
        theta, factor, 2.0, positive, level, level, how_many, 1
    )
    beyond = expected > level * (1 + 1e-12)
    top = expected.max(initial=0.0)
    if how_many >= len(expected):
        assert largest == (pytest.approx(top, rel=1e-12) if beyond.any() else 0.0)
    elif beyond.any():
        assert largest <= top * (1 + 1e-12)
        assert largest == pytest.approx(top, rel=1e-12)
    every = [(j,) for j in range(p)] + columns
    told = [tuple(j for j in row if j >= 0) for row in numbering.columns(keys).tolist()]
    place = {c: k for k, c in enumerate(every)}
    wide = np.column_stack([X, crosses.products(X, columns)])
    for c, ratio in zip(told, found, strict=True):
        assert ratio == pytest.approx(expected[place[c]], rel=1e-9, abs=1e-12)
    assert (np.diff(found) <= 0).all()
    # Each violator is told, or has an equal column that is.
    if how_many >= len(expected):
        contents = {(wide[:, place[c]] + 0.0).tobytes() for c in told}
        for k in np.flatnonzero(beyond):
            assert (wide[:, k] + 0.0).tobytes() in contents
    elif beyond.any():
        assert len(told) >= 1
        assert found[0] == pytest.approx(top, rel=1e-12)
    assert n_visited <= len(columns)


def test_branches_are_skipped_where_their_bound_says_so():
    rng = np.random.default_rng(0)
    X = (rng.random((500, 200)) < rng.choice([0.01, 0.1], size=200)).astype(float)
    theta = rng.standard_normal(500)
    everything = space_of(X).price(theta, None, 1.0, False, 0.0, 0.0, 10**6, 1)
    top = everything[2][0]
    some = space_of(X).price(theta, None, 1.0, False, 0.8 * top, 0.8 * top, 10**6, 1)
    assert some[0] == everything[0]
    assert some[3] < 0.7 * everything[3]
    kept = everything[2] > 0.8 * top
    np.testing.assert_array_equal(some[1], everything[1][kept])


@pytest.mark.parametrize("n_threads", [2, 5])
def test_threads_find_the_same(n_threads):
    rng = np.random.default_rng(1)
    X = (rng.random((2000, 400)) < 0.05).astype(float)
    theta = rng.standard_normal(2000)
    for how_many in (5, 300):
        one, more = (
            space_of(X).price(theta, None, 1.0, False, 0.1, 0.1, how_many, k)
            for k in (1, n_threads)
        )
        assert one[0] == more[0]
        assert one[3] == more[3]
        np.testing.assert_array_equal(one[1], more[1])
        np.testing.assert_array_equal(one[2], more[2])


def common_and_rare(rng, n=17_000, n_common=12, n_rare=300):
    """A matrix of more columns than are ever priced by rows, most of them rare."""
    density = np.concatenate([rng.uniform(0.2, 0.6, n_common), rng.uniform(1e-4, 4e-3, n_rare)])
    return (rng.random((n, n_common + n_rare)) < rng.permutation(density)).astype(float)


@pytest.mark.parametrize("valued", [False, True])
def test_pairs_of_common_and_of_rare_columns_are_all_priced(valued):
    rng = np.random.default_rng(2)
    X = common_and_rare(rng)
    if valued:
        X *= rng.standard_normal(X.shape)
    theta = rng.standard_normal(len(X))
    p = X.shape[1]
    j, k = np.triu_indices(p, 1)
    met = (abs(X).T @ abs(X) > 0)[j, k]
    expected = np.concatenate([np.abs(X.T @ theta), np.abs((X.T * theta) @ X)[j, k]])
    space = space_of(X)
    _, keys, found, n_visited = space.price(theta, None, 1.0, False, -1.0, -1.0, 10**6, 1)
    first, second, _ = _solvers.ProductKeys(p, 2).columns(keys).T
    told = np.zeros((p, p))
    told[first, np.where(second < 0, first, second)] = found
    told = np.concatenate([np.diag(told), told[j, k]])
    np.testing.assert_allclose(told[told > 0], expected[told > 0], rtol=1e-9)
    # What is not told has an equal column that is.
    missing = expected[(told == 0) & (expected > 0)]
    after = np.searchsorted(found[::-1], missing * (1 - 1e-9))
    np.testing.assert_allclose(found[::-1][after], missing, rtol=1e-9)
    assert not valued or len(missing) == 0
    assert n_visited >= met.sum()
    for n_threads in (1, 2, 5):
        assert space.count_cooccurring(n_threads) == met.sum()
        again = space.price(theta, None, 1.0, False, -1.0, -1.0, 10**6, n_threads)
        np.testing.assert_array_equal(again[1], keys)
        np.testing.assert_array_equal(again[2], found)


def test_equal_pairs_are_known_whether_rows_or_an_owner_priced_them():
    rng = np.random.default_rng(3)
    X = common_and_rare(rng)
    common = np.argsort(X.sum(axis=0))[-3:]
    rare = np.argmin(X.sum(axis=0))
    a, b, c = common
    X[:, a] = X[:, b] = 0.0
    X[:9000, a] = X[8900:, b] = 1.0  # they meet in 100 rows
    X[8900:9000, c] = 1.0
    X[:, rare] = 0.0
    X[8900:9000, rare] = 1.0
    theta = rng.standard_normal(len(X))
    _, keys, _, _ = space_of(X).price(theta, None, 1.0, False, 0.0, 0.0, 10**6, 1)
    columns = _solvers.ProductKeys(X.shape[1], 2).columns(keys)
    assert [rare, -1, -1] in columns.tolist()  # for itself, its pairs with a, b and c, and a with b
    for pair in ((a, b), (a, rare), (b, rare), (c, rare)):
        assert [*sorted(pair), -1] not in columns.tolist()


@pytest.mark.parametrize("order", [2, 3])
def test_keys_tell_products_apart_up_to_the_last(order):
    p = 2**31 if order == 2 else 2_097_151
    numbering = _solvers.ProductKeys(p, order)
    last = p - 1
    rows = [[0, -1, -1], [last, -1, -1], [0, 0, -1], [0, last, -1], [last - 1, last, -1]]
    rows += [[last, last, -1]]
    if order == 3:
        rows += [[0, 1, 2], [0, 1, last], [last - 2, last - 1, last]]
    columns = np.array(rows, dtype=np.int64)
    keys = numbering.keys(columns)
    assert (np.diff(keys.astype(object)) > 0).all()
    assert int(keys[-1]) < numbering.universe < 2**63
    np.testing.assert_array_equal(numbering.columns(keys), columns)


def test_more_columns_than_keys_can_tell_apart_are_refused():
    with pytest.raises(ValueError, match="at most 2097151 columns"):
        _solvers.ProductKeys(2_097_152, 3)
    with pytest.raises(ValueError, match="at most 3037000498 columns"):
        _solvers.ProductKeys(3_037_000_499, 2)


@pytest.mark.parametrize(
    "columns", [[[1, 0, -1]], [[0, 5, -1]], [[0, -1, 1]], [[0, 1, 1]], [[-2, 1, -1]]]
)
def test_columns_that_name_no_product_are_refused(columns):
    numbering = _solvers.ProductKeys(5, 3)
    given_columns = np.array(columns, dtype=np.int64)
    try:
        keys = numbering.keys(given_columns)
    except ValueError:
        return
    # What is taken must be what it says: a first -1 ends the product.
    assert (numbering.columns(keys)[:, 0] == given_columns[:, 0]).all()


def test_malformed_arrays_are_refused():
    X = as_design(sp.csc_array(np.eye(3)), "columns")
    space = _solvers.ProductSpace(X, 2, False)
    with pytest.raises(ValueError, match="theta"):
        space.price(np.zeros(2), None, 1.0, False, 0.0, 0.0, 1, 1)
    with pytest.raises(ValueError, match="factor"):
        space.price(np.zeros(3), np.ones(2), 1.0, False, 0.0, 0.0, 1, 1)
    with pytest.raises(ValueError, match="field"):
        _solvers.ProductSpace(X, 2, False, np.zeros(2, np.int32), np.array([[0, 0, -1]], np.int32))
    with pytest.raises(ValueError, match="combination"):
        _solvers.ProductSpace(X, 2, False, np.zeros(3, np.int32), np.array([[1, 0, -1]], np.int32))
    with pytest.raises(ValueError, match="sliced by columns"):
        _solvers.ProductSpace(as_design(np.eye(3), "rows"), 2, False)
    with pytest.raises(ValueError, match="must lie below"):
        _solvers.ProductKeys(3, 2).columns(np.array([12], np.uint64))
    terms = _solvers.ProductTerms(np.array([[0, 5, -1]]), np.ones(1))
    with pytest.raises(ValueError, match="more than 5 columns"):
        terms.margins(X, 1)


@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 20),
    p=st.integers(2, 10),
    content=st.sampled_from(problems.CONTENTS),
)
def test_margins_are_those_of_the_products_built(seed, n, p, content):
    rng = np.random.default_rng(seed)
    X = problems.matrix(rng, n, p, content)
    every = crosses.columns_of(X, 3, squares=True)
    kept = [c for c in every if rng.random() < 0.4]
    v = rng.standard_normal(len(kept))
    padded = np.array([(*c, -1, -1)[:3] for c in kept], np.int64).reshape(-1, 3)
    terms = _solvers.ProductTerms(padded, v)
    by_rows = terms.margins(as_design(sp.csr_array(X)), 1)
    np.testing.assert_allclose(by_rows, crosses.products(X, kept) @ v, atol=1e-9)
    for layout in (sp.csc_array, np.asfortranarray, np.ascontiguousarray):
        np.testing.assert_array_equal(terms.margins(as_design(layout(X)), 2), by_rows)
