"""What is seen from outside only: interrupts, forks and memory, each in its own process."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import psutil
import pytest

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, or forks")


def python(script, **options):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def finished(process, timeout=120):
    try:
        out, err = process.communicate(timeout=timeout)
    finally:
        process.kill()
    assert process.returncode == 0, err
    return out


def work_of(process):
    """Seconds that it has computed so far, as time.process_time() tells it within."""
    times = psutil.Process(process.pid).cpu_times()
    return times.user + times.system


def let_work(process, seconds=1.0):
    """Wait until it has computed so long, however much else the machine does."""
    begun = work_of(process)
    while work_of(process) < begun + seconds:
        assert process.poll() is None, "the work was not long enough to interrupt"
        time.sleep(0.01)


# --- interrupts ---

# Sweeps without end: a gap of 0 is asked for, and the columns are nearly collinear.
LONG = """
    import numpy as np, time, warnings
    import sparsecross as sx

    rng = np.random.default_rng(0)
    X = rng.standard_normal((2000, 1)) + 1e-4 * rng.standard_normal((2000, 300))
    y = X @ rng.standard_normal(300) + rng.standard_normal(2000)
    warnings.simplefilter("ignore")
    quick = dict(tol=1e-3, warm_start=True)
    long = dict(tol=0.0, max_iter=2**40)
