"""Certified L1-regularised linear models on sparse data with crossed features."""

__version__ = "0.1.0"
