"""Any optimizer of PyTorch, and a proximal operator after each step, which makes exact zeros."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from numbers import Real
from typing import Any

import torch

from .groups import Grouping, Groups, grouping_of
from .shrinkage import penalty, shrink


class Proximal(torch.optim.Optimizer):
    """Steps of an optimizer, each followed by the proximal operator of the penalty.

    The objective is ``loss(W) + Σ (l1 ‖W‖₁ + group_l1 Σ_g √|g| ‖W_g‖₂)``, the outer sum over the
    penalised parameters, ``|g|`` the number of weights of a group. A step of the wrapped optimizer
    with the learning rate lr is followed by W ← prox(W) in place: soft-thresholding by lr l1, then
    each group as one by ``lr group_l1 √|g|``. Zeros are exact, and stay until a gradient outweighs
    the penalty.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        Takes the steps. State, param groups and learning rates are shared with it.
    l1 : float, default=0.0
        Strength of the penalty on each weight, not negative.
    group_l1 : float, default=0.0
        Strength of the penalty on each group of weights, not negative.
    groups : str, torch.Tensor, None, callable or mapping, default="filters"
        The groups of a penalised parameter W:

        - "filters" or "neurons": W[k] for each k; what one output of a layer is computed from.
        - "inputs": W[:, k] for each k; all that reads one input of a layer.
        - an integer tensor that broadcasts to the shape of W: weights of one label, from 0 on,
          are a group.
        - None: no groups.

        A callable takes a parameter and returns one of these; a mapping from parameters to one of
        these need not have all, and what it lacks has filters. Transposed convolutions
        store their weights as (inputs, outputs, ...): the two names change places.

    Raises
    ------
    TypeError
        If `optimizer` is none, a penalised parameter is not of real floats, or groups are of
        another type.
    ValueError
        If a strength is negative or not finite, the optimizer has no learning rate, or groups do
        not fit their parameter.

    See Also
    --------
    prune_module : takes out of a module what has become 0.

    Notes
    -----
    Which parameters: weights of linear layers, convolutions and embeddings, which have two axes or
    more; biases and the parameters of norm layers have one, and are left alone. The key
    "penalise" of a param group (True: all its parameters, False: none) overrides that, and the keys
    "l1", "group_l1" and "groups" the strengths and groups. As with the optimizer's own
    weight decay, a parameter without a gradient is left alone.

    What is minimised: a point where nothing moves is one where the gradient balances the penalty,
    times the ratio of lr to the step that the optimizer takes for a constant gradient. The
    ratio is 1 for SGD without momentum and for `SGD(momentum=m, dampening=m)`; it is 1 - m for
    `SGD(momentum=m)` and with `nesterov=True`, whose penalty is thus (1 - m) times as strong. Of
    Adam and its like the step differs from weight to weight, while the operator is in the
    Euclidean metric with the scalar lr: each weight has its penalty scaled by the root of its
    mean squared gradient, as usual in practice (Yun, Lozano & Yang compare the two).
    LBFGS takes lr for its step length, whatever its line search finds.

    `state_dict` is that of the wrapped optimizer, whose param groups have the keys above. Hooks
    around steps are called around both parts.

    References
    ----------
    Parikh & Boyd 2014, "Proximal algorithms", section 4.2; Yuan & Lin 2006 (groups and their
    ``√|g|``); Simon et al. 2013 (both penalties at once); Yun, Lozano & Yang 2021, "Adaptive
    proximal gradient methods for structured neural networks".

    Examples
    --------
    >>> import torch
    >>> from sparsecross.torch import Proximal
    >>> layer = torch.nn.Linear(3, 2)
    >>> optimizer = Proximal(torch.optim.SGD(layer.parameters(), lr=0.1), l1=100.0)
    >>> layer(torch.ones(1, 3)).sum().backward()
    >>> optimizer.step()
    >>> layer.weight.count_nonzero().item()
    0
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        *,
        l1: float = 0.0,
        group_l1: float = 0.0,
        groups: Groups = "filters",
    ) -> None:
        if not isinstance(optimizer, torch.optim.Optimizer):
            raise TypeError(f"optimizer must be a torch.optim.Optimizer, got {optimizer!r}.")
        self.groups = groups
        own = {"l1": l1, "group_l1": group_l1, "penalise": None}
        # Param groups are the very dicts of the optimizer, which thus get the keys of the penalty.
        super().__init__(optimizer.param_groups, optimizer.defaults | own)
        self.optimizer = optimizer
        self._share()

    def _share(self) -> None:
        """Have the state and the param groups of the wrapped optimizer."""
        self.state, self.param_groups = self.optimizer.state, self.optimizer.param_groups

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters, whose group may have the keys of the penalty beside the optimizer's.

        Parameters
        ----------
        param_group : dict
            As optimizers of PyTorch take it.

        Raises
        ------
        TypeError, ValueError
            As of the class.
        """
        super().add_param_group(param_group)
        try:
            self._check(param_group)
        except Exception:
            self.param_groups.pop()
            raise

    def _check(self, param_group: dict[str, Any]) -> None:
        for key in ("l1", "group_l1"):
            _check_strength(param_group[key], key)
        if "lr" not in param_group:
            raise ValueError("optimizer must have a learning rate 'lr' in each param group.")
        for parameter in self._penalised(param_group):
            if not parameter.is_floating_point():
                raise TypeError(f"parameters must be of real floats, got {parameter.dtype}.")
            self._grouping(parameter, param_group)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take a step of the optimizer, then apply the proximal operator.

        Parameters
        ----------
        closure : callable, optional
            Computes the loss, without the penalty, and its gradients again.

        Returns
        -------
        What the step of the optimizer returns.
        """
        loss = self.optimizer.step() if closure is None else self.optimizer.step(closure)
        for group in self.param_groups:
            lr = float(group["lr"])
            for parameter in self._penalised(group):
                if parameter.grad is not None:
                    grouping = self._grouping(parameter, group)
                    shrink(parameter.detach(), grouping, lr * group["l1"], lr * group["group_l1"])
        return loss

    def penalty(self) -> torch.Tensor:
        """Return the value of the penalty, which the loss lacks.

        Returns
        -------
        torch.Tensor
            Without axes and without gradient, on the device of the first penalised parameter.
        """
        total = None
        for group in self.param_groups:
            for parameter in self._penalised(group):
                grouping = self._grouping(parameter, group)
                one = penalty(parameter.detach(), grouping, group["l1"], group["group_l1"])
                total = one if total is None else total + one.to(total.device)
        return torch.zeros(()) if total is None else total

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the wrapped optimizer; its param groups hold the strengths."""
        state: dict[str, Any] = self.optimizer.state_dict()
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take a state, strengths included; one of the bare optimizer leaves them as they are.

        Parameters
        ----------
        state_dict : dict
            What `state_dict` returned.
        """
        own = [
            {key: group[key] for key in ("l1", "group_l1", "penalise", "groups") if key in group}
            for group in self.param_groups
        ]
        self.optimizer.load_state_dict(state_dict)
        self._share()
        for group, before in zip(self.param_groups, own, strict=True):
            for key, value in before.items():
                group.setdefault(key, value)

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        return state | {"optimizer": self.optimizer, "groups": self.groups}

    def _penalised(self, group: dict[str, Any]) -> list[torch.Tensor]:
        if group["penalise"] is None:
            return [parameter for parameter in group["params"] if parameter.ndim >= 2]
        return group["params"] if group["penalise"] else []

    def _grouping(self, parameter: torch.Tensor, group: dict[str, Any]) -> Grouping:
        return grouping_of(parameter, group.get("groups", self.groups))


def _check_strength(value: Any, name: str) -> None:
    if not isinstance(value, Real) or not isfinite(value) or value < 0:
        raise ValueError(f"{name} must be a finite number that is not negative, got {value!r}.")
