# distutils: language = c++
# cython: language_level=3, boundscheck=False, wraparound=False
"""The stream border: Python's rows, one at a time or many, in; answers at low latency."""

from itertools import repeat
from operator import index

import numpy as np

from .locks import Lock

from cpython.exc cimport PyErr_Occurred
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t, uintptr_t
from libc.string cimport memcpy
from libcpp.vector cimport vector

# One module, so that what converts rows is inlined into both classes.
include "_streamrows.pxi"
include "_rowscorer.pxi"
include "_streammodel.pxi"
