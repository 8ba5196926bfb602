"""The proximal operator of the sparse-group penalty on whole arrays, and arrays that do not fit."""

import numpy as np
import pytest

from sparsecross import _solvers


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1, 5, 70), (1, 9, 1), (37, 4, 9), (90, 2100, 1), (2, 3, 2)])
@pytest.mark.parametrize(("l1", "l2"), [(0.3, 0.0), (0.0, 1.5), (0.3, 1.5), (0.0, 0.0)])
def test_every_group_is_at_the_minimum(dtype, shape, l1, l2):
    """The subgradient of ½ ‖v - w‖² + l1 ‖v‖₁ + l2 ‖v‖₂ holds 0, which proves the minimum."""
    w = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    v = w.copy()
    _solvers.shrink_groups(v, l1, l2, 2)
    near = 1e-5 if dtype == np.float32 else 1e-12
    groups = zip(
        w.transpose(1, 0, 2).reshape(shape[1], -1).astype(float),
        v.transpose(1, 0, 2).reshape(shape[1], -1).astype(float),
        strict=True,
    )
    for before, after in groups:
        if not after.any():
            rest = np.maximum(np.abs(before) - l1, 0)
            assert np.linalg.norm(rest) <= l2 + near
            continue
        on = after != 0
        pull = before - after - l2 * after / np.linalg.norm(after)
        np.testing.assert_allclose(pull[on], l1 * np.sign(after[on]), atol=near)
        assert (np.abs(pull[~on]) <= l1 + near).all()


@pytest.mark.parametrize("shape", [(1, 2000, 33), (2000, 33, 1), (70, 90, 9)])
def test_threads_change_no_bit(shape):
    w = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    one, two = w.copy(), w.copy()
    _solvers.shrink_groups(one, 0.1, 5.0, 1)
    _solvers.shrink_groups(two, 0.1, 5.0, 2)
    assert (one != w).any()
    np.testing.assert_array_equal(one, two)


def test_nan_stays_in_its_group():
    w = np.random.default_rng(0).standard_normal((1, 3, 50))
    w[0, 1, 7] = np.nan
    _solvers.shrink_groups(w, 0.1, 0.5, 1)
    assert np.isnan(w[0, 1, 7])
    assert np.isfinite(w[0, [0, 2]]).all()


def test_arrays_that_do_not_fit_are_refused():
    good = np.ones((2, 3, 4))
    for bad in (good[..., ::2], good.astype(np.float16), np.asfortranarray(good), good.tolist()):
        with pytest.raises(TypeError):
            _solvers.shrink_groups(bad, 0.1, 0.1)
    with pytest.raises(ValueError, match="values must have three dimensions"):
        _solvers.shrink_groups(good[0], 0.1, 0.1)
    for bad in (-1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="l2 must be finite and not negative"):
            _solvers.shrink_groups(good, 0.1, bad)
    with pytest.raises(ValueError, match="l1 must be finite"):
        _solvers.shrink_groups(good.astype(np.float32), 1e39, 0.1)
    good.flags.writeable = False
    with pytest.raises(ValueError, match="values must be writeable"):
        _solvers.shrink_groups(good, 0.1, 0.1)
    unaligned = np.frombuffer(bytearray(8 * 24 + 1), np.float64, 24, offset=1).reshape(2, 3, 4)
    with pytest.raises(ValueError, match="values must be aligned"):
        _solvers.shrink_groups(unaligned, 0.1, 0.1)
    _solvers.shrink_groups(np.ones((0, 3, 4)), 0.1, 0.1)
