"""Results of the race as a table and as pictures."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import geometric_mean, median

import numpy as np

import rivals

KEY = ("set", "task", "strength", "intercept")
OURS = "sparsecross"
DOCS = Path(__file__).parent.parent / "docs" / "benchmarks.md"
BEGIN, END = "<!-- race: begin -->", "<!-- race: end -->"
EMPTY = f"""# Benchmarks

Time and memory until one judge finds the relative duality gap reached, beside other libraries. How
it is measured stands in `benchmarks/README.md`. A ratio above 1 is ours ahead.

{BEGIN}
{END}
"""


def read(log: Path) -> list[dict]:
    """The latest result of each library and cell."""
    if not log.exists():
        return []
    results = [json.loads(line) for line in log.read_text().splitlines()]
    return list({identity(found): found for found in results}.values())


def cell_of(found: dict) -> tuple:
    return tuple(found[name] for name in KEY)


def identity(found: dict) -> tuple:
    return (*cell_of(found), found["library"])


def reached(found: dict, gap: float) -> tuple[float, float | None] | None:
    """Median seconds and MB of the first rung at this gap, or None."""
    return _cost(found, next((r for r in found["rungs"] if r["gap"] <= gap), None))


def near(found: dict, optimum: np.ndarray, distance: float) -> tuple[float, float | None] | None:
    """The same for an objective this close to the best one known, in the units of the gap."""
    close = (
        rung
        for rung in found["rungs"]
        if np.max(np.array(rung["primal"]) - optimum) <= distance * rung["null"]
    )
    return _cost(found, next(close, None))


def _cost(found: dict, rung: dict | None) -> tuple[float, float | None] | None:
    if rung is None:
        return None
    same = [rung, *(r for r in found["repeats"] if r["tol"] == rung["tol"])]
    return median(r["seconds"] for r in same), rung["rss_mb"]


def optimum(cell: list[dict]) -> np.ndarray:
    """The best objective any library found, at each strength."""
    return np.min([rung["primal"] for found in cell for rung in found["rungs"]], axis=0)


def summary(found: dict, gaps: list[float]) -> str:
    """One line for the log."""
    name, task, strength, intercept = cell_of(found)
    costs = [reached(found, gap) for gap in gaps]
    times = " ".join("-" if cost is None else f"{cost[0]:.3g}" for cost in costs)
    where = f"{name} {task} /{strength:g} {'intercept' if intercept else 'plain'}"
    return f"{where} {found['library']}: {times} ({found['status']}) {found['message'][:100]}"


def grouped(results: list[dict]) -> dict[tuple, list[dict]]:
    """Results by cell, those without a single fit left out."""
    cells: dict[tuple, list[dict]] = {}
    for found in results:
        if found["rungs"]:
            cells.setdefault(cell_of(found), []).append(found)
    return dict(sorted(cells.items(), key=lambda item: tuple(map(str, item[0]))))


def _row(costs: dict[str, tuple[float, float | None] | None]) -> tuple[str, float | None]:
    """Ours, the fastest rival, the ratio of seconds and of memory; and the ratio as a number."""
    ours = costs.get(OURS)
    others = {name: cost for name, cost in costs.items() if name != OURS and cost is not None}
    first = "-" if ours is None else f"{ours[0]:.3g}"
    if not others:
        return f"{first} | - | - | -", None
    name = min(others, key=lambda name: others[name][0])
    seconds, memory = others[name]
    rival = f"{name} {seconds:.3g}"
    if ours is None:
        return f"{first} | {rival} | - | -", None
    ratio = seconds / ours[0]
    megabytes = "-"
    if memory is not None and ours[1] is not None:
        megabytes = f"{memory:.0f} / {ours[1]:.0f}"
    return f"{first} | {rival} | {ratio:.2f} | {megabytes}", ratio


WHAT = "task | intercept"


def _what(task: str, strength: float, intercept: bool) -> str:
    return f"{task} /{strength:g} | {'yes' if intercept else 'no'}"


def _section(title: str, head: str, lines: list[str]) -> list[str]:
    """A heading and a table, of which `head` names the columns."""
    rule = " | ".join("---" for _ in head.split(" | "))
    return [f"## {title}", "", f"| {head} |", f"| {rule} |", *lines, ""]


def table(results: list[dict], gaps: list[float]) -> str:
    """One table for each gap, and one for nearness to the optimum."""
    measures = {f"a gap of {gap:g}": gap for gap in gaps} | {"within 1e-4 of the optimum": None}
    parts = []
    for title, gap in measures.items():
        lines: list[str] = []
        ratios: dict[str, list[float]] = {"single strengths": [], "paths": []}
        for (name, task, strength, intercept), cell in grouped(results).items():
            if gap is None:
                best = optimum(cell)
                costs = {found["library"]: near(found, best, 1e-4) for found in cell}
            else:
                costs = {found["library"]: reached(found, gap) for found in cell}
            row, ratio = _row(costs)
            of = "paths" if task.endswith("_path") else "single strengths"
            ratios[of] += [ratio] if ratio else []
            lines.append(f"| {name} | {_what(task, strength, intercept)} | {row} |")
        parts += _section(
            f"Time to {title}" if gap else f"Time until {title}",
            f"set | {WHAT} | ours, s | fastest rival, s | ratio | MB, rival / ours",
            lines,
        )
        for of, found in ratios.items():
            if found:
                parts += [
                    f"Ratio over {len(found)} cells of {of}: geometric mean "
                    f"{geometric_mean(found):.2f}, least {min(found):.2f}.",
                    "",
                ]
    return "\n".join(parts)


def by_default(results: list[dict], gap: float) -> str:
    """Our paths to a gap, beside the rivals' at the tolerance that they have by default."""
    lines = []
    for (name, task, strength, intercept), cell in grouped(results).items():
        if not task.endswith("_path"):
            continue
        ours = next((reached(found, gap) for found in cell if found["library"] == OURS), None)
        others = [
            (rung["seconds"], found["library"], rung["gap"])
            for found in cell
            for rung in found["rungs"]
            if np.isclose(rung["tol"], getattr(rivals.rival(found["library"]), "DEFAULT", np.nan))
        ]
        if ours is None or not others:
            continue
        seconds, library, its_gap = min(others)
        lines.append(
            f"| {name} | {_what(task, strength, intercept)} | {ours[0]:.3g} "
            f"| {library} {seconds:.3g} | {its_gap:.1e} | {seconds / ours[0]:.2f} |"
        )
    title = f"Paths to a gap of {gap:g}, beside the fastest at its own default tolerance"
    head = f"set | {WHAT} | ours, s | rival, s | its gap | ratio"
    return "\n".join(_section(title, head, lines)) if lines else ""


