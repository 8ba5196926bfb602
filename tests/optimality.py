"""Objective, optimality conditions and duality gap in plain numpy, from the problem's statement.

Minimised over w and b, with c = s / sum(s) for sample weights s, offsets o and, where columns are
penalised as if standardised, their deviations σ (else 1):

    P(w, b) = Σ c_i ℓ(y_i, x_i·w + b + o_i) + alpha Σ ω_j (ρ σ_j |w_j| + (1-ρ)/2 (σ_j w_j)²)

Its dual over θ (Fenchel), where Σ θ = 0 with an intercept:

    D(θ) = -Σ c_i ℓ*(y_i, -θ_i / c_i) - Σ θ_i o_i - Σ g_j*(x_jᵀθ)

X is a dense float64 array here, whatever the layout was. Nothing is shared with the package.
"""

from dataclasses import replace

import numpy as np
from scipy.optimize import brentq, linprog, minimize
from scipy.special import entr, expit, xlogy

ROUNDING = 1e-11  # of a constraint of the dual, in units of the gradient at zero margins


def sample_scale(problem):
    """c (n): sample weights that sum to 1."""
    s = problem.sample_weight
    s = np.ones(len(problem.y)) if s is None else np.asarray(s, dtype=np.float64)
    return s / s.sum()


def strengths(problem):
    """ω l1 and ω l2 (p); infinite where a column is excluded."""
    p = problem.X.shape[1]
    omega = np.ones(p) if problem.penalty_factor is None else np.asarray(problem.penalty_factor)
    l1, l2 = problem.alpha * problem.l1_ratio, problem.alpha * (1.0 - problem.l1_ratio)
    sigma = deviations(problem) if problem.standardize else np.ones(p)
    excluded = np.isinf(omega) | (sigma == 0)
    factor = np.where(excluded, 0.0, omega)
    return (
        np.where(excluded, np.inf, factor * sigma * l1),
        np.where(excluded, 0.0, factor * sigma**2 * l2),
    )


def deviations(problem):
    """σ (p): weighted standard deviations, or root mean squares without an intercept."""
    c, X = sample_scale(problem), problem.X
    if problem.fit_intercept:
        X = X - c @ X
    sigma = np.sqrt(c @ X**2)
    return np.where(sigma > 1e-12 * np.abs(problem.X).max(axis=0), sigma, 0.0)


def with_offset(problem, margins):
    return margins if problem.offset is None else margins + problem.offset


def loss_value(problem, margins):
    """Σ c_i ℓ(y_i, m_i + o_i)."""
    c, y, m = sample_scale(problem), problem.y, with_offset(problem, margins)
    c, y, m = c[c > 0], y[c > 0], m[c > 0]
    if problem.loss == "squared":
        each = 0.5 * (y - m) ** 2
    elif problem.loss == "logistic":
        each = np.logaddexp(0.0, -y * m)
    elif problem.loss == "huber":
        r, delta = np.abs(y - m), problem.delta
        each = np.where(r <= delta, 0.5 * r**2, delta * r - 0.5 * delta**2)
    elif problem.loss == "absolute":
        each = np.abs(y - m)
    else:
        with np.errstate(over="ignore"):
            each = np.exp(m) - y * m
    return c @ each


def perfect(problem):
    """Psat: the loss of perfect margins."""
    if problem.loss != "poisson":
        return 0.0
    return sample_scale(problem) @ (problem.y - xlogy(problem.y, problem.y))


def residual(problem, coef, intercept):
    """θ before any scaling: minus the gradient of the loss in the margins."""
    y, m = problem.y, with_offset(problem, problem.X @ coef + intercept)
    if problem.loss == "squared":
        each = y - m
    elif problem.loss == "logistic":
        each = y * expit(-y * m)
    elif problem.loss == "huber":
        each = np.clip(y - m, -problem.delta, problem.delta)
    elif problem.loss == "absolute":
        each = np.sign(y - m)
    else:
        with np.errstate(over="ignore"):
            each = y - np.exp(m)
    c = sample_scale(problem)
    return np.where(c > 0, c * np.where(c > 0, each, 0.0), 0.0)


def primal(problem, coef, intercept):
    l1, l2 = strengths(problem)
    used = coef != 0  # an excluded column costs nothing at 0
    penalty = (l1[used] * np.abs(coef[used]) + 0.5 * l2[used] * coef[used] ** 2).sum()
    return loss_value(problem, problem.X @ coef + intercept) + penalty


