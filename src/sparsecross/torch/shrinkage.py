"""The proximal operator of the sparse-group penalty on one tensor, in place, and the penalty."""

from __future__ import annotations

from math import prod, sqrt

import torch

from .. import _solvers
from .groups import Grouping, axis_of


def shrink(w: torch.Tensor, grouping: Grouping, l1: float, group_l1: float) -> None:
    """Replace w by argmin_v ½ ‖v - w‖² + l1 ‖v‖₁ + group_l1 Σ_g √|g| ‖v_g‖₂.

    Parameters
    ----------
    w : torch.Tensor
        Real floats, without a graph of gradients. On the CPU, dense and of 32 or 64 bits, compiled
        code reads and writes it once; all other tensors go through operations of PyTorch.
    grouping : str, torch.Tensor or None
        As :func:`grouping_of` returns them.
    l1, group_l1 : float
        Not negative.
    """
    if grouping is None or group_l1 == 0.0:
        axis, l2 = 0, 0.0
    elif isinstance(grouping, str):
        axis = axis_of(grouping)
        l2 = group_l1 * sqrt(w.numel() / max(1, w.shape[axis])) if w.ndim else group_l1
    else:
        _soft_threshold(w, l1)
        _shrink_labelled(w, grouping, group_l1)
        return
    if w.numel() == 0 or (l1 == 0.0 and l2 == 0.0):
        return
    in_memory = _as_it_lies(w, axis)
    if in_memory is not None:
        _solvers.shrink_groups(in_memory.numpy(), l1, l2, torch.get_num_threads())
        return
    _soft_threshold(w, l1)
    if l2:
        others = [k for k in range(w.ndim) if k != axis]
        norms = (
            torch.linalg.vector_norm(w, dim=others, keepdim=True, dtype=_wide(w))
            if others
            else w.abs()
        )
        w.mul_((1.0 - l2 / norms).clamp_(min=0.0))


def penalty(w: torch.Tensor, grouping: Grouping, l1: float, group_l1: float) -> torch.Tensor:
    """Return l1 ‖w‖₁ + group_l1 Σ_g √|g| ‖w_g‖₂, a tensor without axes on the device of w."""
    total = l1 * torch.linalg.vector_norm(w, 1, dtype=_wide(w))
    if grouping is None or group_l1 == 0.0:
        return total
    if isinstance(grouping, str):
        rows = w.transpose(0, axis_of(grouping)).flatten(1) if w.ndim > 1 else w.reshape(-1, 1)
        norms = torch.linalg.vector_norm(rows, dim=1, dtype=_wide(w))
        return total + group_l1 * sqrt(rows.shape[1]) * norms.sum()
    norms, sizes, _ = _labelled(w, grouping)
    return total + group_l1 * (sizes.to(norms.dtype).sqrt() * norms).sum()


def _wide(w: torch.Tensor) -> torch.dtype:
    """The type of sums: float32 for the types that are narrower."""
    return torch.promote_types(w.dtype, torch.float32)


def _soft_threshold(w: torch.Tensor, l1: float) -> None:
    if l1:
        w.sub_(w.clamp(-l1, l1))  # w - w is an exact 0


def _as_it_lies(w: torch.Tensor, axis: int) -> torch.Tensor | None:
    """The same memory as (outer, groups, inner) in C order; None for what compiled code lacks."""
    if w.device.type != "cpu" or w.layout != torch.strided:
        return None
    if w.dtype not in (torch.float32, torch.float64):
        return None
    order = sorted(range(w.ndim), key=w.stride, reverse=True)
    lying = w.permute(order)  # channels_last is in order too, of other axes
    if not lying.is_contiguous():
        return None
    if w.ndim == 0:
        return lying.view(1, 1, 1)
    place = order.index(axis)
    return lying.view(prod(lying.shape[:place]), w.shape[axis], prod(lying.shape[place + 1 :]))


def _labelled(
    w: torch.Tensor, labels: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Norms and sizes of groups, and the label of each weight."""
    of_each = labels.to(w.device, torch.int64).expand_as(w)
    flat = of_each.reshape(-1)
    sizes = torch.bincount(flat)
    squares = torch.zeros(len(sizes), dtype=_wide(w), device=w.device)
    squares.index_add_(0, flat, w.to(squares.dtype).square().reshape(-1))
    return squares.sqrt_(), sizes, of_each


def _shrink_labelled(w: torch.Tensor, labels: torch.Tensor, group_l1: float) -> None:
    norms, sizes, of_each = _labelled(w, labels)
    factors = (1.0 - group_l1 * sizes.to(norms.dtype).sqrt() / norms).clamp_(min=0.0)
    w.mul_(factors[of_each])
