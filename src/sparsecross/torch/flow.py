"""A module as a graph: which channels every layer passes on, and who reads them."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Iterator
from typing import Any

import torch
from torch import fx, nn

from . import operations as ops
from .channels import Channels, Value
from .inplace import is_in_place, makes_new_memory
from .layers import Channelwise, Mixer


class Flow(fx.Interpreter):
    """Visits each node of a traced module once, with what is known of channels for tensors.

    Parameters
    ----------
    graph : fx.GraphModule
        The module, traced in evaluation mode.

    Attributes
    ----------
    mixers : list of (Mixer, Value)
        Layers whose outputs read all inputs, and what they put out.
    channelwise : list of Channelwise
        Layers with parameters for each channel.
    kept : list of str
        What stays as it is, and why.
    """

    def __init__(self, graph: Any) -> None:
        super().__init__(graph)
        self.mixers: list[tuple[Mixer, Value]] = []
        self.channelwise: list[Channelwise] = []
        self.kept: list[str] = []
        self.extra_traceback = False
        self._single = _used_once(graph)
        self._node: Any = None

    def run_node(self, n: Any) -> Any:
        """Return what is known of a node's output: a Value, or None."""
        self._node = n
        read = [self.env[node] for node in n.all_input_nodes]
        if n.op == "output":
            for value in _values(read):
                value.channels.need()
            return None
        if n.op in ("placeholder", "get_attr"):
            return None
        if is_in_place(n, self.submodules):
            self._check_sole_reader()
        if not any(_values(read)):
            return self._layer(None) if n.op == "call_module" else None
        return self._followed(read)

    def _check_sole_reader(self) -> None:
        node = self._node
        while node.all_input_nodes and not (
            node is not self._node and makes_new_memory(node, self.submodules)
        ):
            changed = node.all_input_nodes[0]
            if len(changed.users) > 1 and self.env.get(changed) is not None:
                raise ValueError(
                    f"module cannot be pruned: {self._node.name!r} changes in place what other "
                    "layers read; let it make a new tensor."
                )
            node = changed

    def _followed(self, read: list[Any]) -> Any:
        n = self._node
        if _is_shape(n):
            return None if _is_row_count(n) else self._keep(read, "counts channels")
        if n.op == "call_module":
            return self._layer(read[0]) if isinstance(read[0], Value) else self._keep(read)
        found = self._arithmetic(read)
        if found is None and isinstance(read[0], Value):
            found = self._function(read[0])
        return self._keep(read) if found is None else found

    def _keep(
        self, read: list[Any], why: str = "does not treat channels one by one"
    ) -> Value | None:
        """Keep a node as it is, and all that it reads."""
        n, held = self._node, False
        name = getattr(n.target, "__name__", str(n.target))
        if n.op == "call_module":
            layer = self.submodules[n.target]
            name = f"{n.target} ({type(layer).__name__})"
            held = any(True for _ in layer.parameters())
        told = f"{name} and all that it reads: it {why}"
        if (held or any(_values(read))) and told not in self.kept:
            self.kept.append(told)
        for value in _values(read):
            value.channels.need()
        return None

    # --- modules ---

    def _layer(self, value: Value | None) -> Value | None:
        name, layer = self._node.target, self.submodules[self._node.target]
        read, kind = [value], type(layer)
        if any(True for _ in layer.parameters()) and name not in self._single:
            return self._keep(read, "is used several times or shares its weights")
        if layer._forward_pre_hooks or layer._forward_hooks:
            return self._keep(read, "has hooks")
        if kind is nn.Linear:
            return self._linear(layer, value)
        if kind in ops.CONVOLUTIONS:
            return self._convolution(layer, value, ops.CONVOLUTIONS[kind])
        if value is None:
            return self._keep(read, "reads what is kept")
        if kind in ops.NORMS:
            maps = value.layout == "maps" and value.n_spatial == ops.NORMS[kind]
            features = value.layout == "features" and kind is nn.BatchNorm1d
            if not (maps or features) or layer.num_features != value.channels.n:
                return self._keep(read, "normalises other channels")
            return self._by_channel(layer, value)
        if kind is nn.PReLU:
            if layer.num_parameters not in (1, value.channels.n) or value.layout == "flat":
                return self._keep(read, "has slopes of other channels")
            if layer.num_parameters > 1:
                return self._by_channel(layer, value)
            return value.like(Channelwise(layer, value).constants())
        if kind in ops.ELEMENTWISE_MODULES:
            return _applied(value, layer, (value,), {})
        if kind in (*ops.EXACT_POOLS, *ops.AVERAGE_POOLS) and value.layout == "maps":
            exact = kind in ops.EXACT_POOLS or ops.average_is_exact(layer)
            return (
                value if exact else value.like(value.constant.where(value.constant == 0, torch.nan))
            )
        if kind is nn.Flatten and (layer.start_dim, layer.end_dim) == (1, -1):
            return _flattened(value)
        return self._keep(read)

    def _linear(self, layer: Any, value: Value | None) -> Value:
        if value is not None:
            places, rest = divmod(layer.in_features, value.channels.n)
            fits = value.layout == "flat" or (value.layout == "features" and places == 1)
            if rest or not fits:
                value = self._keep([value], "reads another axis than that of the channels")
        return self._mixed(Mixer(layer, value), "features", 0)

    def _convolution(self, layer: Any, value: Value | None, n_spatial: int) -> Value | None:
        fits = value is not None and value.layout == "maps" and value.n_spatial == n_spatial
        if layer.groups > 1:
            if fits and layer.groups == layer.in_channels == layer.out_channels:
                assert value is not None
                return self._by_channel(layer, value)
            return self._keep([value], "is a grouped convolution")
        if value is not None and not fits:
            value = self._keep([value], "reads another axis than that of the channels")
        return self._mixed(Mixer(layer, value), "maps", n_spatial)

    def _mixed(self, mixer: Mixer, layout: Any, n_spatial: int) -> Value:
        constant = mixer.constants()
        out = Value(Channels(len(constant)), layout, n_spatial, constant)
        self.mixers.append((mixer, out))
        return out

    def _by_channel(self, layer: Any, value: Value) -> Value:
        self.channelwise.append(Channelwise(layer, value))
        return value.like(self.channelwise[-1].constants())

    # --- functions and methods ---

    def _arithmetic(self, read: list[Any]) -> Value | None:
        """Sums, differences and products of channels that are the same, or with a number."""
        n = self._node
        quotient = n.target in ops.QUOTIENT_FUNCTIONS and len(read) == 1
        if not (_among(n, ops.ARITHMETIC_FUNCTIONS, ops.ARITHMETIC_METHODS) or quotient):
            return None
        if not all(isinstance(value, Value) for value in read):
            return None
        first = read[0]
        for other in read[1:]:
            same = (other.layout, other.n_spatial) == (first.layout, first.n_spatial)
            if not same or other.channels.n != first.channels.n:
                return None
        for other in read[1:]:
            first.channels.tie(other.channels)
        return _applied(first, n.target, *self._arguments())

    def _function(self, value: Value) -> Value | None:
        n = self._node
        if len(n.all_input_nodes) == 1:
            if _among(n, ops.ELEMENTWISE_FUNCTIONS, ops.ELEMENTWISE_METHODS):
                return _applied(value, n.target, *self._arguments())
            if n.target in ops.DROPOUTS:
                return value if n.kwargs.get("training") is False else value.varying()
            if value.layout == "maps" and n.target in ops.EXACT_POOL_FUNCTIONS:
                return value
            if value.layout == "maps" and n.target in ops.AVERAGE_POOL_FUNCTIONS:
                return value.varying()
            if _is_spatial_mean(n, value):
                keep = n.kwargs.get("keepdim", n.args[2] if len(n.args) > 2 else False)
                return value if keep else value.laid("features")
            if _among(n, {torch.flatten}, {"flatten"}) and _argument(n, 1, "start_dim") == 1:
                return _flattened(value) if _argument(n, 2, "end_dim") in (None, -1) else None
        if _among(n, {torch.reshape}, {"view", "reshape"}):
            shape = n.args[1] if len(n.args) == 2 else n.args[1:]
            if isinstance(shape, tuple | list) and len(shape) == 2 and shape[1] == -1:
                rows = isinstance(shape[0], fx.Node) and _is_row_count(shape[0])
                return _flattened(value) if rows else None
        return None

    def _arguments(self) -> tuple[Any, Any]:
        return self.fetch_args_kwargs_from_env(self._node)  # type: ignore[no-any-return]


