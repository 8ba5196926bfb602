"""The reader in C++: the same bits as Python's, and nothing but an error from damaged files."""

import os
import shutil
import struct
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.datasets import dump_svmlight_file, load_svmlight_file

import sparsecross as sx
from sparsecross import artefact
from test_artefact import forged
from test_trimming import DTYPES, Given, some_ids

ROOT = Path(__file__).parent.parent
FLAGS = ["-std=c++17", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off", f"-I{ROOT / 'csrc'}"]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]

# Opens each of many files, given one after the other with their lengths, and scores the same rows
# with each: a line of the bits of all margins, or of what is wrong. With `threads`, several at once
# ask for the first row of each file.
DRIVER = r"""
#include <cstdio>
#include <fstream>
#include <iterator>
#include <thread>

#include "serve/model_file.hpp"

using sparsecross::ModelFile;

static std::string content(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

static std::uint64_t number(const std::string& from, std::size_t& at) {
  std::uint64_t value;
  std::memcpy(&value, from.data() + at, 8);
  at += 8;
  return value;
}

static std::string outcome(const ModelFile& model,
                           const std::vector<std::vector<ModelFile::Entry>>& rows) {
  std::vector<double> out(model.n_outputs());
  std::string line;
  try {
    for (const auto& row : rows) {
      model.margins(row.data(), row.data() + row.size(), out.data());
      for (const double margin : out) {
        char hex[17];
        std::uint64_t bits;
        std::memcpy(&bits, &margin, 8);
        std::snprintf(hex, sizeof hex, "%016llx", static_cast<unsigned long long>(bits));
        line += hex;
      }
    }
  } catch (const std::exception& error) {
    return std::string("error: ") + error.what();
  }
  return line;
}

int main(int argc, char** argv) {  // cases rows scratch model [threads]
  const std::string cases = content(argv[1]), given = content(argv[2]);
  std::vector<std::vector<ModelFile::Entry>> rows;
  for (std::size_t at = 0; at < given.size();) {
    rows.emplace_back(number(given, at));
    for (auto& [column, x] : rows.back()) {
      column = static_cast<std::int64_t>(number(given, at));
      std::memcpy(&x, given.data() + at, 8);
      at += 8;
    }
  }
  for (std::size_t at = 0; at < cases.size();) {
    const std::size_t size = number(cases, at);
    std::ofstream(argv[3], std::ios::binary) << cases.substr(at, size);
    at += size;
    try {
      const ModelFile model(argv[3], std::stoul(argv[4]));
      std::vector<std::string> found(argc > 5 ? 4 : 1);
      std::vector<std::thread> threads;
      for (std::size_t t = 1; t < found.size(); ++t)
        threads.emplace_back([&, t] { found[t] = outcome(model, rows); });
      found[0] = outcome(model, rows);
      for (std::thread& thread : threads) thread.join();
      for (const std::string& line : found) {
        if (line != found[0]) return 3;
      }
      std::printf("%s\n", found[0].c_str());
    } catch (const std::exception& error) {
      std::printf("error: %s\n", error.what());
    }
  }
}
"""


@pytest.fixture(scope="session")
def build(tmp_path_factory):
    """A function that compiles a source, once for each set of flags."""
    compiler = os.environ.get("CXX", "").split() or [shutil.which("g++") or shutil.which("c++")]
    if compiler == [None]:
        pytest.skip("no C++ compiler: neither g++ nor c++ is there")
    folder = tmp_path_factory.mktemp("cpp")
    (folder / "driver.cpp").write_text(DRIVER)
    built = {}

    def compiled(source, *flags):
        key = (source, *flags)
        if key not in built:
            built[key] = folder / f"program{len(built)}"
            path = folder / source if source == "driver.cpp" else ROOT / "examples" / source
            command = [*compiler, *FLAGS, *flags, str(path), "-pthread", "-o", str(built[key])]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
        return built[key]

    def sanitizes():
        (folder / "probe.cpp").write_text("int main() { return 0; }\n")
        command = [*compiler, *SANITIZERS, str(folder / "probe.cpp"), "-o", str(folder / "probe")]
        return all(
            subprocess.run(c, capture_output=True, check=False).returncode == 0
            for c in (command, [str(folder / "probe")])
        )

    compiled.sanitizes = sanitizes
    return compiled


@pytest.fixture(scope="session")
def program(build):
    """A function that runs score_svmlight: (exit code, numbers or None, what stderr says)."""
    binary = build("score_svmlight.cpp", "-O2")

    def run(*arguments, rows=""):
        command = [str(binary), *map(str, arguments)]
        done = subprocess.run(command, input=rows, capture_output=True, text=True, check=False)
        assert done.returncode >= 0, f"signal {-done.returncode}"
        lines = [[float(x) for x in line.split(" ")] for line in done.stdout.splitlines()]
        return done.returncode, np.array(lines), done.stderr

    return run


def text_of(X, first_index=0):
    """The rows of a CSR matrix in svmlight's format, every bit of them."""
    lines = []
    for i in range(X.shape[0]):
        here = slice(X.indptr[i], X.indptr[i + 1])
        entries = zip(X.indices[here].tolist(), X.data[here].tolist(), strict=True)
        lines.append(" ".join(["0", *(f"{j + first_index}:{x!r}" for j, x in entries)]))
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def problem():
    rng = np.random.default_rng(11)
    X = sp.random(300, 60, 0.25, format="csr", random_state=4, data_rvs=rng.standard_normal)
    X = sp.vstack([X[:7], sp.csr_matrix((1, 60)), X[8:]], format="csr")
    w = np.zeros(60)
    w[::3] = rng.standard_normal(20)
    D = X.toarray()
    y = D @ w + D[:, 0] * D[:, 3] - 2 * D[:, 1] ** 2 + D[:, 4] * D[:, 5] * D[:, 6]
    return X, y + 0.1 * rng.standard_normal(300)


def fitted(kind, X, y):
    labels = np.digitize(y, [-0.7, 0.7])
    if kind == "regressor":
        return sx.Lasso(alpha=0.003).fit(X, y)
    if kind == "dense":
        return sx.Lasso(alpha=1e-7).fit(X, y)
    if kind == "empty":
        return sx.Lasso(alpha=1e6).fit(X, y)
    if kind == "two classes":
        return sx.SparseLogisticRegression(alpha=0.003).fit(X, y > 0)
    if kind == "classes":
        return sx.SparseLogisticRegression(alpha=0.003).fit(X, labels)
    if kind == "softmax":
        return sx.SparseLogisticRegression(alpha=0.003, multi_class="multinomial").fit(X, labels)
    if kind == "many classes":
        digits = np.random.default_rng(0).integers(0, 13, len(y))
        return sx.SparseLogisticRegression(alpha=0.003).fit(X, digits)
    if kind == "crossed classes":
        return sx.SparseLogisticRegression(alpha=0.003, interactions="pairwise").fit(X, labels)
    if kind == "squares":
        return sx.Lasso(alpha=0.003, interactions="pairwise", squares=True).fit(X, y)
    return sx.Lasso(alpha=0.003, interactions=kind, squares=kind == "triples").fit(X, y)


def margins_of(model, X):
    margins = model.predict(X) if model.classes_ is None else model.decision_function(X)
    return margins.reshape(X.shape[0], -1)


KINDS = ("regressor", "dense", "empty", "two classes", "classes", "softmax", "many classes")
CROSSED = ("pairwise", "squares", "triples", "crossed classes")


@pytest.mark.parametrize("kind", KINDS + CROSSED)
def test_margins_are_pythons_to_the_last_bit(problem, program, tmp_path, kind):
    X, y = problem
    model = fitted(kind, X, y)
    if kind == "dense":
        assert np.count_nonzero(model.coef_) == X.shape[1]
    if kind in CROSSED:
        assert len(model.interactions_) > 20
        if kind in ("squares", "triples"):
            columns = model.interactions_.columns
            assert (columns[:, 0] == columns[:, 1]).any()
            assert kind == "squares" or ((columns[:, 2] >= 0).any() and (columns[:, 2] < 0).any())
    for dtype in DTYPES:
        sx.prune(model, dtype=dtype).save(tmp_path / "m.sxm")
        expected = margins_of(sx.load(tmp_path / "m.sxm"), X)
        code, found, said = program(tmp_path / "m.sxm", rows=text_of(X))
        assert (code, said) == (0, "")
        assert found.tobytes() == expected.tobytes()
    assert sp.issparse(X)
    by_columns = margins_of(sx.load(tmp_path / "m.sxm"), X.tocsc())
    assert found.tobytes() == by_columns.tobytes()


def test_counts_are_exponentials(problem, program, tmp_path):
    X, y = problem
    model = sx.PoissonRegressor(alpha=0.01).fit(X, np.random.default_rng(0).poisson(np.exp(y / 4)))
    sx.save(model, tmp_path / "m.sxm")
    code, found, _ = program(tmp_path / "m.sxm", rows=text_of(X))
    assert code == 0
    np.testing.assert_allclose(found.ravel(), sx.load(tmp_path / "m.sxm").predict(X), rtol=1e-15)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("universe", "n"), [(1, 0), (1, 1), (64, 64), (5000, 4000), (10**6, 300), (2**40, 5000)]
)
def test_any_set_of_columns(program, tmp_path, dtype, universe, n):
    rng = np.random.default_rng(n)
    ids = some_ids(rng, universe, n) if n < universe else np.arange(universe)
    sx.prune(Given(universe, ids, rng.standard_normal(n) * 20), dtype=dtype).save(tmp_path / "m")
    rows = []
    for _ in range(40):
        hits = rng.choice(ids, min(n, 30), replace=False) if n else ids
        misses = rng.integers(0, universe, 10)
        rows.append(np.unique(np.concatenate([hits, misses, [0, universe - 1]])))
    rows.append(np.array([], np.int64))
    columns = np.concatenate(rows).astype(np.int64)
    ends = np.cumsum([0, *map(len, rows)])
    X = sp.csr_matrix((rng.standard_normal(len(columns)), columns, ends), (len(rows), universe))
    code, found, _ = program(tmp_path / "m", rows=text_of(X))
    assert code == 0
    assert found.ravel().tobytes() == sx.load(tmp_path / "m").predict(X).tobytes()