"""
# Nearly as many weights as rows, of four times as many columns: the support is long in settling.
WIDE = "X = rng.standard_normal((2000, 8000)); y = X[:, 0] + rng.standard_normal(2000)"
FITS = {
    "lasso": f"{WIDE}; model = sx.Lasso(1e-5); labels = y",
    "logistic": "model = sx.SparseLogisticRegression(1e-9); labels = y > 0",
    "multinomial": "model = sx.SparseLogisticRegression(1e-9, multi_class='multinomial');"
    " labels = np.digitize(y, [-5.0, 5.0])",
    "null model": "model = sx.Lasso(1e-9, penalty_factor=np.zeros(300)); labels = y",
    "projection": "X = rng.standard_normal((1500, 2500)); labels = X[:, 0] > rng.random(1500);"
    " model = sx.SparseLogisticRegression(0.0)",
    "alpha None": "model = sx.Lasso(None, penalty_factor=np.arange(300.0) // 290); labels = y",
}


@linux
@pytest.mark.parametrize("case", FITS)
def test_an_interrupt_ends_a_fit_within_a_second(case):
    process = python(f"""{LONG}
    {FITS[case]}
    print("ready", flush=True)
    try:
        model.set_params(**long).fit(X, labels)
    except KeyboardInterrupt:
        caught = time.process_time()
    print(caught, flush=True)
    # The process lives on. What the fit had reached is kept, if it had weights at all, and the
    # next one starts from there.
    model.set_params(**quick, alpha=1.0, penalty_factor=None)
    start = getattr(model, "coef_", None)
    if start is not None:
        assert np.isfinite(start).all() and np.isfinite(model.predict(X).astype(float)).all()
        assert model.status_ is sx.Status.interrupted
    model.fit(X, labels)
    assert model.status_ is sx.Status.converged
    print(start is not None)
    """)
    assert process.stdout.readline() == "ready\n"
    let_work(process)
    sent = work_of(process)
    process.send_signal(signal.SIGINT)
    caught, usable = finished(process).split()
    assert 0 <= float(caught) - sent < 1.0
    if case in ("lasso", "logistic", "multinomial"):
        assert usable == "True"


@linux
@pytest.mark.parametrize("case", ["lasso", "logistic", "multinomial"])
def test_an_interrupted_fit_is_a_warm_start(case):
    process = python(f"""{LONG}
    import os, signal, threading
    {FITS[case]}

    def stop_after_a_second_of_work(begun=time.process_time()):
        while time.process_time() < begun + 1.0:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=stop_after_a_second_of_work).start()
    try:
        model.set_params(**long).fit(X, labels)
    except KeyboardInterrupt:
        pass
    first, last = model.history_[0], model.history_[-1]
    assert last.primal < first.primal and last.n_iter > 10
    model.set_params(warm_start=True, max_iter=1).fit(X, labels)
    assert model.history_[0].primal <= last.primal * (1 + 1e-9), (model.history_[0], last)
    """)
    finished(process)


@linux
def test_an_interrupted_path_hands_over_what_it_finished():
    process = python(f"""{LONG}
    {WIDE}
    print("ready", flush=True)
    alphas = [1e3, 1e2, 1e-5]  # the last one takes without end
    try:
        sx.path(X, y, alphas=alphas, tol=1e-13, max_iter=2**40)
    except KeyboardInterrupt as stop:
        caught, path = time.process_time(), stop.path
    assert path.alphas.tolist() == alphas[:2] and path.stopped_by == "interrupt"
    assert path.coefs.shape == (8000, 2)
    rest = sx.path(X, y, alphas=[1e2], coef_init=path[-1].coef, intercept_init=path[-1].intercept)
    assert rest.n_iters[0] == 0  # what was handed over is the solution already
    print(caught)
    """)
    assert process.stdout.readline() == "ready\n"
    let_work(process)
    sent = work_of(process)
    process.send_signal(signal.SIGINT)
    assert 0 <= float(finished(process)) - sent < 1.0


@linux
@pytest.mark.parametrize("during", ["folds", "path", "path to the choice"])
def test_an_interrupted_cross_validation_can_be_fitted_again(during):
    """In the folds nothing is fitted yet; on all rows, the weights reached are kept."""
    process = python(f"""{LONG}
    {WIDE}
    during = {during!r}
    # The intercept alone fits one row: such folds are done at once.
    cv = 2 if during == "folds" else [([0], [2]), ([3], [5])]
    model = sx.LassoCV(alphas=[1e3, 1e-5], tol=1e-13, max_iter=2**40, cv=cv)
    if during == "path to the choice":
        scores = iter(range(4))  # the later the better: the strength without end is chosen
        model.set_params(scoring=lambda *args: next(scores))
    before = dict(vars(model))
    print("ready", flush=True)
    try:
        model.fit(X, y)
    except KeyboardInterrupt:
        caught = time.process_time()
    if during == "folds":
        assert vars(model) == before
    else:
        assert model.path_.alphas.tolist() == [1e3] and model.path_.stopped_by == "interrupt"
        assert np.isfinite(model.predict(X)).all()
        if during == "path":
            assert model.alpha_ == 1e3 and model.status_ is sx.Status.converged
        else:
            assert model.alpha_ == 1e-5 and model.status_ is sx.Status.interrupted
    model.set_params(alphas=[1e3, 1e2], cv=2, tol=1e-4, scoring=None).fit(X, y)
    assert model.status_ is sx.Status.converged and len(model.path_) == 2
    print(caught)
    """)
    assert process.stdout.readline() == "ready\n"
    let_work(process)
    sent = work_of(process)
    process.send_signal(signal.SIGINT)
    assert 0 <= float(finished(process)) - sent < 1.0


# --- forks and threads ---


@linux
def test_a_child_forked_after_a_threaded_fit_does_not_hang():
    process = python(
        """
    import os, sys, warnings
    import numpy as np, scipy.sparse as sp
    import sparsecross as sx

    rng = np.random.default_rng(0)
    X = sp.random_array((20_000, 3_000), density=0.01, format="csr", rng=rng)
    y = rng.standard_normal(20_000)
    ours = sx.Lasso(None, n_threads=2).fit(X, y)
    warnings.simplefilter("ignore")  # newer Pythons warn of forks with threads alive
    child = os.fork()
    if child == 0:
        theirs = sx.Lasso(None, n_threads=2).fit(X, y)
        os._exit(0 if np.array_equal(ours.coef_, theirs.coef_) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    """,
        env={**os.environ, "OMP_NUM_THREADS": "2"},
    )
    finished(process, timeout=60)


def test_fits_in_several_threads_do_not_disturb_each_other():
    process = python("""
    from concurrent.futures import ThreadPoolExecutor
    import numpy as np
    import sparsecross as sx

    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((300, 200)), rng.standard_normal(300)
    alphas = [0.2, 0.1, 0.05, 0.02] * 4
    alone = [sx.solve(X, y, alpha=a).coef for a in alphas]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda a: sx.solve(X, y, alpha=a).coef, alphas))
    assert all(np.array_equal(a, b) for a, b in zip(alone, together))
    """)
    finished(process)


def test_paths_and_cross_validation_in_several_threads_do_not_disturb_each_other():
    process = python("""
    from concurrent.futures import ThreadPoolExecutor
    import numpy as np
    import sparsecross as sx

    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((200, 60)), rng.standard_normal(200)

    def path(seed):
        return sx.path(X, np.roll(y, seed), n_alphas=8).coefs.toarray()

    def errors(seed):
        return sx.LassoCV(n_alphas=8).fit(X, np.roll(y, seed)).mse_path_

    for task in (path, errors):
        alone = list(map(task, range(8)))
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(task, range(8)))
        assert all(np.array_equal(a, b) for a, b in zip(alone, together))
    """)
    finished(process)


@linux
def test_a_forked_child_cross_validates():
    process = python(
        """
    import os, warnings
    import numpy as np, scipy.sparse as sp
    import sparsecross as sx

    rng = np.random.default_rng(0)
    X = sp.random_array((5_000, 500), density=0.02, format="csr", rng=rng)
    y = rng.standard_normal(5_000)
    fit = lambda: sx.LassoCV(n_alphas=5, cv=2, n_threads=2).fit(X, y)
    ours = fit()
    warnings.simplefilter("ignore")  # newer Pythons warn of forks with threads alive
    child = os.fork()
    if child == 0:
        os._exit(0 if np.array_equal(ours.mse_path_, fit().mse_path_) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    """,
        env={**os.environ, "OMP_NUM_THREADS": "2"},
    )
    finished(process, timeout=60)


# --- memory ---


@linux
@pytest.mark.parametrize(
    ("model", "most"),
    [
        ("Lasso(alpha)", 10),
        ("SparseLogisticRegression(alpha)", 10),
        # Two more weights to extrapolate from, and two more vectors of rows for each fold.
        ("LassoCV(alphas=[2 * alpha, alpha], cv=3)", 20),
    ],
)
def test_a_fit_on_csc_needs_some_vectors_and_no_copy_of_x(model, most):
    process = python(f"""
    import gc
    import numpy as np, scipy.sparse as sp
    import sparsecross as sx

    def kilobytes(name):
        for line in open("/proc/self/status"):
            if line.startswith(name):
                return int(line.split()[1])

    n = p = 200_000
    each = 40  # entries in a column
    rng = np.random.default_rng(0)
    # One row in each of 40 bands: sorted, distinct, and made without a copy.
    indices = rng.integers(0, n // each, size=(p, each), dtype=np.int32)
    indices += np.arange(each, dtype=np.int32) * (n // each)
    values = rng.standard_normal(p * each)
    indptr = np.arange(p + 1, dtype=np.int32) * each
    X = sp.csc_array((values, indices.ravel(), indptr), shape=(n, p))
    assert np.shares_memory(X.data, values)
    bytes_of_x = X.data.nbytes + X.indices.nbytes + X.indptr.nbytes
    weights = np.zeros(p)
    weights[rng.integers(0, p, 50)] = 3.0
    y = X @ weights + rng.standard_normal(n)
    lasso = "{model}".startswith("Lasso")
    labels = y if lasso else np.where(y > 0, 1, -1)
    small, alpha = X[:100, :100].tocsc(), 0.1
    sx.{model}.fit(small, labels[:100])  # imports and thread pools
    alpha = sx.alpha_max(X, labels, loss="squared" if lasso else "logistic") / 3
    gc.collect()
    open("/proc/self/clear_refs", "w").write("5")  # the peak starts anew
    before = kilobytes("VmRSS")
    fitted = sx.{model}.fit(X, labels)
    grown = (kilobytes("VmHWM") - before) * 1024
    assert fitted.status_ is sx.Status.converged and fitted.coef_.any()
    print(grown / (8 * (n + p)), bytes_of_x / (8 * (n + p)))
    """)
    vectors, size_of_x = map(float, finished(process).split())
    assert size_of_x > 25, "X must be large enough for a copy to be seen"
    assert 1 < vectors <= most, "at least the weights and the margins are new"
