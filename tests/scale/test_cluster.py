"""Fits on the workers of a cluster: the bits of those in memory, whoever lives or dies."""

import os
import signal
import sys

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

import sparsecross as sx
from sparsecross.scale.blocktask import BlockTask
from sparsecross.scale.pairs import AllPairs
from sparsecross.scale.reducer import LocalReducer

distributed = pytest.importorskip("distributed")
sxd = pytest.importorskip("sparsecross.dask")
cluster = pytest.importorskip("sparsecross.scale.cluster")

pytestmark = pytest.mark.filterwarnings("ignore")  # of Dask itself


def start(n_workers, threads=1, **more):
    return distributed.LocalCluster(
        n_workers=n_workers,
        threads_per_worker=threads,
        processes=True,
        dashboard_address=None,
        host="127.0.0.1",
        silence_logs=50,
        **more,
    )


@pytest.fixture(scope="module")
def two():
    with start(2) as workers, distributed.Client(workers) as client:
        yield client


def rows(n=3_000, p=400, seed=0):
    rng = np.random.default_rng(seed)
    X = sp.random_array((n, p), density=0.03, format="csr", rng=rng)
    margins = X @ np.where(rng.random(p) < 0.2, 3 * rng.standard_normal(p), 0.0)
    return X, margins + 0.3 * rng.standard_normal(n)


TARGETS = {
    "squared": lambda y: y,
    "logistic": lambda y: np.where(y > 0, 1.0, -1.0),
    "huber": lambda y: y,
    "poisson": lambda y: np.round(np.exp(np.clip(y, -3, 2))),
}


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    X, y = rows()
    made = {}
    for loss, target in TARGETS.items():
        t = target(y)
        batches = [(X[k : k + 250], t[k : k + 250]) for k in range(0, len(y), 250)]
        path = tmp_path_factory.mktemp("stores") / loss
        made[loss] = sx.BlockStore.from_batches(batches, path, block_bytes=9_000)
        assert len(made[loss]) >= 8
    return made


def solved(reducer, loss, **options):
    from sparsecross.scale.block import LossOfRows

    factor, standardize = options.pop("penalty_factor", None), options.pop("standardize", False)
    crossed = options.pop("crossed", False)
    products = AllPairs(reducer.shape[1], 1.0, None) if crossed else None
    task = BlockTask(reducer, LossOfRows(loss), factor, True, False, 1, standardize, products)
    ratio = options.pop("l1_ratio", 1.0)
    alpha = task.alpha_max(ratio) / 20
    return task.solve(alpha, ratio, tol=1e-6, **options)


def same_bits(mine, theirs):
    np.testing.assert_array_equal(mine.coef, theirs.coef)
    if theirs.interactions is not None:
        np.testing.assert_array_equal(mine.interactions.columns, theirs.interactions.columns)
        np.testing.assert_array_equal(mine.interactions.values, theirs.interactions.values)
    assert mine.intercept == theirs.intercept
    assert mine.dual == theirs.dual
    assert mine.n_iter == theirs.n_iter


@pytest.mark.parametrize("loss", TARGETS)
def test_bits_are_those_of_threads_in_memory(two, stores, loss):
    store = stores[loss]
    factor = np.ones(store.shape[1])
    factor[:3] = [0.0, 2.0, np.inf]
    for options in (
        {},
        {"l1_ratio": 0.5},
        {"penalty_factor": factor},
        {"standardize": True},
        {"crossed": True},
        {"crossed": True, "l1_ratio": 0.5},
    ):
        local = solved(store.reducer(2), loss, **options)
        far = solved(sxd.cluster_reducer(store, client=two), loss, **options)
        assert local.status == sx.Status.converged
        same_bits(far, local)


@pytest.mark.parametrize(("n_workers", "threads"), [(4, 1), (1, 3)])
def test_bits_do_not_depend_on_the_number_of_workers(stores, n_workers, threads):
    local = solved(stores["logistic"].reducer(1), "logistic")
    with start(n_workers, threads) as workers, distributed.Client(workers) as client:
        far = solved(sxd.cluster_reducer(stores["logistic"], client=client), "logistic")
    same_bits(far, local)