def test_entries_of_zero_have_no_part_in_crosses(problem, program, tmp_path):
    X, y = problem
    sx.save(fitted("triples", X, y), tmp_path / "m.sxm")
    model = sx.load(tmp_path / "m.sxm")
    columns = model.interactions_.columns
    columns = columns[columns[:, 2] >= 0]
    values = np.tile([1e200, -1e200, 0.0], len(columns))  # a product of two is infinite
    ends = np.arange(0, columns.size + 1, 3)
    rows = sp.csr_matrix((values, columns.ravel(), ends), (len(columns), 60))
    _, found, _ = program(tmp_path / "m.sxm", rows=text_of(rows))
    expected = model.predict(rows)
    assert found.ravel().tobytes() == expected.tobytes()
    assert np.isfinite(expected).any()


@pytest.mark.parametrize("zero_based", [True, False])
def test_rows_as_scikit_learn_writes_them(problem, program, tmp_path, zero_based):
    X, y = problem
    sx.save(fitted("regressor", X, y), tmp_path / "m.sxm")
    path = tmp_path / "rows.svmlight"
    dump_svmlight_file(
        X, y, str(path), zero_based=zero_based, comment="rows", query_id=np.arange(300) // 10
    )
    text = path.read_text()
    assert "#" in text
    assert "qid:29" in text
    read, _ = load_svmlight_file(str(path), n_features=60, zero_based=zero_based)
    flags = [] if zero_based else ["--one-based"]
    code, found, _ = program(tmp_path / "m.sxm", *flags, rows=text)
    assert code == 0
    assert found.ravel().tobytes() == sx.load(tmp_path / "m.sxm").predict(read).tobytes()
    windows = text.replace("\n", "  # a comment: 1:2\r\n") + "\n \t\n"
    assert program(tmp_path / "m.sxm", *flags, rows=windows)[1].tobytes() == found.tobytes()


