"""Layers with weights: what they need of their inputs, what is constant, and how they are cut."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from .channels import Value


class Mixer:
    """A linear layer or a convolution: each output reads every input.

    Parameters
    ----------
    layer : nn.Linear or nn.Conv1d, nn.Conv2d, nn.Conv3d
        Not grouped.
    source : Value or None
        What it reads; None where that stays as it is.
    """

    def __init__(self, layer: Any, source: Value | None) -> None:
        self.layer, self.source = layer, source
        n_inputs = layer.weight.shape[1] if source is None else source.channels.n
        # (outputs, channels, places of a channel)
        weight = layer.weight.detach().to("cpu", torch.float64)
        self._weight = weight.reshape(weight.shape[0], n_inputs, -1)
        self._reads = (self._weight != 0).any(dim=2)
        self._known = torch.full((n_inputs,), torch.nan, dtype=torch.float64)
        if source is not None:
            # Zeros around the maps differ from a constant that is not 0.
            exact = (source.constant == 0) | _unpadded(layer)
            self._known = source.constant.masked_fill(~exact, torch.nan)
        self._sums = self._weight.sum(dim=2) * self._known.nan_to_num()

    def constants(self) -> torch.Tensor:
        """Outputs that read no input that varies, and what they are; NaN elsewhere."""
        bias = self.layer.bias
        values = self._sums.sum(dim=1)
        if bias is not None:
            values += bias.detach().to("cpu", torch.float64)
        return values.masked_fill((self._reads & self._known.isnan()).any(dim=1), torch.nan)

    def pull(self, outputs: Value) -> bool:
        """Mark the inputs that needed outputs read; return whether one was not before."""
        if self.source is None:
            return False
        reads = self._reads[outputs.channels.needed].any(dim=0)
        return self.source.channels.need(reads & self._known.isnan())

    def cut(self, outputs: Value) -> None:
        """Keep the needed outputs and inputs; constants that are dropped go into the bias."""
        layer, rows = self.layer, outputs.channels.needed
        weight, bias = layer.weight.detach(), layer.bias
        if self.source is not None:
            columns = self.source.channels.needed
            shift = self._sums[:, ~columns].sum(dim=1)
            if shift.any():
                old = torch.zeros(len(rows)) if bias is None else bias.detach()
                shifted = (old.to("cpu", torch.float64) + shift).to(weight)
                like = layer.weight if bias is None else bias
                layer.bias = bias = nn.Parameter(shifted, requires_grad=like.requires_grad)
            places = columns.repeat_interleave(weight.shape[1] // len(columns))
            weight = weight[:, places.to(weight.device)]
        _put(layer, "weight", weight[rows.to(weight.device)])
        if bias is not None:
            _put(layer, "bias", bias.detach()[rows.to(weight.device)])
        names = ("out_channels", "in_channels")
        if isinstance(layer, nn.Linear):
            names = ("out_features", "in_features")
        for name, size in zip(names, layer.weight.shape, strict=False):
            setattr(layer, name, size)


class Channelwise:
    """A layer that has parameters for each channel: batch norm, depthwise convolution, PReLU.

    Parameters
    ----------
    layer : nn.Module
        One of these.
    source : Value
        What it reads.
    """

    def __init__(self, layer: Any, source: Value) -> None:
        self.layer, self.source = layer, source

    def constants(self) -> torch.Tensor:
        """Outputs that are constant, and what they are; NaN elsewhere."""
        layer, constant = self.layer, self.source.constant
        if isinstance(layer, nn.PReLU):
            return torch.where(constant < 0, _wide(layer.weight) * constant, constant)
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            return _normalised(layer, constant)
        weight = _wide(layer.weight).flatten(1)
        exact = (constant == 0) | _unpadded(layer)
        values = constant.masked_fill(~exact, torch.nan) * weight.sum(dim=1)
        values = values.masked_fill((weight == 0).all(dim=1), 0.0)
        return values if layer.bias is None else values + _wide(layer.bias)

    def cut(self) -> None:
        """Keep the needed channels."""
        layer, kept = self.layer, self.source.channels.needed
        n = int(kept.sum())
        for name in ("weight", "bias", "running_mean", "running_var"):
            old = getattr(layer, name, None)
            if old is not None:
                _put(layer, name, old.detach()[kept.to(old.device)])
        for name in ("num_features", "num_parameters", "in_channels", "out_channels", "groups"):
            if hasattr(layer, name):
                setattr(layer, name, n)


def _normalised(layer: Any, constant: torch.Tensor) -> torch.Tensor:
    """Constants behind batch norm in evaluation: those before it, and channels of weight 0."""
    values = torch.full_like(constant, torch.nan)
    if layer.running_mean is not None:
        deviation = (_wide(layer.running_var) + layer.eps).sqrt()
        values = (constant - _wide(layer.running_mean)) / deviation
    if layer.weight is None:
        return values
    weight = _wide(layer.weight)
    values = (values * weight).masked_fill(weight == 0, 0.0)
    return values + _wide(layer.bias)


def _wide(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().to("cpu", torch.float64)


def _unpadded(layer: Any) -> bool:
    """Whether a map that is constant is constant to its borders for this layer."""
    if isinstance(layer, nn.Linear) or layer.padding_mode != "zeros":
        return True
    if isinstance(layer.padding, str):
        return bool(layer.padding == "valid") or max(layer.kernel_size) == 1
    return not any(layer.padding)


def _put(layer: Any, name: str, values: torch.Tensor) -> None:
    old = getattr(layer, name)
    if isinstance(old, nn.Parameter):
        values = nn.Parameter(values, requires_grad=old.requires_grad)
    setattr(layer, name, values)
