"""Processes of their own: streams, signals, terminals."""

import os
import pty
import select
import signal
import subprocess
import sys
import time

import pyarrow.parquet as pq
import pytest

from command_line_tables import FIT, REGRESSION, command, make_table, rows_of_table
from sparsecross.cli import main


def test_process(parquet, tmp_path):
    model = tmp_path / "m.sxm"
    done = subprocess.run(
        command("fit", parquet, *REGRESSION, *FIT, "-o", model),
        capture_output=True,
        text=True,
        check=True,
    )
    assert rows_of_table(done.stdout)[-1][0] == "with crosses"
    assert "\x1b" not in done.stdout + done.stderr
    done = subprocess.run(
        command("fit", parquet, *REGRESSION, "--quiet", "-o", model), capture_output=True, text=True
    )
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.startswith("model ")
    failed = subprocess.run(command("predict", model, "no.csv"), capture_output=True, text=True)
    assert failed.returncode == 1
    assert failed.stdout == ""
    assert "Traceback" not in failed.stderr


def test_reader_that_leaves_is_no_trouble(parquet, tmp_path):
    model = tmp_path / "m.sxm"
    main(["fit", parquet, *REGRESSION, "--alpha", "0.1", "--quiet", "-o", str(model)])
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        command("predict", model, parquet, "--quiet"),
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(write)
    assert done.stderr == ""
    assert done.returncode == 141


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_interrupted_fit_leaves_no_file(tmp_path, signum, code):
    pq.write_table(make_table(100_000), tmp_path / "t.parquet")
    model = tmp_path / "m.sxm"
    process = subprocess.Popen(
        command("fit", tmp_path / "t.parquet", *REGRESSION, "--cross", "pairwise", "--tol", 1e-15,
                "-o", model),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    for line in process.stderr:
        if line.startswith("  alpha"):
            break
    process.send_signal(signum)
    _, err = process.communicate(timeout=30)
    assert process.returncode == code
    assert "Traceback" not in err
    if signum == signal.SIGINT:
        assert err.endswith("sparsecross: error: interrupted\n")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["t.parquet"]


def on_terminal(arguments):
    """Run on a pseudo-terminal and return all that was shown."""
    leader, follower = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120", "LINES": "40"}
    process = subprocess.Popen(
        arguments, stdout=follower, stderr=follower, stdin=follower, env=environment
    )
    os.close(follower)
    shown = b""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        ready, _, _ = select.select([leader], [], [], 0.1)
        try:
            part = os.read(leader, 65536) if ready else None
        except OSError:  # the other end is closed
            break
        if part == b"" or (part is None and process.poll() is not None):
            break
        shown += part or b""
    assert process.wait(timeout=10) == 0
    os.close(leader)
    return shown.decode()


def test_bar_and_table_on_a_terminal(parquet, tmp_path):
    shown = on_terminal(command("fit", parquet, *REGRESSION, "-o", tmp_path / "m.sxm"))
    assert "choosing alpha" in shown
    assert "━" in shown  # the bar
    assert "\x1b[" in shown
    assert "┃" in shown  # the table
    assert "read: 600 rows" in shown


def test_lines_on_a_terminal_without_rich(parquet, tmp_path):
    code = (
        "import sys; sys.modules['rich'] = None\n"
        "from sparsecross.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    arguments = ["fit", parquet, *REGRESSION, "-o", str(tmp_path / "m.sxm")]
    shown = on_terminal([sys.executable, "-c", code, *arguments])
    assert "\x1b" not in shown
    assert "  alpha " in shown