def test_one_of_several_models(problem, program, tmp_path):
    X, y = problem
    kinds = ("regressor", "classes", "triples", "empty")
    sx.save([fitted(kind, X, y) for kind in kinds], tmp_path / "m.sxm")
    for k, model in enumerate(sx.load_all(tmp_path / "m.sxm")):
        _, found, _ = program(tmp_path / "m.sxm", "--model", k, rows=text_of(X))
        assert found.tobytes() == margins_of(model, X).tobytes()
    for arguments, message in (([], ": one must be chosen"), (["--model", 4], ", got number 4")):
        code, _, said = program(tmp_path / "m.sxm", *arguments)
        assert code == 1
        assert f"has 4 models, numbered from 0{message}" in said


def test_rows_that_are_wrong_are_named(problem, program, tmp_path):
    X, y = problem
    model = tmp_path / "m.sxm"
    sx.save(fitted("regressor", X, y), model)
    for row, message in (
        ("0 60:1", "got 60"),
        ("0 -1:1", "'-1:1'"),
        ("0 3:1 3:1", "must increase, got 3 after 3"),
        ("0 3:1 2:1", "must increase, got 2 after 3"),
        ("0 3:nan", "finite"),
        ("0 3:1e999", "finite"),
        ("0 3:", "'3:'"),
        ("0 3:1x", "'3:1x'"),
        ("0 x:1", "'x:1'"),
        ("0 :1", "':1'"),
        ("0 99999999999999999999:1", "'99999999999999999999:1'"),
        ("0 3", "'3' has no colon"),
        ("3:1", "no label"),
    ):
        code, found, said = program(model, rows=f"1 2:0.5\n{row}\n1 2:0.5\n")
        assert (code, len(found)) == (1, 1)
        assert said.startswith("score_svmlight: line 2: ")
        assert said.count("\n") == 1
        assert message in said
    assert program(model, "--one-based", rows="0 0:1")[0] == 1
    assert program(model, "--one-based", rows="0 60:1")[0] == 0


