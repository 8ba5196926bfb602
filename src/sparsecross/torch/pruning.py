"""Module to smaller module: filters, neurons and channels that are 0 are gone, outputs the same."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import torch
from torch import fx, nn

from .flow import Flow
from .report import LayerBytes, ModuleReport


class PrunedModule(NamedTuple):
    """A smaller module, and what that saved.

    Attributes
    ----------
    module : torch.nn.Module
        Of the same class, with smaller layers.
    report : ModuleReport
        Bytes of every layer, before and after.

    Examples
    --------
    >>> import torch
    >>> from sparsecross.torch import prune_module
    >>> small, report = prune_module(torch.nn.Linear(4, 2))
    >>> small
    Linear(in_features=4, out_features=2, bias=True)
    """

    module: Any
    report: ModuleReport


def prune_module(module: Any, example_input: Any = None) -> PrunedModule:
    """Take out of a module the filters, neurons and channels that do nothing.

    An output of a layer is dropped where all its readers have weights of 0 for it, or where it is
    the same for every input (its own weights are 0, or those of the batch norm behind it), and its
    readers can take that constant into their biases. What only dropped outputs read goes with them.

    Parameters
    ----------
    module : torch.nn.Module
        Not changed. Inputs have rows first: (rows, channels, ...).
    example_input : torch.Tensor or tuple of them, optional
        Inputs of the module: both modules are evaluated on it and must agree.

    Returns
    -------
    PrunedModule
        A copy of the module, of the same class, and a report with text and HTML representations,
        whose `kept` says what could not be pruned and why.

    Raises
    ------
    TypeError
        If `module` is no torch.nn.Module.
    ValueError
        If torch.fx cannot trace the module (its forward branches on values, say), a layer changes
        in place what others read, or the two modules disagree on `example_input`.

    Notes
    -----
    In evaluation mode outputs are the same to rounding. Followed are linear layers,
    convolutions (grouped ones where they are depthwise), batch norm, activations, pooling, dropout,
    flattening, means over all spatial axes, and sums, differences and products of outputs, which
    keep a channel where any of them needs it. What any other operation reads is kept whole.

    A constant that is not 0 is kept where a convolution pads its input with zeros, since the
    borders would differ. Of each layer one output at least is left, and batch norm is not
    folded into the layer before it. Linear layers before a `BatchNorm1d` are taken to have inputs
    of two axes.

    In training mode the two differ: a weight of 0 may grow again in the original and is gone here,
    batch norm would turn a channel that is constant by its running statistics into another
    constant, and dropout draws other masks. An optimizer must be made anew, for the
    new parameters.

    Examples
    --------
    >>> import torch
    >>> from sparsecross.torch import prune_module
    >>> net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
    >>> with torch.no_grad():
    ...     _ = net[0].weight[2:].zero_()
    >>> prune_module(net).module[0]
    Linear(in_features=4, out_features=2, bias=True)
    """
    if not isinstance(module, nn.Module):
        raise TypeError(f"module must be a torch.nn.Module, got {module!r}.")
    small = copy.deepcopy(module)
    training = {layer: layer.training for layer in small.modules()}
    small.eval()
    flow = _followed(small)
    _spread_needs(flow)
    for mixer, outputs in flow.mixers:
        mixer.cut(outputs)
    for layer in flow.channelwise:
        layer.cut()
    if example_input is not None:
        _check_equal(module, small, example_input)
    for layer, mode in training.items():
        layer.training = mode
    return PrunedModule(small, _report(module, small, flow))


def _followed(module: Any) -> Flow:
    try:
        graph = fx.symbolic_trace(module)
    except Exception as error:  # whatever the code of the module raises on symbols
        raise ValueError(f"module cannot be traced by torch.fx: {error}") from error
    flow = Flow(graph)
    flow.run()
    return flow


def _spread_needs(flow: Flow) -> None:
    """From what leaves the module back to all that it is computed from, until nothing changes."""
    changed = True
    while changed:
        changed = False
        for mixer, outputs in reversed(flow.mixers):
            changed |= mixer.pull(outputs)
    for _, outputs in flow.mixers:
        if not outputs.channels.needed.any():
            first = torch.zeros(outputs.channels.n, dtype=torch.bool)
            first[:1] = True  # layers without outputs are an error to PyTorch
            outputs.channels.need(first)


def _check_equal(module: Any, small: Any, example_input: Any) -> None:
    inputs = example_input if isinstance(example_input, tuple) else (example_input,)
    before = copy.deepcopy(module).eval()
    with torch.no_grad():
        pairs = list(zip(_tensors(before(*inputs)), _tensors(small(*inputs)), strict=True))
    for expected, got in pairs:
        scale = expected.abs().max() if expected.numel() else 0.0
        rounding = torch.finfo(expected.dtype).eps ** 0.5
        if expected.shape != got.shape or not ((expected - got).abs() <= rounding * scale).all():
            raise ValueError("module cannot be pruned: outputs for example_input would change.")


def _tensors(outputs: Any) -> list[torch.Tensor]:
    if isinstance(outputs, dict):
        outputs = tuple(outputs.values())
    if isinstance(outputs, tuple | list):
        return [tensor for output in outputs for tensor in _tensors(output)]
    return [outputs] if isinstance(outputs, torch.Tensor) else []


def _report(module: Any, small: Any, flow: Flow) -> ModuleReport:
    seen: set[int] = set()
    layers = []
    for (name, before), after in zip(module.named_modules(), small.modules(), strict=True):
        dense = _bytes(before, seen)
        if dense:
            layers.append(LayerBytes(name, type(before).__name__, dense, _bytes(after, seen)))
    return ModuleReport(
        layers=tuple(layers),
        n_weights=sum(p.numel() for p in module.parameters()),
        n_pruned=sum(p.numel() for p in small.parameters()),
        n_nonzero=sum(int(p.count_nonzero()) for p in module.parameters()),
        kept=tuple(flow.kept),
    )


def _bytes(layer: Any, seen: set[int]) -> int:
    """Of parameters and buffers of the layer itself that have not been counted before."""
    held = [*layer.parameters(recurse=False), *layer.buffers(recurse=False)]
    new = [tensor for tensor in held if id(tensor) not in seen]
    seen.update(map(id, new))
    return sum(tensor.numel() * tensor.element_size() for tensor in new)
