# distutils: language = c++
# cython: language_level=3, boundscheck=False, wraparound=False, freethreading_compatible=True
"""The stream border: single Python rows in, answers at low latency."""