def loss_dual(problem, theta):
    """-Σ c_i ℓ*(y_i, -θ_i / c_i) - Σ θ_i o_i; minus infinity outside the domain."""
    c = sample_scale(problem)
    if (theta[c == 0] != 0).any():
        return -np.inf
    shift = 0.0 if problem.offset is None else theta @ problem.offset
    c, y, theta = c[c > 0], problem.y[c > 0], theta[c > 0]
    u = theta / c
    if problem.loss == "squared":
        return c @ (u * y - 0.5 * u**2) - shift
    if problem.loss in ("huber", "absolute"):
        most = problem.delta if problem.loss == "huber" else 1.0
        if (np.abs(u) > most * (1 + ROUNDING)).any():
            return -np.inf
        return c @ (u * y - (0.5 * u**2 if problem.loss == "huber" else 0.0)) - shift
    if problem.loss == "poisson":
        rate = y - u  # the expected count that θ speaks for
        if (rate < -ROUNDING * y).any():
            return -np.inf
        return c @ (rate + entr(np.maximum(rate, 0.0))) - shift
    q = u * y  # in [0, 1]
    if (q < -ROUNDING).any() or (q > 1 + ROUNDING).any():
        return -np.inf
    q = np.clip(q, 0.0, 1.0)
    return c @ (entr(q) + entr(1.0 - q)) - shift


def dual(problem, theta):
    """D(θ), or minus infinity where θ breaks a constraint by more than rounding."""
    l1, l2 = strengths(problem)
    unit = ROUNDING * np.linalg.norm(residual(problem, np.zeros(problem.X.shape[1]), 0.0))
    if problem.fit_intercept and abs(theta.sum()) > unit * np.sqrt(len(theta)):
        return -np.inf
    z = problem.X.T @ theta
    noise = unit * np.linalg.norm(problem.X, axis=0)
    beyond = np.maximum((z if problem.positive else np.abs(z)) - l1, 0.0)
    beyond[np.isinf(l1)] = 0.0
    bent = l2 > 0
    if (beyond > noise + ROUNDING * np.where(np.isinf(l1), 0.0, l1))[~bent].any():
        return -np.inf
    return loss_dual(problem, theta) - (beyond[bent] ** 2 / (2.0 * l2[bent])).sum()


def looseness(problem, theta, coef, intercept):
    """How far D(θ) may stand above P(w, b) because θ obeys its constraints only to rounding.

    Fenchel's inequality holds term by term, but for x_jᵀθ w_j beyond ω l1 |w_j| where the penalty
    does not bend, and for b Σ θ.
    """
    l1, l2 = strengths(problem)
    z = problem.X.T @ theta
    beyond = np.maximum((z if problem.positive else np.abs(z)) - l1, 0.0)
    rigid = (l2 == 0) & np.isfinite(l1)
    return beyond[rigid] @ np.abs(coef[rigid]) + abs(theta.sum() * intercept)


def certificate(problem, coef, intercept):
    """The best of two dual points made from the residual: a bound of our own, without a solver.

    Only for problems without unpenalised columns. The augmented form of the elastic net appends
    rows sqrt(ω l2) with target 0, whose residual takes part in the scaling.
    """
    l1, l2 = strengths(problem)
    theta = residual(problem, coef, intercept)
    if problem.fit_intercept:  # shrink the heavier side, which stays in the domain of the loss
        up, down = theta[theta > 0].sum(), -theta[theta < 0].sum()
        theta = np.where(theta > 0, theta * min(1.0, down / up if up else 0.0), theta)
        theta = np.where(theta < 0, theta * min(1.0, up / down if down else 0.0), theta)
    force = problem.X.T @ theta - l2 * coef
    size = np.maximum(force, 0.0) if problem.positive else np.abs(force)
    counted = (size > 0) & np.isfinite(l1)
    limit = min(1.0, (l1[counted] / size[counted]).min(initial=np.inf))
    return max(dual(problem, t * theta) for t in (limit, 1.0))


