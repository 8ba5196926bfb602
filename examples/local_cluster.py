"""A table, as a store of blocks, fitted out of core and on a cluster of two processes.

pip install 'sparsecross[cli,dask]'
python examples/local_cluster.py
"""

import tempfile
from pathlib import Path

import pyarrow.parquet as pq
from distributed import Client, LocalCluster

import sparsecross as sx
import sparsecross.dask

TABLE = Path(__file__).parent / "debian_packages.parquet"
FIELDS = ["section", "maintainer", "architecture", "tags"]


def main() -> None:
    """Convert, fit twice, compare, prune."""
    table = pq.read_table(TABLE)
    encoder = sx.FeatureCross([("section", "maintainer"), ("section", "tags")], min_count=2)
    encoder.fit(table.select(FIELDS))
    with tempfile.TemporaryDirectory() as folder:
        store = sx.BlockStore.from_parquet(
            TABLE,
            Path(folder) / "packages",
            target="log_size",
            encoder=encoder,
            block_bytes=1 << 20,
        )
        print(store)
        here = sx.Lasso(alpha=2e-4).fit(store)
        cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
        with cluster, Client(cluster):
            there = sparsecross.dask.Lasso(alpha=2e-4).fit(store)
        print("the same bits:", (here.coef_ == there.coef_).all())
        print(f"relative gap {there.relative_gap_:.1e} after {there.n_iter_} rounds")
        print(sx.prune(there).report)


if __name__ == "__main__":
    main()
