"""How weights are stored: in 64, 32 or 16 bits each, and what they take at least."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

from ._inputs import Floats

WeightType = Literal["float64", "float32", "float16", "q2.13"]

# The element types of stored weights; an int16 is a q2.13.
TYPES: dict[WeightType, npt.DTypeLike] = {
    "float64": np.float64,
    "float32": np.float32,
    "float16": np.float16,
    "q2.13": np.int16,
}
_POINT = 13  # bits behind the point of q2.13
_LARGEST = 2.0**15 - 1.0  # of an int16


def type_of(stored: npt.NDArray[np.generic]) -> WeightType:
    """The name of the type that weights are stored in."""
    for name, dtype in TYPES.items():
        if stored.dtype == dtype:
            return name
    raise TypeError(f"weights cannot be stored as {stored.dtype}")


def stored(weights: Floats, kind: WeightType) -> tuple[npt.NDArray[np.generic], int]:
    """Weights in the type that a file holds, and the exponent of q2.13 (else 0).

    float32 and float16 are rounded to the nearest: to within 2^-24 and 2^-11 of a weight, and of
    float16 to within 2^-25 below 2^-14. q2.13 are whole multiples of 2^(e - 13), where the exponent
    e is 0 unless weights reach 4; they are rounded up with a probability of what was cut off, so
    that a sum of many is right on average: each by less than 2^(e - 13). Chance has the same seed
    each time, so that equal models are stored alike.

    Raises
    ------
    ValueError
        If a weight is beyond what float16 (65,504) or float32 can hold.

    Notes
    -----
    Randomised rounding: McMahan et al. 2013, "Ad Click Prediction: a View from the Trenches",
    section 4.2.
    """
    if kind != "q2.13":
        with np.errstate(over="ignore"):
            found = weights.astype(TYPES[kind])
        if not np.isfinite(found).all():
            largest = weights[np.argmax(np.abs(weights))]
            raise ValueError(f"dtype={kind!r} cannot hold a weight of {largest:g}.")
        return found, 0
    largest, exponent = float(np.abs(weights).max(initial=0.0)), 0
    while np.ldexp(largest, _POINT - exponent) > _LARGEST:  # rounded up it must still fit
        exponent += 1
    chance = np.random.default_rng(0).random(len(weights))
    return np.floor(np.ldexp(weights, _POINT - exponent) + chance).astype(np.int16), exponent


def restored(stored: npt.NDArray[np.generic], exponent: int) -> Floats:
    """The weights as float64."""
    values = stored.astype(np.float64)
    return np.ldexp(values, exponent - _POINT) if stored.dtype == np.int16 else values


def finite(stored: npt.NDArray[np.generic], name: str) -> npt.NDArray[np.generic]:
    """The stored weights, or a ValueError where one is NaN or infinite."""
    # A sum is finite where all are; where it is not, it may have overflowed.
    doubtful = stored.dtype != np.int16 and not np.isfinite(np.sum(stored, dtype=np.float64))
    if doubtful and not np.isfinite(stored).all():
        raise ValueError(f"the weights in block {name!r} must be finite")
    return stored


def least_bytes(universe: int, n_weights: int, n_bits: int) -> float:
    """What n weights of so many bits take at least, and which of `universe` ids they belong to.

    The bytes of [log2 C(universe, n) + n n_bits] / 8: fewer cannot tell every choice of n ids from
    every other.
    """
    p, k = float(universe), float(n_weights)
    if p < 2.0**30:
        ways = gammaln(p + 1) - gammaln(p - k + 1)
    else:  # the difference of Stirling's series, without what cancels
        ways = k * np.log(p) - (p - k + 0.5) * np.log1p(-k / p) - k
    return float((ways - gammaln(k + 1)) / np.log(2) + k * n_bits) / 8