def test_the_program_says_how_it_is_used(problem, program, tmp_path):
    X, y = problem
    sx.save(fitted("regressor", X, y), tmp_path / "m.sxm")
    for wrong in ([], ["a", "b"], ["a", "--what"], ["a", "--time"], ["a", "--time", "0"]):
        code, _, said = program(*wrong)
        assert code == 2
        assert said.startswith("usage: ")
    code, found, said = program(tmp_path / "m.sxm", "--time", 2, rows=text_of(X))
    assert (code, len(found)) == (0, 300)
    assert said.endswith(" microseconds a row\n")


def test_files_that_are_no_models_are_named(problem, program, tmp_path):
    X, y = problem
    model = tmp_path / "m.sxm"
    sx.save(fitted("regressor", X, y), model)
    whole = model.read_bytes()

    def said(content):
        model.write_bytes(content)
        code, _, message = program(model)
        assert code == 1
        assert message.startswith("score_svmlight: ")
        assert message.count("\n") == 1
        return message

    assert "shorter than a header" in said(b"")
    assert "signature" in said(b"PK\x03\x04" + bytes(100))
    assert "version 5" in said(whole[:8] + b"\x05" + whole[9:])
    assert "newer reader" in said(whole[:8] + b"\x05" + whole[9:])
    assert "load and save it with Python" in said(whole[:8] + b"\x03" + whole[9:])
    assert "another number of bytes" in said(whole[:-1])
    for at in range(artefact._HEADER.size):
        said(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    assert "No such file" in program(tmp_path / "missing")[2]
    assert "not a regular file" in program(tmp_path)[2]
    old = ROOT / "tests" / "models" / "v3.sxm"
    assert "format version 3" in program(old)[2]
    assert program(ROOT / "tests" / "models" / "v4.sxm")[0] == 0


def redirected(whole):
    """The file with each number of its directory changed, and checksums made right again."""
    names, types, checksums, offsets, sizes = range(5)
    end = -(-len(whole) // 8) * 8  # so that a block could begin there
    whole = whole[:16] + struct.pack("<Q", end) + whole[24:] + bytes(end - len(whole))
    header, size = artefact._HEADER.size, artefact._ENTRY.size
    for k in range(artefact._HEADER.unpack_from(whole)[2]):
        entry = artefact._ENTRY.unpack_from(whole, header + k * size)
        changes = [(types, kind) for kind in range(12)] + [(checksums, entry[checksums] ^ 1)]
        changes += [(names, name) for name in (b"meta", b"w0", b"sa0", b"", b"xxxxxxxx")]
        for field in (offsets, sizes):
            steps = (-64, -16, -8, -4, -1, 1, 4, 8, 16, 64)
            values = [entry[field] + step for step in steps]
            values += [0, 32, 2**63, 2**64 - 8, end, end - 8]
            changes += [(field, value % 2**64) for value in values]
        for field, value in changes:
            changed = [*entry[:field], value, *entry[field + 1 :]]
            if field > checksums:
                here = whole[changed[offsets] : changed[offsets] + changed[sizes]]
                changed[checksums] = zlib.crc32(here)
            content = bytearray(whole)
            artefact._ENTRY.pack_into(content, header + k * size, *changed)
            yield forged(bytes(content), "no block", None)


def test_directories_that_make_no_sense_are_told(problem, program, tmp_path):
    sx.save(fitted("regressor", *problem), tmp_path / "m.sxm")
    told = ""
    for content in redirected((tmp_path / "m.sxm").read_bytes()):
        (tmp_path / "m.sxm").write_bytes(content)
        told += program(tmp_path / "m.sxm")[2]
    for reason in (
        "makes no sense",
        "two of its blocks overlap",
        "two of its blocks have one name",
        "is missing",
        "elements of another type",
        "do not have the lengths",
        "eleven numbers for each model",
    ):
        assert reason in told


LIMITS = (0, 1, 2, 3, 4, 11, 1023, 1024, 2**31, 2**32, 2**40, 2**62, 2**63 - 1, 2**63, 2**64 - 1)


def altered(whole, names, rng, trial):
    """A file that is damaged, and whether its checksums are right again."""
    content = bytearray(whole)
    start = int(rng.integers(len(content)))
    how = trial % 7

    def some_bytes(content, offset, n_bytes):
        for _ in range(int(rng.integers(1, 4)) if n_bytes else 0):
            content[offset + int(rng.integers(n_bytes))] = int(rng.integers(256))

    def some_number(content, offset, n_bytes):
        if n_bytes >= 8:
            at = offset + 8 * int(rng.integers(n_bytes // 8))
            struct.pack_into("<Q", content, at, LIMITS[int(rng.integers(len(LIMITS)))])

    if how == 0:  # a byte
        content[start] ^= int(rng.integers(1, 256))
    elif how == 1:  # cut
        del content[start:]
    elif how == 2:  # a run of bytes overwritten
        length = min(int(rng.integers(1, 40)), len(content) - start)
        content[start : start + length] = rng.bytes(length)
    elif how == 3:  # bytes inserted
        content[start:start] = rng.bytes(int(rng.integers(1, 20)))
    else:
        name = "shape" if how == 4 else names[int(rng.integers(len(names)))]
        return forged(whole, name, some_bytes if how == 6 else some_number), True
    return bytes(content), False


@pytest.fixture(scope="module")
def damage(problem, tmp_path_factory):
    """Files of several kinds, and what is left of them after thousands of alterations."""
    X = problem[0][:6]
    folder = tmp_path_factory.mktemp("damage")
    found = []
    kinds = (
        ("regressor", "float32", ()),
        ("classes", "q2.13", ()),
        ("triples", "float16", ()),
        ("squares", "float64", ("empty", "classes")),
    )
    for number, (kind, dtype, others) in enumerate(kinds):
        rng = np.random.default_rng(number)
        model = sx.prune(fitted(kind, *problem), dtype=dtype)
        path = folder / f"{kind}.sxm"
        sx.save([*(fitted(other, *problem) for other in others), model], path)
        whole = path.read_bytes()
        names = [*artefact.Artefact(path, True), "meta"]
        cases = [(whole, False), *(altered(whole, names, rng, trial) for trial in range(1400))]
        if not others:
            cases += [(content, True) for content in redirected(whole)]
        packed = b"".join(struct.pack("<Q", len(content)) + content for content, _ in cases)
        path.write_bytes(packed)
        rows = folder / f"{kind}.rows"
        with rows.open("wb") as file:
            for i in range(X.shape[0]):
                here = slice(X.indptr[i], X.indptr[i + 1])
                file.write(struct.pack("<Q", X.indptr[i + 1] - X.indptr[i]))
                for j, x in zip(X.indices[here].tolist(), X.data[here].tolist(), strict=True):
                    file.write(struct.pack("<qd", j, x))
        bits = margins_of(model, X).astype(">f8").tobytes().hex()
        found.append((path, rows, len(others), [mended for _, mended in cases], bits))
    return found


def outcomes(driver, scratch, damage, *arguments):
    for cases, rows, model, mended, right in damage:
        command = [str(driver), str(cases), str(rows), str(scratch), str(model), *arguments]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, errors="replace"
        )
        assert done.returncode == 0, (done.returncode, done.stderr[-3000:])
        lines = done.stdout.split("\n")[:-1]
        assert len(lines) == len(mended)
        assert lines[0] == right
        yield lines, mended, right


@pytest.mark.parametrize("how", ["mapped", "mapped, several threads", "sanitized"])
def test_thousands_of_alterations_give_right_answers_or_an_error(build, damage, tmp_path, how):
    if how == "sanitized":  # a file that is read has an end that the sanitizer knows
        if not build.sanitizes():
            pytest.skip("the C++ compiler cannot build with -fsanitize=address,undefined")
        driver = build("driver.cpp", "-O1", "-g1", "-DSPARSECROSS_NO_MMAP", *SANITIZERS)
    else:
        driver = build("driver.cpp", "-O2")
    arguments = []
    if how == "mapped, several threads":
        arguments, damage = ["threads"], damage[2:3]
    for lines, mended, right in outcomes(driver, tmp_path / "scratch", damage, *arguments):
        refused = [line.startswith("error: ") for line in lines]
        for line, wrong, repaired in zip(lines, refused, mended, strict=True):
            assert wrong or repaired or line == right
        others = [wrong for wrong, repaired in zip(refused, mended, strict=True) if not repaired]
        assert np.mean(others) > 0.6  # names and meta data are not read
        of_repaired = [wrong for wrong, repaired in zip(refused, mended, strict=True) if repaired]
        assert 0.1 < np.mean(of_repaired) < 1.0


def test_the_program_ends_with_an_error_where_the_driver_sees_one(damage, program, tmp_path):
    for cases, _, model, _, _ in damage:
        content, at = cases.read_bytes(), 0
        while at < len(content):
            size = int.from_bytes(content[at : at + 8], "little")
            if at % 29 == 0:
                (tmp_path / "m.sxm").write_bytes(content[at + 8 : at + 8 + size])
                code, _, said = program(tmp_path / "m.sxm", "--model", model, rows="0 3:1\n")
                assert (code, said.count("\n")) in ((0, 0), (1, 1))
            at += 8 + size