def test_columns_are_surveyed_in_parts(stores, two, monkeypatch):
    """Chunks so narrow that both workers sum some."""
    from sparsecross.scale import survey

    store = stores["logistic"]
    whole = store.reducer(1)
    monkeypatch.setattr(survey, "CHUNK", 64)
    monkeypatch.setattr(cluster, "CHUNK", 64)
    two.run(narrowing(64))
    try:
        same_bits(
            solved(sxd.cluster_reducer(store, client=two), "logistic"), solved(whole, "logistic")
        )
    finally:
        two.run(narrowing(1 << 20))


def narrowing(chunk):
    """A function of no module, as workers do not have this one."""

    def narrow():
        from sparsecross.scale import cluster, clustertasks, survey

        survey.CHUNK = cluster.CHUNK = clustertasks.CHUNK = chunk

    return narrow


@pytest.mark.parametrize(("n_killed", "kind"), [(1, "store"), (2, "delayed")])
def test_killed_workers_cost_time_and_no_bit(stores, n_killed, kind, monkeypatch):
    store = stores["logistic"]
    local = solved(store.reducer(1), "logistic")
    with start(3) as workers, distributed.Client(workers) as client:
        X = store if kind == "store" else [client_free_batch(store, k) for k in range(len(store))]
        reducer = sxd.cluster_reducer(X, client=client)
        pids = list(client.run(os.getpid).values())
        original = type(reducer)._ask
        asked = []

        def ask(self, question):
            futures = original(self, question)
            asked.append(question)
            if len(asked) in (9, 10)[:n_killed]:
                os.kill(pids.pop(), signal.SIGKILL)  # while they are at it
            return futures

        monkeypatch.setattr(type(reducer), "_ask", ask)
        far = solved(reducer, "logistic")
        assert len(pids) == 3 - n_killed
    same_bits(far, local)


def test_blocks_that_no_worker_can_hold_say_how_large_they_may_be():
    """Workers that their nannies kill over a batch, again and again: real ones, and real bytes."""
    import dask

    def too_large():
        import numpy as np

        X = np.ones((1 << 17, 1 << 11))  # 2 GiB
        return X, X[:, 0]

    limits = {"distributed.scheduler.allowed-failures": 1, "distributed.worker.memory.pause": False}
    with (
        dask.config.set(limits),
        start(1, memory_limit="512MiB") as workers,
        distributed.Client(workers),
        pytest.raises(MemoryError, match=r"cut the rows into blocks below 134,217,728 bytes"),
    ):
        sxd.Lasso(alpha=0.1).fit([dask.delayed(too_large)()])


def client_free_batch(store, k):
    """A task that makes a batch, as users have them."""
    from dask.delayed import delayed

    def batch_of(path, k):
        import sparsecross as sx

        batch = list(sx.BlockStore(path).batches())[k]
        return batch.X, batch.y

    return delayed(batch_of)(os.fspath(store.path), k)


def test_estimators_take_what_dask_users_have(two):
    dask_array = pytest.importorskip("dask.array")
    dataframe = pytest.importorskip("dask.dataframe")
    X, y = rows(p=30)
    dense = X.toarray()
    expected = sx.Lasso(alpha=0.01, tol=1e-7).fit(X, y)

    array = dask_array.from_array(dense, chunks=(700, 30))
    sparse = array.map_blocks(sp.csr_array)
    target = dask_array.from_array(y, chunks=700)
    names = [f"field {j}" for j in range(30)]
    table = dataframe.from_pandas(pd.DataFrame(dense, columns=names), npartitions=4)
    beside = dataframe.from_pandas(pd.Series(y), npartitions=4)
    batches = [(X[k : k + 600], y[k : k + 600]) for k in range(0, len(y), 600)]
    for given in ((array, target), (sparse, target), (table, beside), (batches,)):
        model = sxd.Lasso(alpha=0.01, tol=1e-7).fit(*given)
        assert model.status_ == sx.Status.converged
        np.testing.assert_allclose(model.coef_, expected.coef_, atol=1e-4)
    assert sxd.Lasso(alpha=0.01).fit(table, beside).feature_names_in_.tolist() == names
    weight = dask_array.from_array(np.linspace(0.5, 2, len(y)), chunks=700)
    mine = sxd.ElasticNet(alpha=0.01, tol=1e-7).fit(array, target, sample_weight=weight)
    theirs = sx.ElasticNet(alpha=0.01, tol=1e-7).fit(
        X, y, sample_weight=np.linspace(0.5, 2, len(y))
    )
    np.testing.assert_allclose(mine.coef_, theirs.coef_, atol=1e-4)
    path = sxd.path(array, target, n_alphas=5, tol=1e-6)
    np.testing.assert_allclose(path.primals, sx.path(X, y, n_alphas=5, tol=1e-6).primals, rtol=1e-5)


