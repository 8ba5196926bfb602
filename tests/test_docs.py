"""The code of every page runs, and does what the page says; links lead somewhere."""

import contextlib
import io
import re
import shlex
from pathlib import Path
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy.stats import entropy

import sparsecross as sx
from sparsecross.cli import main
from sparsecross.cli.arguments import make_parser

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
NEEDS = {"big_data": "distributed", "memory": "onnxruntime", "deep_nets": "torch"}


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


def commands(text):
    """Command lines of this package in a text, without what is piped into them."""
    for line in text.replace("\\\n", " ").splitlines():
        found = re.search(
            r"(?:^|\$ |\| |bin/)sparsecross ((?:fit|path|stream|convert|predict|inspect) .*)",
            line.strip(),
        )
        if found and not re.search(r"\[-|…", line):  # those are synopses
            yield shlex.split(found[1])


def run(page):
    """Run a page in this directory: what it printed, and all names after each of its blocks."""
    names, after = {"__name__": "__main__"}, []
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        for k, block in enumerate(blocks(page, "python")):
            exec(compile(block, f"{page.name}, block {k}", "exec"), names)
            after.append(dict(names))
        for block in blocks(page, "console"):
            for arguments in commands(block):
                assert (
                    main([*arguments, "--quiet"] if arguments[0] != "inspect" else arguments) == 0
                )
    return SimpleNamespace(names=names, after=after, output=printed.getvalue())


def check_start(found):
    names = found.names
    noise, error = (
        4.0,
        np.sqrt(np.mean((names["y_test"] - names["model"].predict(names["test"])) ** 2)),
    )
    assert noise < error < 1.1 * noise
    assert "\nTrue\n" in found.output
    assert names["small"].report.size <= 2_048
    assert {top.name for top in names["loaded"].top_weights(12)} >= {
        "city_Oslo weekday_Fri",
        "courier_courier 72",
    }
    alphas, sizes = names["path"].alphas, names["path"].n_nonzeros
    assert (np.diff(alphas) < 0).all()
    assert (np.diff(sizes) > 0).all()
    assert len(Path("predicted.csv").read_text().splitlines()) == 1 + names["n"]
    assert sx.load("orders.sxm").report.size <= 2_048


def check_moving(found):
    assert float(found.output) < 1e-5


def check_readme(found):
    assert found.names["tiny"].report.size <= 16_384
    assert found.names["path"].file_bytes.max() <= 100_000


def check_paths(found):
    path, small, model = (found.names[name] for name in ("path", "small", "model"))
    assert (path.n_nonzeros[0], path.n_nonzeros[-1]) == (0, 10)
    assert (small.n_bytes[-1], small.file_bytes[-1], small.stopped_by) == (68, 444, "max_bytes")
    assert (found.names["best"].n_nonzero, found.names["best"].file_bytes) == (4, 436)
    assert round(model.alpha_, 3) == 0.187
    assert model.mse_path_.shape == (100, 5)
    # The adaptive lasso is a lasso on scaled columns.
    X, y, first, adaptive = (found.names[name] for name in ("X", "y", "first", "adaptive"))
    scaled = X.to_numpy() * np.abs(first.coef_)
    alone = sx.solve(scaled, y, alpha=adaptive.alpha_, tol=1e-10)
    factor = found.names["factor"]
    tight = sx.solve(X, y, alpha=adaptive.alpha_, penalty_factor=factor, tol=1e-10)
    np.testing.assert_allclose(tight.coef, np.abs(first.coef_) * alone.coef, rtol=1e-3, atol=1e-3)
    assert set(np.flatnonzero(adaptive.coef_)) <= set(np.flatnonzero(first.coef_))


def check_groups(found):
    assert found.names["small"].fields_needed_ == ["carrier"]


def check_interactions(found):
    assert "carrier_AA tags_b" in found.names["model"].interactions_.names()
    assert sx.load("crossed.sxm").report.n_nonzero > 0


def check_streams(found):
    assert "\nTrue\n" in found.output
    names = found.names
    # Nobody can know more than the share of targets that are drawn at random, nor need know less
    # than the share of those that are true.
    noise, late = 0.05, 1 / 3 * 6 / 24
    always = late + (1 - late) * noise
    assert entropy([noise, 1 - noise]) * (1 - late) < names["model"].progressive_loss_
    assert names["model"].progressive_loss_ < entropy([always, 1 - always])
    n_levels = [3, 24, 4]
    n_pairs = 3 * 24 + 3 * 4 + 24 * 4 + 4 * 3 // 2
    assert 0 < names["small"].report.n_nonzero < (sum(n_levels) + n_pairs) / 2
    online, exact = names["certificate"], names["exact"]
    assert exact.relative_gap_ <= 1e-4
    assert online.dual <= exact.history_[-1].primal < online.primal


def check_big_data(found):
    assert found.output.endswith("True\n")
    model = found.names["model"]
    assert model.relative_gap_ <= 1e-4
    signal = np.flatnonzero(found.names["effects"])
    weights = np.abs(model.coef_[0])
    assert weights[signal].sum() > 0.9 * weights.sum()


def check_memory(found):
    small = found.after[0]["small"].report
    cheap, half = (found.after[1][name].report for name in ("cheap", "half"))
    assert max(small.file_bytes, small.pruned_bytes) <= 4_096
    assert cheap.losses.after <= cheap.losses.before + 0.05
    assert 0 < cheap.n_nonzero < half.n_nonzero
    assert half.weight_type == "q2.13"
    assert Path("weights.csv").read_text().startswith("name,weight\n(intercept),")
    assert "True" in found.output


def check_deep_nets(found):
    assert found.output.endswith("True\n")
    assert found.names["report"].ratio > 3
    assert found.names["report"].kept == ()


WITH_CODE = [page for page in PAGES if blocks(page, "python") or blocks(page, "console")]


@pytest.mark.parametrize("page", WITH_CODE, ids=lambda page: page.stem)
def test_a_page_runs_and_does_what_it_says(page, tmp_path, monkeypatch):
    if page.stem in NEEDS:
        pytest.importorskip(NEEDS[page.stem])
    plt.switch_backend("Agg")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    if page.stem == "big_data":
        monkeypatch.setattr("warnings.showwarning", lambda *_: None)  # of Dask itself
    found = run(page)
    plt.close("all")
    globals().get(f"check_{page.stem.lower()}", lambda _: None)(found)


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=lambda page: page.stem)
def test_commands_of_a_page_are_understood(page):
    for arguments in commands(page.read_text()):
        make_parser().parse_args(arguments)


def anchors(page):
    """What GitHub, and the site, call the headings of a page."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page.stem != "index"]  # of the site, whose build looks at it
    + [
        ROOT / "CONTRIBUTING.md",
        ROOT / "CHANGELOG.md",
        *sorted((ROOT / "benchmarks").glob("*.md")),
    ],
    ids=lambda page: page.stem,
)
def test_links_within_the_repository_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path) if path else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


def test_the_page_of_names_has_every_public_name():
    listed = re.findall(r"^   (\w+)$", (DOCS / "api.md").read_text(), re.MULTILINE)
    assert set(sx.__all__) <= set(listed)


def test_the_page_of_choices_has_every_estimator():
    text = (DOCS / "choosing.md").read_text()
    estimators = [name for name in sx.__all__ if hasattr(getattr(sx, name), "get_params")]
    assert [name for name in estimators if f"`{name}" not in text] == []
