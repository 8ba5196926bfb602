"""Operations that treat each channel by itself, as modules, functions and methods."""

from __future__ import annotations

import operator

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

# Each element by itself, whatever its channel: what is constant stays so.
ELEMENTWISE_MODULES = (
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.CELU, nn.SELU, nn.GELU, nn.SiLU, nn.Mish),
    *(nn.Sigmoid, nn.Tanh, nn.Hardtanh, nn.Hardswish, nn.Hardsigmoid, nn.LogSigmoid),
    *(nn.Softplus, nn.Softsign, nn.Softshrink, nn.Hardshrink, nn.Tanhshrink, nn.Threshold),
    *(nn.RReLU, nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d),
    *(nn.AlphaDropout, nn.FeatureAlphaDropout),
)
ELEMENTWISE_FUNCTIONS = {
    *(F.relu, F.relu6, F.leaky_relu, F.elu, F.celu, F.selu, F.gelu, F.silu, F.mish),
    *(F.hardtanh, F.hardswish, F.hardsigmoid, F.logsigmoid, F.softplus, F.softsign),
    *(F.sigmoid, F.tanh, torch.relu, torch.relu_, torch.sigmoid, torch.tanh),
    *(torch.abs, torch.exp, torch.neg, torch.square, torch.clamp, operator.neg),
}
ELEMENTWISE_METHODS = {
    *("relu", "relu_", "sigmoid", "sigmoid_", "tanh", "tanh_", "abs", "exp", "neg", "square"),
    *("clamp", "clone", "contiguous", "detach"),
}
DROPOUTS = {F.dropout, F.dropout1d, F.dropout2d, F.dropout3d, F.alpha_dropout}

# Of two values with the same channels, or of one and a number.
ARITHMETIC_FUNCTIONS = {
    *(operator.add, operator.iadd, operator.sub, operator.isub, operator.mul, operator.imul),
    *(torch.add, torch.sub, torch.mul),
}
ARITHMETIC_METHODS = {"add", "add_", "sub", "sub_", "mul", "mul_"}
QUOTIENT_FUNCTIONS = {operator.truediv, torch.div}  # by a number

IN_PLACE = {operator.iadd, operator.isub, operator.imul, operator.setitem, torch.relu_}

# Maxima and means of neighbours. Padding is -infinity for maxima, and left out of adaptive means.
EXACT_POOLS = (
    *(nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d),
    *(nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d),
    *(nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d),
)
AVERAGE_POOLS = (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)
EXACT_POOL_FUNCTIONS = {
    *(F.max_pool1d, F.max_pool2d, F.max_pool3d),
    *(F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d),
    *(F.adaptive_max_pool1d, F.adaptive_max_pool2d, F.adaptive_max_pool3d),
}
AVERAGE_POOL_FUNCTIONS = {F.avg_pool1d, F.avg_pool2d, F.avg_pool3d}

CONVOLUTIONS = {nn.Conv1d: 1, nn.Conv2d: 2, nn.Conv3d: 3}  # and their spatial axes
NORMS = {nn.BatchNorm1d: 1, nn.BatchNorm2d: 2, nn.BatchNorm3d: 3}


def average_is_exact(pool: nn.Module) -> bool:
    """Whether the average of a constant is that constant at the borders too."""
    padding = pool.padding if isinstance(pool.padding, tuple) else (pool.padding,)
    plain = getattr(pool, "divisor_override", None) is None
    return plain and not (pool.count_include_pad and any(padding))