def _values(read: list[Any]) -> Iterator[Value]:
    return (value for value in read if isinstance(value, Value))


def _among(node: Any, functions: set[Any], methods: set[str]) -> bool:
    if node.op == "call_method":
        return node.target in methods
    return node.op == "call_function" and node.target in functions


def _argument(node: Any, place: int, name: str) -> Any:
    return node.args[place] if len(node.args) > place else node.kwargs.get(name)


def _applied(value: Value, target: Any, args: Any, kwargs: Any) -> Value:
    """What an operation on elements makes of constants; none of what varies."""
    varies = torch.zeros_like(value.constant, dtype=torch.bool)
    for given in (*args, *kwargs.values()):
        if isinstance(given, Value):
            varies |= given.constant.isnan()
    args = [a.constant.clone() if isinstance(a, Value) else a for a in args]
    kwargs = {k: a.constant.clone() if isinstance(a, Value) else a for k, a in kwargs.items()}
    call = getattr(torch.Tensor, target) if isinstance(target, str) else target
    return value.like(call(*args, **kwargs).masked_fill(varies, torch.nan))


def _flattened(value: Value) -> Value:
    return value.laid("flat") if value.layout == "maps" else value


def _is_spatial_mean(node: Any, value: Value) -> bool:
    if value.layout != "maps" or not _among(node, {torch.mean}, {"mean"}):
        return False
    axes = _argument(node, 1, "dim")
    if isinstance(axes, int):
        axes = (axes,)
    if not isinstance(axes, tuple | list):
        return False
    rank = value.n_spatial + 2
    return sorted(axis % rank for axis in axes) == list(range(2, rank))


def _is_shape(node: Any) -> bool:
    """Whether a node asks for the shape of a value, or for a part of it."""
    if node.op == "call_method":
        return bool(node.target == "size")
    return node.op == "call_function" and node.target is getattr and node.args[1] == "shape"


def _is_row_count(node: Any) -> bool:
    """Whether the number of rows, which no layer changes, is all that comes of a shape."""
    if node.op == "call_method" and len(node.args) > 1:
        return bool(node.args[1] == 0)
    if node.target is operator.getitem:
        return bool(node.args[1] == 0) and _is_shape(node.args[0])
    return _is_shape(node) and all(_is_row_count(user) for user in node.users)


def _used_once(graph: Any) -> set[str]:
    """Layers that are called once and whose parameters nobody else reads."""
    calls = Counter(node.target for node in graph.graph.nodes if node.op == "call_module")
    read = [n.target.rpartition(".")[0] for n in graph.graph.nodes if n.op == "get_attr"]
    owners: dict[int, list[str]] = {}
    for name, layer in graph.named_modules(remove_duplicate=False):
        for parameter in layer.parameters(recurse=False):
            owners.setdefault(id(parameter), []).append(name)
    shared = {name for names in owners.values() if len(names) > 1 for name in names}
    return {name for name, n in calls.items() if n == 1} - shared - set(read)