def improvement(problem, coef, intercept):
    """Lower bounds of how far one coordinate alone can still lower the objective, p (+ 1).

    By convexity and a curvature of at most L_j along coordinate j, a KKT violation v_j (the
    distance of the negative gradient from the subdifferential) makes room for v²/(2L), or for
    v |w| / 2 where the step would cross 0. No gap is smaller than any of these. |y - m| has no such
    curvature, and that of the Poisson loss grows along the step: by exp(1) as long as no margin
    moves by more than 1, which shortens the step.
    """
    if problem.loss == "absolute":
        return np.zeros(1)
    l1, l2 = strengths(problem)
    theta, c = residual(problem, coef, intercept), sample_scale(problem)
    bend = {"squared": 1.0, "huber": 1.0, "logistic": 0.25, "poisson": np.e}[problem.loss]
    if problem.loss == "poisson":
        c = c * np.exp(with_offset(problem, problem.X @ coef + intercept))
    force = problem.X.T @ theta - l2 * coef
    at_zero = np.maximum((force if problem.positive else np.abs(force)) - l1, 0.0)
    on_support = np.where(
        coef != 0, np.abs(force - np.copysign(np.where(np.isinf(l1), 0, l1), coef)), 0
    )
    violation = np.where(coef == 0, at_zero, on_support)
    curvature = bend * (c @ problem.X**2) + l2
    room = np.divide(violation**2, 2 * curvature, out=np.zeros_like(violation), where=curvature > 0)
    room = np.where(coef == 0, room, np.minimum(room, 0.5 * violation * np.abs(coef)))
    if problem.loss == "poisson":
        reach = np.maximum(np.abs(problem.X).max(axis=0), 1e-300)
        room = np.minimum(room, 0.5 * violation / reach)
    if problem.fit_intercept:
        slope, whole = abs(theta.sum()), bend * c.sum()
        gain = slope**2 / (2 * whole)
        room = np.append(room, min(gain, slope / 2) if problem.loss == "poisson" else gain)
    return room


def feasible(problem, coef, intercept):
    """Whether the weights obey the constraints of the problem exactly."""
    omega = 1.0 if problem.penalty_factor is None else np.asarray(problem.penalty_factor)
    excluded = np.broadcast_to(np.isinf(omega), coef.shape)
    if problem.standardize:
        excluded = excluded | (deviations(problem) == 0)
    return (
        bool(np.isfinite(coef).all() and np.isfinite(intercept))
        and not coef[excluded].any()
        and not (problem.positive and (coef < 0).any())
        and (problem.fit_intercept or intercept == 0)
    )


def null_objective(problem):
    """P0 - Psat; P0: penalised weights at 0, the intercept and the unpenalised columns at best."""
    return null_value(problem) - perfect(problem)


def null_value(problem):
    l1, l2 = strengths(problem)
    free = problem.X[:, (l1 == 0) & (l2 == 0)]
    signed = [(0.0 if problem.positive else None, None)] * free.shape[1]
    if problem.fit_intercept:
        free = np.column_stack([free, np.ones(len(problem.y))])
        signed.append((None, None))
    q = free.shape[1]
    if q == 0:
        return loss_value(problem, np.zeros(len(problem.y)))
    if problem.loss == "absolute":
        return least_absolute(problem, free, signed)
    c = sample_scale(problem)
    if problem.loss == "squared" and not problem.positive:
        root, y = np.sqrt(c), with_offset(problem, np.zeros(len(c)))
        best = np.linalg.lstsq(root[:, None] * free, root * (problem.y - y), rcond=None)[0]
        return loss_value(problem, free @ best)

    part = replace(problem, X=free)
    if q == 1 and problem.fit_intercept:  # a root of a monotone function, kinks or not
        target = problem.y - with_offset(problem, np.zeros(len(c)))
        low, high = (
            (-800, 800) if problem.loss in ("logistic", "poisson") else np.sort(target)[[0, -1]]
        )
        best = (
            low
            if low == high
            else brentq(lambda b: residual(part, np.array([b]), 0.0).sum(), low, high, xtol=1e-14)
        )
        return loss_value(problem, free @ [best])

    def objective(v):
        return loss_value(problem, free @ v), -free.T @ residual(part, v, 0.0)

    start = np.zeros(q)
    if problem.loss == "poisson" and problem.fit_intercept:
        m = with_offset(problem, np.zeros(len(c)))
        start[-1] = np.log(c @ problem.y) - np.log(c @ np.exp(m))
    found = minimize(
        objective,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=signed,
        options={"maxiter": 10_000, "ftol": 1e-15, "gtol": 1e-12},
    )
    return found.fun


def least_absolute(problem, columns, bounds, cost=None):
    """Min over v of Σ c_i |y_i - o_i - a_i·v| + cost·v, as a linear programme."""
    (n, q), c = columns.shape, sample_scale(problem)
    y = problem.y - with_offset(problem, np.zeros(n))
    found = linprog(
        np.concatenate([np.zeros(q) if cost is None else cost, c, c]),
        A_eq=np.column_stack([columns, np.eye(n), -np.eye(n)]),
        b_eq=y,
        bounds=[*bounds, *[(0.0, None)] * (2 * n)],
    )
    return found.fun
