"""Which nodes of a traced module change what they read, and which may share its memory."""

from __future__ import annotations

from typing import Any

from torch import nn

from . import operations as ops

_VIEWS = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)
_NEW_MODULES = (
    *(nn.Linear, nn.PReLU, *ops.CONVOLUTIONS, *ops.NORMS, *ops.EXACT_POOLS, *ops.AVERAGE_POOLS),
    *(kind for kind in ops.ELEMENTWISE_MODULES if kind not in _VIEWS),
)
_NEW_FUNCTIONS = (
    ops.ELEMENTWISE_FUNCTIONS
    | ops.ARITHMETIC_FUNCTIONS
    | ops.QUOTIENT_FUNCTIONS
    | ops.EXACT_POOL_FUNCTIONS
    | ops.AVERAGE_POOL_FUNCTIONS
)
_NEW_METHODS = (ops.ELEMENTWISE_METHODS | ops.ARITHMETIC_METHODS) - {"contiguous", "detach"}


def is_in_place(node: Any, layers: dict[str, nn.Module]) -> bool:
    """Whether a node changes the tensor that it reads first.

    Parameters
    ----------
    node : fx.Node
        Of the traced module.
    layers : dict of str to nn.Module
        Its layers by name.

    Returns
    -------
    bool
    """
    if node.op == "call_module":
        return bool(getattr(layers[node.target], "inplace", False))
    if node.op == "call_method" and node.target.endswith("_"):
        return True
    return node.target in ops.IN_PLACE or bool(node.kwargs.get("inplace"))


def makes_new_memory(node: Any, layers: dict[str, nn.Module]) -> bool:
    """Whether the output of a node is certain not to be the memory of what it reads.

    Parameters
    ----------
    node : fx.Node
        Of the traced module.
    layers : dict of str to nn.Module
        Its layers by name.

    Returns
    -------
    bool
    """
    if is_in_place(node, layers):
        return False
    if node.op == "call_module":
        return type(layers[node.target]) in _NEW_MODULES
    if node.op == "call_method":
        return node.target in _NEW_METHODS
    return node.target in _NEW_FUNCTIONS
