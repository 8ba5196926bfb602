"""Fits to more rows than fit into memory: blocks of rows, and what solvers ask of them."""