def test_tables_of_categories_go_through_an_encoder(two):
    dataframe = pytest.importorskip("dask.dataframe")
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {"a": rng.choice(list("uvwxyz"), 2_000), "b": rng.choice(list("pq"), 2_000)}
    )
    y = np.where((table["a"] == "x") & (table["b"] == "p"), "late", "early")
    encoder = sx.FeatureCross("pairwise").fit(table)
    model = sxd.SparseLogisticRegression(alpha=0.001, encoder=encoder)
    model.fit(
        dataframe.from_pandas(table, npartitions=3),
        dataframe.from_pandas(pd.Series(y), npartitions=3),
    )
    assert model.classes_.tolist() == ["early", "late"]
    assert (model.predict(table) == y).all()
    assert (sx.prune(model).predict(table) == y).all()


@pytest.mark.parametrize("interactions", [None, "pairwise"])
def test_a_lost_client_goes_on_from_its_checkpoint(two, stores, tmp_path, interactions):
    store, file = stores["logistic"], tmp_path / "fit.npz"
    asked = {"alpha": 0.001, "tol": 1e-6, "interactions": interactions}
    whole = sxd.SparseLogisticRegression(**asked).fit(store)
    model = sxd.SparseLogisticRegression(**asked, checkpoint=file)
    n_looks = 0

    def lost(self, k, listeners, original=sxd._OnCluster._heard):
        saved = original(self, k, listeners)

        def heard(look):
            nonlocal n_looks
            saved(look)
            n_looks += 1
            if n_looks == 3:
                raise ConnectionError("the client is gone")

        return heard

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sxd._OnCluster, "_heard", lost)
        with pytest.raises(ConnectionError):
            model.fit(store)
    assert file.exists()
    with pytest.raises(ValueError, match=r"checkpoint of another fit, of alpha=0\.001"):
        sxd.SparseLogisticRegression(**asked | {"alpha": 0.002}, checkpoint=file).fit(store)
    model.fit(store)
    assert not file.exists()
    assert model.n_iter_ < whole.n_iter_
    assert model.relative_gap_ <= 1e-6
    file.write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match="is no checkpoint of a fit"):
        model.fit(store)


def test_bad_data_are_named(two):
    dask_array = pytest.importorskip("dask.array")
    X, y = rows(n=400, p=20)
    dense = X.toarray()
    array = dask_array.from_array(dense, chunks=(100, 20))
    for given, message in (
        (
            ([(X[:200], y[:200]), (X[200:, :7], y[200:])],),
            "as many columns, got 7 in block 1 and 20",
        ),
        (([(X[:200], y[:200]), (X[200:], y[200:-1])],), "block 1: y must have shape"),
        (([(X[:200], y[:200] * np.nan)],), "block 0: Input y contains NaN"),
        ((array, None), "y must be given"),
        ((array, dask_array.from_array(y, chunks=200)), "cut as X is, into 4 parts, got 2"),
        ((array.rechunk((100, 10)), dask_array.from_array(y, chunks=100)), "cut by rows alone"),
        (([],), "at least one batch"),
    ):
        with pytest.raises(ValueError, match=message):
            sxd.Lasso(alpha=0.1).fit(*given)
    with pytest.raises(TypeError, match="X must be a BlockStore, a dask"):
        sxd.Lasso(alpha=0.1).fit(dense, y)
    with pytest.raises(TypeError, match="y must be a dask array"):
        sxd.Lasso(alpha=0.1).fit(array, y)


