import pyarrow.parquet as pq
import pytest

from command_line_tables import make_table
from sparsecross.cli import main


@pytest.fixture(scope="module")
def table():
    return make_table()


@pytest.fixture(scope="module")
def parquet(table, tmp_path_factory):
    path = tmp_path_factory.mktemp("tables") / "t.parquet"
    pq.write_table(table, path)
    return str(path)


@pytest.fixture
def run(capsys):
    """Run the command line here; return the exit code, standard output and standard error."""

    def run(*arguments):
        try:
            code = main([str(a) for a in arguments])
        except SystemExit as stop:
            code = stop.code
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def fails(run):
    """Run what must fail with one line on standard error; return the line."""

    def fails(*arguments):
        code, out, err = (
            run(*arguments, "--quiet") if arguments[0] != "inspect" else run(*arguments)
        )
        assert code == 1, err
        assert out == ""
        assert err.startswith("sparsecross: error: ")
        assert err.count("\n") == 1
        return err

    return fails
