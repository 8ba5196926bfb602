"""The command `path`: what every strength of the penalty costs and brings."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path

from sklearn.pipeline import make_pipeline

from ..columnfiles import check_suffix, write_columns
from ..convergence import Ending, warn_if_short
from ..holdout import errors_of, largest_alpha, walk
from ..memory import format_bytes
from ..pruning import prune
from ..walk import alpha_grid
from .console import Console
from .prepare import Prepared, crosses_of, digits, make_columns, make_estimator, prepare


@dataclass(frozen=True)
class Point:
    """A model of the path, measured."""

    alpha: float
    n_nonzero: int
    pruned_bytes: int
    file_bytes: int
    relative_gap: float
    errors: dict[str, float]


def path(options: Namespace, console: Console) -> None:
    """Read, hold rows back, solve along the path, and print a line for each strength."""
    if options.output:
        check_suffix(options.output)
    prepared = prepare(options, console)
    points = _points(prepared, options, console)
    if not points:
        raise ValueError(
            "no model of the path keeps to --max-nonzeros and --max-bytes, not even the first"
        )
    if options.output:
        write_columns(options.output, _columns(points, prepared.where))
        console.line(f"saved: {options.output}, {Path(options.output).stat().st_size:,} bytes")
    names = list(points[0].errors)
    best = min(points, key=lambda point: point.errors[names[0]])
    console.table(
        [
            "alpha",
            "non-zero",
            "pruned",
            "file",
            "gap",
            *(f"{prepared.where} {name}" for name in names),
        ],
        [
            [
                f"{point.alpha:.6g}",
                f"{point.n_nonzero:,}",
                format_bytes(point.pruned_bytes),
                format_bytes(point.file_bytes),
                f"{point.relative_gap:.1e}",
                *(digits(name, value) for name, value in point.errors.items()),
            ]
            for point in points
        ],
    )
    at_end = best is points[-1] and len(points) == options.n_alphas > 1
    console.line(
        f"least {prepared.where} {names[0]}: {digits(names[0], best.errors[names[0]])} at alpha "
        f"{best.alpha:.6g}, {best.n_nonzero:,} non-zero weights, {format_bytes(best.pruned_bytes)}"
        + (", the end of the path: a smaller --eps may do better" if at_end else "")
    )


def _points(prepared: Prepared, options: Namespace, console: Console) -> list[Point]:
    name = "the path"
    columns = make_columns(name, crosses_of(options), prepared, options, console)
    estimator = make_estimator(options, None, classify=prepared.classify)
    largest = largest_alpha(estimator, columns.train)
    alphas = alpha_grid(largest, options.n_alphas, options.eps)
    points: list[Point] = []
    endings: list[Ending] = []
    with console.working(f"{name}: {len(alphas)} strengths", total=len(alphas)) as step:
        solved = walk(estimator, columns.train, alphas, lambda: options.tol)
        for alpha, found in zip(map(float, alphas), solved, strict=True):
            encoder = columns.encoder
            model = prune(estimator if encoder is None else make_pipeline(encoder, estimator))
            report = model.report
            worst = max(found, key=lambda s: s.relative_gap)
            point = Point(
                alpha,
                report.n_nonzero,
                report.pruned_bytes,
                report.file_bytes,
                worst.relative_gap,
                errors_of(estimator, columns.judged).named,
            )
            if _beyond(point, options):
                break
            points.append(point)
            endings.append(Ending(worst.n_iter, worst.relative_gap, worst.status))
            error = next(iter(point.errors.values()))
            step(f"alpha {alpha:.3g}, error {error:.5g}, {point.n_nonzero:,} weights")
    warn_if_short(
        "the path",
        endings,
        options.tol,
        each="strengths",
        which=lambda k: f"at alpha={points[k].alpha:.3g}",
    )
    return points


def _beyond(point: Point, options: Namespace) -> bool:
    return (options.max_nonzeros is not None and point.n_nonzero > options.max_nonzeros) or (
        options.max_bytes is not None
        and max(point.pruned_bytes, point.file_bytes) > options.max_bytes
    )


def _columns(points: list[Point], where: str) -> dict[str, list[float]]:
    where = where.replace("-", "_")
    return {
        "alpha": [p.alpha for p in points],
        "nonzero": [p.n_nonzero for p in points],
        "pruned_bytes": [p.pruned_bytes for p in points],
        "file_bytes": [p.file_bytes for p in points],
        "relative_gap": [p.relative_gap for p in points],
        **{
            f"{where}_{name}".lower().replace(" ", "_").replace("²", "2"): [
                p.errors[name] for p in points
            ]
            for name in points[0].errors
        },
    }