def test_clusters_that_will_not_do_are_named(two, monkeypatch):
    for found, message in (
        ({}, "at least one worker"),
        ({"tcp://a:1": None}, "the worker tcp://a:1 has no sparsecross"),
        ({"tcp://a:1": "0.0.1"}, r"has sparsecross 0\.0\.1, but this is"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(two, "run", lambda *_, found=found: found)
            with pytest.raises(ValueError, match=message):
                cluster.check_cluster(two)


def test_without_a_client_the_user_is_told(stores):
    code = (
        "import sparsecross as sx, sparsecross.dask as sxd, sys\n"
        "try: sxd.Lasso().fit(sx.BlockStore(sys.argv[1]))\n"
        "except ValueError as e: print(e)"
    )
    import subprocess

    run = [sys.executable, "-c", code, os.fspath(stores["squared"].path)]
    told = subprocess.run(run, capture_output=True, text=True, check=True).stdout
    assert "there must be a client of a cluster" in told


def test_an_interrupt_frees_the_cluster(two, stores, monkeypatch):
    """Ctrl-C while the client waits: what it waits for is called off, and the next fit runs."""
    reducer = sxd.cluster_reducer(stores["logistic"], client=two)
    gather, asked, cancelled = two.gather, [], []

    def interrupted(futures, **options):
        asked.append(futures)
        if len(asked) == 5:
            raise KeyboardInterrupt
        return gather(futures, **options)

    cancel = two.cancel
    with monkeypatch.context() as patch:
        patch.setattr(two, "gather", interrupted)
        patch.setattr(two, "cancel", lambda futures: (cancelled.extend(futures), cancel(futures)))
        with pytest.raises(KeyboardInterrupt):
            solved(reducer, "logistic")
    assert cancelled == list(asked[-1])
    assert solved(reducer, "logistic").status == sx.Status.converged


def test_a_round_of_a_cluster_is_one_task_a_thread(two, stores):
    reducer = sxd.cluster_reducer(stores["logistic"], client=two)
    assert len(reducer._shares()) == 2
    assert sum(len(blocks) for _, blocks in reducer._shares()) == len(stores["logistic"])


def test_reducers_stand_for_rows_in_every_function(stores):
    store = stores["squared"]
    reducer = LocalReducer(list(store), store.shape[1])
    mine, theirs = (sx.solve(X, alpha=0.01, tol=1e-6) for X in (reducer, store))
    np.testing.assert_array_equal(mine.coef, theirs.coef)


def test_streams_are_averaged_and_say_so(two, stores):
    store = stores["logistic"]
    model = sxd.FTRLClassifier(l1=0.1, n_passes=2).fit(store)
    assert model.n_models_ == 2
    assert model.n_rows_ == 2 * store.shape[0]
    reducer = sxd.cluster_reducer(store, client=two)
    blocks = two.gather(reducer._blocks)
    shares = [blocks[k::2] for k in range(2)]  # whoever has them
    coefs, counts = [], []
    for share in shares:
        own = sx.FTRLClassifier(l1=0.1, n_passes=1)
        for _ in range(2):
            for block in sorted(share, key=lambda block: block.number):
                own.partial_fit(block.rows_of_X(), block.y, [-1.0, 1.0])
        coefs.append(own.coef_)
        counts.append(own.n_rows_)
    expected = np.average(coefs, axis=0, weights=counts)
    np.testing.assert_allclose(model.coef_, expected, rtol=1e-12, atol=1e-15)
    X = np.concatenate([batch.X.toarray() for batch in store.batches()])
    share = np.mean(store.y == 1)
    assert model.score(X, store.y) > max(share, 1 - share) + 0.1
    assert sx.prune(model).report.n_nonzero == np.count_nonzero(model.coef_)
    with pytest.raises(ValueError, match="interactions must be None for averaged models"):
        sxd.FTRLClassifier(interactions="pairwise").fit(store)