def growth(results: list[dict], gap: float) -> str:
    """Exponent of the time in the number of non-zeros, over the sets made for it."""
    points: dict[tuple, list[tuple[float, float]]] = {}
    for found in results:
        cost = reached(found, gap)
        if found["set"].startswith("growth_") and cost is not None:
            size = float(found["set"].removeprefix("growth_").removesuffix("m"))
            kind = (found["library"], found["task"], found["strength"], found["intercept"])
            points.setdefault(kind, []).append((size, cost[0]))
    lines = []
    for (library, task, strength, intercept), measured in sorted(points.items()):
        if len(measured) < 2:
            continue
        size, seconds = np.array(sorted(measured)).T
        slope = np.polyfit(np.log(size), np.log(seconds), 1)[0]
        times = ", ".join(f"{m:g} M: {s:.3g}" for m, s in zip(size, seconds, strict=True))
        lines.append(f"| {library} | {_what(task, strength, intercept)} | {times} | {slope:.2f} |")
    title = f"Growth with the non-zeros, a gap of {gap:g}"
    return (
        "\n".join(_section(title, f"library | {WHAT} | seconds | exponent", lines)) if lines else ""
    )


def plot(results: list[dict], out: Path) -> None:
    """Time against gap: a picture for each set, a panel for each cell, a line for each library."""
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        print("skipped: matplotlib is not installed, no pictures")
        return
    cells = grouped(results)
    libraries = sorted({f["library"] for f in results}, key=lambda name: (name != OURS, name))
    colours = {name: f"C{i}" for i, name in enumerate(libraries)}
    for name in sorted({key[0] for key in cells}):
        panels = {key: cell for key, cell in cells.items() if key[0] == name}
        columns = min(4, len(panels))
        rows = -(-len(panels) // columns)
        figure = Figure(figsize=(4 * columns, 3.2 * rows), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False).ravel()
        for axis in axes[len(panels) :]:
            axis.set_visible(False)
        shown: dict[str, object] = {}
        for axis, ((_, task, strength, intercept), cell) in zip(axes, panels.items(), strict=False):
            for found in cell:
                library = found["library"]
                seconds = [rung["seconds"] for rung in found["rungs"]]
                gap = [max(rung["gap"], 1e-12) for rung in found["rungs"]]
                wide = 2.5 if library == OURS else 1.2
                (shown[library],) = axis.loglog(
                    seconds, gap, "o-", ms=3, lw=wide, color=colours[library]
                )
            axis.set_title(f"{task} /{strength:g}{', intercept' if intercept else ''}", fontsize=10)
            axis.set(xlabel="seconds", ylabel="relative gap")
            axis.grid(alpha=0.3)
        names = [library for library in libraries if library in shown]
        lines = [shown[library] for library in names]
        figure.legend(lines, names, loc="outside upper center", ncols=len(names), title=name)
        figure.savefig(out / f"{name}.png", dpi=110)


def write(out: Path, gaps: list[float], machine: str, command: str, docs: bool) -> None:
    """Write table.md and the pictures; with `docs` the table goes into the documentation too."""
    results = read(out / "results.jsonl")
    versions = sorted({f"{f['library']} {f['version']}" for f in results})
    limits = sorted({f["limit"] for f in results})
    runs = sorted({f["runs"] for f in results})
    text = "\n".join(
        [
            f"Made by `{command}` on {machine}. Medians of {'/'.join(map(str, runs))}; at most "
            f"{'/'.join(f'{limit:g}' for limit in limits)} s for a fit or path.",
            f"Versions: {', '.join(versions)}.",
            "",
            table(results, gaps),
            by_default(results, gaps[0]),
            growth(results, gaps[0]),
            *(path.read_text() for path in sorted(out.glob("extra_*.md"))),
        ]
    )
    (out / "table.md").write_text(text)
    plot(results, out)
    if docs:
        old = DOCS.read_text() if DOCS.exists() else EMPTY
        before, rest = old.split(BEGIN)
        DOCS.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{rest.split(END)[1]}")
