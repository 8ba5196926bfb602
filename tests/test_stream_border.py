"""The compiled border of streams: whatever arrays come in, an error or an answer, never a crash."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparsecross._stream import StreamModel

SPEC = {
    "update": 0,
    "learning_rate": 0.1,
    "beta": 1.0,
    "l1": 0.1,
    "l2": 0.1,
    "loss": 0,
    "delta": 1.0,
    "fit_intercept": True,
    "window": 0,
    "n_states": 1,
    "n_learners": 1,
    "n_bits": 10,
    "admission_count": 1,
    "admission_probability": 1.0,
}
MATRIX = SPEC | {"n_columns": 5, "order": 2, "field": [], "combinations": []}
TABLE = SPEC | {"terms": [[0], [1], [0, 1]]}


def arrays_of(integers, dtypes):
    return st.builds(
        lambda values, dtype: np.array(values, dtype), st.lists(integers, max_size=6), dtypes
    )


SMALL = st.integers(-2, 7)
INDICES = arrays_of(SMALL, st.sampled_from([np.int32, np.int64, np.float64, np.int8]))
VALUES = arrays_of(
    st.sampled_from([0.0, 1.0, -2.0, np.nan, np.inf, 1e30]),
    st.sampled_from([np.float32, np.float64]),
)


@given(
    values=st.one_of(st.none(), VALUES),
    indices=INDICES,
    indptr=INDICES,
    n_rows=st.integers(-1, 5),
    n_cols=st.sampled_from([-1, 0, 4, 5, 6, 2**62]),
    n_y=st.integers(0, 5),
    n_bits=st.sampled_from([0, 3, 10]),
    weighted=st.booleans(),
)
def test_malformed_rows_of_a_matrix(values, indices, indptr, n_rows, n_cols, n_y, n_bits, weighted):
    model = StreamModel(MATRIX | {"n_bits": n_bits})
    y = np.ones(n_y)
    for arrays in ((values, indices, indptr), (indices,), (values, indices), ()):
        try:
            learnt = model.learn(arrays, n_rows, n_cols, y, y if weighted else None)
        except (ValueError, TypeError, OverflowError):
            assert model.n_rows <= max(n_rows, 0)
            continue
        assert learnt == n_rows == n_y
        assert n_cols == 5
        assert model.margins(arrays, n_rows, n_cols).shape == (n_rows, 1)
        model = StreamModel(MATRIX | {"n_bits": n_bits})


@given(
    hashes=st.lists(arrays_of(st.integers(0, 2**64 - 1), st.sampled_from([np.uint64])), max_size=3),
    codes=st.lists(
        st.tuples(
            arrays_of(SMALL, st.sampled_from([np.int32])),
            st.one_of(st.none(), arrays_of(SMALL, st.sampled_from([np.int64]))),
        ),
        max_size=3,
    ),
    n_rows=st.integers(-1, 5),
)
def test_malformed_rows_of_a_table(hashes, codes, n_rows):
    model = StreamModel(TABLE)
    try:
        learnt = model.learn_table(hashes, codes, n_rows, np.ones(max(n_rows, 0)), None)
    except (ValueError, TypeError):
        assert model.n_rows == 0
        return
    assert learnt == n_rows
    assert model.margins_of_table(hashes, codes, n_rows).shape == (n_rows, 1)


@pytest.mark.parametrize(
    "change",
    [
        {"n_bits": 32},
        {"n_bits": -1},
        {"n_states": 0},
        {"n_columns": -1},
        {"n_columns": 2**40, "n_bits": 0},
        {"order": 4},
        {"order": 0},
        {"combinations": [(2, 1, -1)]},
        {"combinations": [(0, 1, 2)]},
        {"field": [0] * 6},
        {"admission_count": 300, "n_bits": 0},
        {"admission_probability": 0.0, "n_bits": 0},
        {"n_learners": 0},
        {"n_learners": 2, "n_bits": 0},
        {"terms": [[]], "n_bits": 5},
        {"terms": [[0] * 17], "n_bits": 5},
        {"terms": [[0]], "n_bits": 0},
    ],
)
def test_specs_that_make_no_sense(change):
    with pytest.raises(ValueError):
        StreamModel(MATRIX | change)


def test_terms_of_fields_that_are_not_there():
    model = StreamModel(SPEC | {"terms": [[0], [3]]})
    hashes, codes = [np.ones(1, np.uint64)], [(np.zeros(2, np.int32), None)]
    with pytest.raises(ValueError, match="fields that there are"):
        model.learn_table(hashes, codes, 2, np.ones(2), None)
    with pytest.raises(ValueError, match="fields that there are"):
        model.margins_of_hashes([3])
    with pytest.raises(ValueError, match="stream is one of tables"):
        model.learn_entries([0], None, 1, 1.0, 1.0)


@pytest.mark.parametrize("n_bits", [0, 10])
@pytest.mark.parametrize(
    "damage",
    [
        {"keys": np.zeros(3, np.uint64)},
        {"keys": np.full(1, 2**64 - 1, np.uint64), "slots": np.ones(2)},
        {"slots": np.ones(5)},
        {"icpt": np.ones(1)},
        {"icpt": np.array([np.nan, 1.0])},
        {"slots": np.array([1.0, -1.0]), "keys": np.zeros(1, np.uint64)},
        {"progress": np.ones(4)},
        {"progress": np.full(5, np.inf)},
        {"progress": np.array([-1.0, 0.0, 0.0, 0.0, 0.0])},
        {"counters": np.ones(7, np.uint8)},
        {"keys": np.zeros(1), "slots": np.ones(2)},
    ],
)
def test_states_that_are_none(n_bits, damage):
    spec = MATRIX | {"n_bits": n_bits}
    good = StreamModel(spec).state()
    with pytest.raises((ValueError, TypeError)):
        StreamModel(spec).restore(good | damage)


def test_two_threads_at_one_model():
    model = StreamModel(MATRIX)
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((2_000, 5)), rng.standard_normal(2_000)

    def learn():
        for _ in range(5):
            model.learn((X,), len(X), 5, y, None)
            model.margins((X,), len(X), 5)
            model.weights()
            model.learn_entries([1, 3], None, 5, 1.0, 1.0)

    threads = [threading.Thread(target=learn) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert model.n_rows == 4 * 5 * 2_001
    assert np.isfinite(model.weights()[1]).all()
