"""A save is whole or not at all: killed, out of space, or watched by readers."""

import random
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest

import sparsecross as sx

X = np.random.default_rng(0).standard_normal((50, 400))
# Saves one of two models after the other to the same file, for ever.
WRITER = """
import sys
import numpy as np, sparsecross as sx
X = np.random.default_rng(0).standard_normal((50, 400))
models = [sx.prune(sx.Lasso(alpha=0.02).fit(X, X[:, k] + X[:, 7])) for k in (0, 1)]
print("begun", flush=True)
while True:
    for model in models:
        model.save(sys.argv[1])
"""


@pytest.fixture(scope="module")
def answers():
    """The predictions of the two models."""
    return {sx.Lasso(alpha=0.02).fit(X, X[:, k] + X[:, 7]).predict(X).tobytes() for k in (0, 1)}


def start(path):
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
    )
    writer.stdout.readline()
    while not path.exists():
        time.sleep(0.001)
    return writer


def stop(writer):
    writer.kill()
    writer.communicate()


def test_a_kill_at_any_moment_leaves_a_whole_file(tmp_path, answers):
    path = tmp_path / "model.sxm"
    for trial in range(5):
        writer = start(path)
        time.sleep(random.Random(trial).uniform(0.0, 0.05))
        stop(writer)
        assert sx.load(path, mmap=False).predict(X).tobytes() in answers
        for left in tmp_path.iterdir():  # a temporary file at most, never under the model's name
            assert left == path or left.name.startswith(".model.sxm.")


def test_readers_see_one_model_or_the_other(tmp_path, answers):
    path = tmp_path / "model.sxm"
    writer = start(path)
    try:
        seen = {sx.load(path, mmap=k % 2 == 0).predict(X).tobytes() for k in range(400)}
    finally:
        stop(writer)
    assert seen == answers


def _save_and_fail(path, before=""):
    """Try to save in a process of its own; returns what it printed."""
    program = f"""
import sys, resource
import numpy as np, sparsecross as sx
X = np.random.default_rng(0).standard_normal((50, 400))
model = sx.Lasso(alpha=0.001).fit(X, X[:, 0])
{before}
try:
    sx.save(model, sys.argv[1])
except OSError as error:
    print(error)
"""
    command = [sys.executable, "-c", program, str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("room", [0, 10, 400])
def test_a_limit_of_bytes_leaves_the_old_file(tmp_path, room):
    path = tmp_path / "model.sxm"
    sx.save(sx.Lasso(alpha=0.1).fit(X, X[:, 3]), path)
    old = path.read_bytes()
    limit = f"resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, resource.RLIM_INFINITY))"
    assert "File too large" in _save_and_fail(path, limit)
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_file_system_leaves_the_old_file(tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(mounting, capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        path = folder / "model.sxm"
        sx.save(sx.Lasso(alpha=0.1).fit(X, X[:, 3]), path)  # takes the only page that there is
        old = path.read_bytes()
        assert "No space left" in _save_and_fail(path)
        assert path.read_bytes() == old
        assert list(folder.iterdir()) == [path]
    finally:
        subprocess.run(["umount", str(folder)], check=True)
