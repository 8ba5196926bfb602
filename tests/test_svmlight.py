"""svmlight as text: against scikit-learn's reader and Python's numbers, and malformed lines."""

import io

import numpy as np
import pytest
from sklearn.datasets import dump_svmlight_file, load_svmlight_file

from sparsecross import _solvers
from sparsecross.svmlight import svmlight_chunks


def parsed(text, n_threads=1):
    *parts, n_lines = _solvers.parse_svmlight(text, n_threads)
    return [*(part.tolist() for part in parts), n_lines]


def test_lines_comments_and_blanks():
    text = b"# a title\n1 1:2 3:4.5\r\n\n  -1 qid:3 2:1 # why\n+2\t7:-1e-3\n0.5"
    labels, ends, indices, values, n_lines = parsed(text)
    assert n_lines == 6
    assert labels == [1, -1, 2, 0.5]
    assert ends == [0, 2, 3, 4, 4]
    assert indices == [1, 3, 2, 7]
    assert values == [2, 4.5, 1, -1e-3]
    assert parsed(b"") == [[], [0], [], [], 0]


def numbers():
    rng = np.random.default_rng(0)
    for value in rng.standard_normal(2_000):
        yield repr(float(value))
    for value in np.frombuffer(rng.bytes(8 * 4_000), np.float64):
        if np.isfinite(value):
            yield repr(float(value))
            yield f"{value:.3e}"
    for _ in range(4_000):
        digits = "".join(rng.choice(list("0123456789"), rng.integers(1, 25)))
        point = rng.integers(0, len(digits) + 1)
        yield f"{digits[:point]}.{digits[point:]}e{rng.integers(-30, 30)}"
    yield from ("0", "-0", "+1", ".5", "5.", "1e22", "1e23", "9007199254740993", "1E5", "4.9e-324")
    yield from ("1e-400", "-1e-400", "+2.5e-324", "2e-324", "0." + 400 * "0" + "1", "1e-99999")


def test_every_number_is_the_nearest_double():
    texts = list(numbers())
    _, _, _, values, _ = parsed(
        " ".join(["1", *(f"{k}:{t}" for k, t in enumerate(texts))]).encode()
    )
    expected = [float(text) for text in texts]
    np.testing.assert_array_equal(values, expected)
    assert np.signbit(values).tolist() == np.signbit(expected).tolist()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"x 1:2", "'x' is no label"),
        (b"1 2", "'2' is no index:value"),
        (b"1 2:", "'2:' is no index:value"),
        (b"1 :2", "':2' is no index:value"),
        (b"1 -1:2", "'-1:2' is no index:value"),
        (b"1 1.5:2", "is no index:value"),
        (b"1 1:2x", "is no index:value"),
        (b"1 1:--2", "is no index:value"),
        (b"1 1:+-2", "is no index:value"),
        (b"+-1 1:2", "is no label"),
        (b"1 1:+", "is no index:value"),
        (b"1 1:1e", "is no index:value"),
        (b"1 1:1e+", "is no index:value"),
        (b"1 1:.", "is no index:value"),
        (b"1 1:1e999", "is no index:value"),
        (b"1 1234567890123456789:2", "is no index:value"),
    ],
)
@pytest.mark.parametrize("n_threads", [1, 4])
def test_malformed_lines_are_named(line, message, n_threads):
    good = b"1 1:2 2:3\n" * 120_000
    for before in (b"", good):
        n_lines = before.count(b"\n")
        with pytest.raises(ValueError, match=rf"^line {n_lines + 1}: .*{message}"):
            _solvers.parse_svmlight(before + line + b"\n" + good, n_threads)


@pytest.mark.parametrize("n_threads", [1, 3])
def test_comments_leave_no_gaps_between_parts_of_a_long_text(n_threads):
    lines = [b"1 qid:7 1:2 5:3 # a:b:c", b"# 1:1 2:2", b"", b"2", b"3 2:1 4:4 9:1"]
    rng = np.random.default_rng(0)
    chosen = rng.integers(0, len(lines), 120_000)
    text = b"\n".join(lines[k] for k in chosen)
    labels, ends, indices, values, n_lines = parsed(text, n_threads)
    rows = {0: (1, [1, 5], [2, 3]), 3: (2, [], []), 4: (3, [2, 4, 9], [1, 4, 1])}
    kept = [rows[k] for k in chosen if k in rows]
    assert n_lines == len(chosen) - (chosen[-1] == 2)
    assert labels == [label for label, _, _ in kept]
    assert np.diff(ends).tolist() == [len(some) for _, some, _ in kept]
    assert indices == [index for _, some, _ in kept for index in some]
    assert values == [value for _, _, some in kept for value in some]


def test_indices_take_64_bits_where_one_needs_them():
    few = b"1 1:2\n" * 50_000
    for top, dtype in ((2**31 - 1, np.int32), (2**31, np.int64), (10**18 - 1, np.int64)):
        _, ends, indices, _, _ = _solvers.parse_svmlight(few + b"1 %d:1\n" % top + few, 2)
        assert indices.dtype == ends.dtype == dtype
        assert indices[50_000] == top
        assert indices.sum() == top + 100_000
    with pytest.raises(ValueError, match=r"^line 3: 'x' is no label"):
        _solvers.parse_svmlight(b"1 1:2\n1 %d:1\nx\n" % 2**40, 1)


def data(n=3_000, p=50, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p)) * (rng.random((n, p)) < 0.2)
    file = io.BytesIO()
    dump_svmlight_file(X, rng.integers(0, 2, n), file, zero_based=True)
    return file.getvalue()


@pytest.mark.parametrize("size", [100, 4_096, 1 << 25])
def test_files_in_chunks_are_what_scikit_learn_reads(size):
    text = data()
    X, y = load_svmlight_file(io.BytesIO(text), zero_based=True)
    chunks = list(svmlight_chunks(io.BytesIO(text), "file", size))
    np.testing.assert_array_equal(np.concatenate([labels for _, labels in chunks]), y)
    first = 0
    for part, _ in chunks:
        part.resize((part.shape[0], X.shape[1]))
        assert (part != X[first : first + part.shape[0]]).nnz == 0
        first += part.shape[0]
    assert first == X.shape[0]


def test_threads_find_the_same_rows():
    text = data(n=60_000)
    for mine, theirs in zip(
        _solvers.parse_svmlight(text, 1), _solvers.parse_svmlight(text, 3), strict=True
    ):
        np.testing.assert_array_equal(mine, theirs)


def test_lines_are_counted_over_chunks_and_indices_must_increase():
    text = b"1 1:2\n" * 50
    with pytest.raises(ValueError, match="'file' cannot be read as svmlight: line 51: 'x'"):
        list(svmlight_chunks(io.BytesIO(text + b"x\n"), "file", 40))
    for line in (b"1 3:1 2:1\n", b"1 2:1 2:1\n"):
        with pytest.raises(ValueError, match="line 51: indices must increase, got 2 after"):
            list(svmlight_chunks(io.BytesIO(text + line + text), "file"))


def test_mutilated_text_is_rows_or_a_value_error():
    rng = np.random.default_rng(0)
    text = bytearray(data(n=60))
    for _ in range(3_000):
        broken = bytearray(text)
        for at in rng.integers(0, len(text), rng.integers(1, 6)):
            broken[at] = rng.integers(0, 256)
        try:
            labels, ends, indices, values, _ = _solvers.parse_svmlight(bytes(broken), 1)
        except ValueError:
            continue
        assert len(ends) == len(labels) + 1
        assert ends[-1] == len(indices) == len(values)
