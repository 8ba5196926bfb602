"""Problems of groups in plain numpy: objective, optimality conditions, and a bound of the optimum.

Minimised over W (p, K) and b (K), with c = s / sum(s) and the blocks W_g of groups:

    P(W, b) = Σ c_i ℓ(y_i, x_i W + b) + alpha Σ ω_g (τ ‖W_g‖₁ + (1-τ) ‖W_g‖₂ + ½ κ ‖W_g‖₂²)

Nothing is shared with the package.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import entr, expit, log_softmax, softmax


@dataclass
class GroupProblem:
    """X (n, p) dense; Y (n, K), or of classes (n,); groups: the label of each column."""

    X: np.ndarray
    Y: np.ndarray
    groups: np.ndarray
    loss: str = "squared"
    alpha: float = 1.0
    tau: float = 0.0
    kappa: float = 0.0
    omega: np.ndarray | None = None
    sample_weight: np.ndarray | None = None
    fit_intercept: bool = True
    delta: float = 1.35

    def __post_init__(self):
        _, first, codes = np.unique(self.groups, return_index=True, return_inverse=True)
        order = np.argsort(first)  # groups in the order of their first columns
        self.codes = np.argsort(order)[codes]
        self.n_groups = len(order)
        if self.omega is None:
            self.omega = np.sqrt(np.bincount(self.codes))
        s = np.ones(len(self.X)) if self.sample_weight is None else self.sample_weight
        self.c = s / s.sum()
        if self.loss == "multinomial":
            self.one_hot = np.eye(int(self.Y.max()) + 1)[self.Y]


def residual(problem, W, b):
    """θ (n, K): the negative gradient of the loss at these margins."""
    M = problem.X @ W + b
    if problem.loss == "multinomial":
        each = problem.one_hot - softmax(M, axis=1)
    elif problem.loss == "logistic":
        each = problem.Y * expit(-problem.Y * M)
    else:
        each = problem.Y - M
        if problem.loss == "huber":
            each = np.clip(each, -problem.delta, problem.delta)
    return problem.c[:, None] * each


def loss_value(problem, M):
    if problem.loss == "multinomial":
        return -(problem.c @ (problem.one_hot * log_softmax(M, axis=1)).sum(axis=1))
    if problem.loss == "logistic":
        each = np.logaddexp(0, -problem.Y * M)
    else:
        r = np.abs(problem.Y - M)
        each = 0.5 * r**2
        if problem.loss == "huber":
            each = np.where(r <= problem.delta, each, problem.delta * r - 0.5 * problem.delta**2)
    return problem.c @ each.sum(axis=1)


def blocks(problem):
    """The columns and ω of each group that is not excluded."""
    for g in range(problem.n_groups):
        if np.isfinite(problem.omega[g]):
            yield problem.codes == g, problem.alpha * problem.omega[g]


def objective(problem, W, b):
    total = loss_value(problem, problem.X @ W + b)
    for columns, strength in blocks(problem):
        w = W[columns]
        norm = np.linalg.norm(w)
        each = problem.tau * np.abs(w).sum() + (1 - problem.tau) * norm
        total += strength * (each + 0.5 * problem.kappa * norm**2)
    return total


def shrunk(z, t):
    return np.sign(z) * np.maximum(np.abs(z) - t, 0)


def violation(problem, W, b):
    """How far the conditions of Karush, Kuhn & Tucker are from holding, of any group."""
    theta = residual(problem, W, b)
    Z = problem.X.T @ theta
    worst = np.abs(theta.sum(axis=0)).max() if problem.fit_intercept else 0.0
    for columns, strength in blocks(problem):
        z, w = Z[columns], W[columns]
        l1, norm = strength * problem.tau, strength * (1 - problem.tau)
        if not w.any():
            worst = max(worst, np.linalg.norm(shrunk(z, l1)) - norm)
            continue
        left = z - norm * w / np.linalg.norm(w) - strength * problem.kappa * w
        off = np.where(w != 0, np.abs(left - l1 * np.sign(w)), np.abs(left) - l1)
        worst = max(worst, off.max())
    return worst


def largest_multiple(z, l1, norm):
    """The largest t with ‖S(t z, l1)‖ <= norm, by halving."""
    if not z.any():
        return np.inf
    low, high = 0.0, (l1 + norm) / np.abs(z).max() * 2
    for _ in range(200):
        middle = 0.5 * (low + high)
        if np.linalg.norm(shrunk(middle * z, l1)) <= norm:
            low = middle
        else:
            high = middle
    return low


def dual_value(problem, theta):
    """-F*(-θ): minus infinity outside the domain."""
    c = problem.c[:, None]
    u = np.divide(theta, c, out=np.zeros_like(theta), where=c > 0)
    if problem.loss == "multinomial":
        q = problem.one_hot - u
        return (c * entr(np.maximum(q, 0))).sum() if (q >= -1e-12).all() else -np.inf
    if problem.loss == "logistic":
        q = np.clip(problem.Y * u, 0, 1)
        return (c * (entr(q) + entr(1 - q))).sum()
    return (c * (u * problem.Y - 0.5 * u**2)).sum()


def lower_bound(problem, W, b):
    """What the residual proves, scaled to obey every group; for problems without an L2 part.

    Balanced for the intercept by shares of its heavier side (of classes: by the chances at their
    best intercepts), which stays in the domain.
    """
    if problem.loss == "multinomial":
        M = problem.X @ W + b
        for _ in range(5000 if problem.fit_intercept else 0):
            M = M + np.log((problem.c @ problem.one_hot) / (problem.c @ softmax(M, axis=1)))
        theta = problem.c[:, None] * (problem.one_hot - softmax(M, axis=1))
    else:
        theta = residual(problem, W, b)
        if problem.fit_intercept:
            up, down = np.maximum(theta, 0).sum(axis=0), np.maximum(-theta, 0).sum(axis=0)
            least = np.minimum(up, down)
            scale = np.where(
                theta > 0, least / np.maximum(up, 1e-300), least / np.maximum(down, 1e-300)
            )
            theta = theta * scale
    Z = problem.X.T @ theta
    t = 1.0
    for columns, strength in blocks(problem):
        t = min(
            t, largest_multiple(Z[columns], strength * problem.tau, strength * (1 - problem.tau))
        )
    return dual_value(problem, t * theta)
