"""Deep nets in PyTorch: exact zeros while they train, and smaller modules afterwards.

`Proximal` wraps an optimizer and applies the proximal operator of an L1 and a group penalty after
each of its steps; `prune_module` takes the filters, neurons and channels out that have become 0.
"""

try:
    import torch as _torch  # noqa: F401
except ImportError:
    raise ImportError("sparsecross.torch needs PyTorch: pip install 'sparsecross[torch]'") from None

from .proximal import Proximal
from .pruning import PrunedModule, prune_module
from .report import LayerBytes, ModuleReport

__all__ = ["LayerBytes", "ModuleReport", "Proximal", "PrunedModule", "prune_module"]
