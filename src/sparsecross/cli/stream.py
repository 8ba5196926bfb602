"""The command `stream`: files of any length, row by row, to a pruned model in a file."""

from __future__ import annotations

import re
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..batches import STDIN, ahead, svmlight_batches, table_batches
from ..checkpoint import load_checkpoint, save_checkpoint
from ..files import format_of, require_pyarrow
from ..memory import format_bytes
from ..online import OnlineModel, ReadAhead
from ..pruned import PrunedModel
from ..stream import FTRLClassifier, FTRLRegressor
from ..streamparameters import StreamLoss
from ..tables import check_columns
from .budget import packed
from .console import Console
from .prepare import crosses_of
from .read import fields_among, split_fields
from .treatment import MAX_WHOLE_CLASSES, as_weight, text_of, treat, without_nulls

# What must be the same when a stream is taken up again, for the model to be the same.
_SAME = (
    "files",
    "format",
    "delimiter",
    "task",
    "classes",
    "target",
    "cross",
    "interactions",
    "categorical",
    "split",
    "drop",
    "weight",
    "buckets",
    "n_bits",
    "n_features",
    "loss",
    "update",
    "window",
    "learning_rate",
    "beta",
    "l1",
    "l2",
    "passes",
)


@dataclass
class Position:
    """How far a stream was read: rows of all passes, and, once that is known, of one."""

    rows_read: int = 0
    rows_of_a_pass: int | None = None


@dataclass(frozen=True)
class Batch:
    """Rows as they were read, those without a target left out."""

    features: Any
    targets: npt.NDArray[Any]
    weight: npt.NDArray[np.float64] | None
    n_read: int
    path: str


def stream(options: Namespace, console: Console) -> None:
    """Learn from every row once, or as often as asked, and print what came of it."""
    learner = _Learner(options, console)
    if options.resume and Path(options.checkpoint).exists():
        learner.resume()
    start = time.perf_counter()
    n_before = learner.n_rows
    with closing(ahead(map(learner.read_ahead, _batches(options, learner)))) as batches:
        for batch in batches:
            learner.take(batch)
    if learner.model is None:
        raise ValueError(f"{options.files[0]!r} has no rows with a target")
    seconds = time.perf_counter() - start
    console.line(
        f"learnt: {learner.n_rows - n_before:,} rows in {seconds:.1f} s "
        f"({(learner.n_rows - n_before) / max(seconds, 1e-9):,.0f} a second)"
    )
    model = packed(learner.model, learner.notes, options, {})
    model.notes = learner.notes
    model.save(options.output)
    if options.checkpoint:
        learner.checkpoint()
    console.line(f"saved: {options.output}, {Path(options.output).stat().st_size:,} bytes")
    _print_table(learner.model, model, console)


class _Learner:
    """The model, what its first batch has decided on, and when it was last put on disk."""

    def __init__(self, options: Namespace, console: Console) -> None:
        self.options, self.console = options, console
        self.model: OnlineModel | None = None
        self.position = Position()
        self.fields: list[str] | None = None  # in use, once the first batch has told
        self.notes: dict[str, Any] = {}
        self._saved_at = 0
        self._n_told = 0

    @property
    def n_rows(self) -> int:
        """Rows learnt from."""
        return 0 if self.model is None or self.model._model is None else self.model.n_rows_

    def resume(self) -> None:
        """Take up what a checkpoint holds."""
        path = self.options.checkpoint
        model, notes = load_checkpoint(path)
        asked = self._asked()
        longer = False
        for name, value in notes["options"].items():
            if name == "files" and self.options.passes == 1 and asked[name][: len(value)] == value:
                longer = len(asked[name]) > len(value)  # more files than before: they follow
            elif asked[name] != value:
                raise ValueError(
                    f"{path!r} is of a stream with --{name.replace('_', '-')} {value!r}, not "
                    f"{asked[name]!r}: give the same options, or leave --resume out"
                )
        self.model, self.fields, self.notes = model, notes["fields"], notes["model"]
        of_a_pass = None if longer else notes["rows_of_a_pass"]
        self.position = Position(notes["rows_read"], of_a_pass)
        for name in Path(path).resolve().parent.iterdir():  # what a kill while writing has left
            if re.fullmatch(rf"\.{re.escape(Path(path).name)}\.[0-9a-f]{{16}}", name.name):
                name.unlink(missing_ok=True)
        self._saved_at, self._n_told = self.position.rows_read, len(model.history_)
        self.console.line(f"resumed: {path}, after {self.position.rows_read:,} rows")

    def _asked(self) -> dict[str, Any]:
        plain = {name: getattr(self.options, name) for name in _SAME}
        return plain | {"split": [list(each) for each in self.options.split]}

    def checkpoint(self) -> None:
        """Put the model and its position on disk."""
        assert self.model is not None
        notes = {
            "options": self._asked(),
            "fields": self.fields,
            "model": self.notes,
            "rows_read": self.position.rows_read,
            "rows_of_a_pass": self.position.rows_of_a_pass,
        }
        save_checkpoint(self.model, self.options.checkpoint, notes)
        self._saved_at = self.position.rows_read

    def read_ahead(self, batch: Batch | int) -> Batch | int:
        """Read a batch of a table as the model will want it, once there is one; any thread may."""
        if isinstance(batch, int) or not self.fields or not len(batch.targets):
            return batch
        if self.model is None or self.model._model is None:
            return batch
        return replace(batch, features=self.model._read_ahead(self._in_use(batch)))

    def _in_use(self, batch: Batch) -> Any:
        """The fields of a table that the model has."""
        assert self.fields is not None
        check_columns(self.fields, batch.features.column_names, batch.path)
        return batch.features.select(self.fields)

    def take(self, batch: Batch | int) -> None:
        """Learn from a batch; a number ends a pass of so many rows."""
        if isinstance(batch, int):
            self.position.rows_of_a_pass = batch
            return
        if len(batch.targets):
            if self.model is None:
                self._begin(batch)
            assert self.model is not None
            read = isinstance(batch.features, ReadAhead) or not self.fields
            self.model.partial_fit(
                batch.features if read else self._in_use(batch),
                batch.targets,
                self._classes(batch.targets),
                batch.weight,
            )
            self._tell()
        self.position.rows_read += batch.n_read
        due = self.position.rows_read - self._saved_at >= self.options.every
        if self.options.checkpoint and due and self.n_rows:
            self.checkpoint()

    def _begin(self, batch: Batch) -> None:
        """Decide on the task, the fields, and the model."""
        options, table = self.options, hasattr(batch.features, "column_names")
        task = options.task or _task_of(batch.targets)
        buckets = None
        if table:
            fields = treat(batch.features, options.categorical)
            self.fields = [n for n in batch.features.column_names if n not in fields.empty]
            buckets = dict.fromkeys(fields.numbers, options.buckets)
            for what, names in (
                ("categories", fields.categories),
                ("sets of categories", fields.sets),
                (f"numbers, in up to {options.buckets} buckets", fields.numbers),
                ("left out, nothing but nulls at the beginning", fields.empty),
            ):
                if names:
                    self.console.line(f"  {what}: {', '.join(names)}")
        kind = FTRLClassifier if task == "classification" else FTRLRegressor
        usual: StreamLoss = "logistic" if task == "classification" else "squared"
        loss: StreamLoss = options.loss or usual
        self.model = kind(
            options.learning_rate,
            options.beta,
            options.l1,
            options.l2,
            interactions=(crosses_of(options) or None) if table else options.interactions,
            n_bits=options.n_bits,
            loss=loss,
            update=options.update,
            buckets=buckets,
            numeric_nulls="indicator",
            window=options.window,
            n_threads=options.threads,
        )
        self.notes = {"task": task, "loss": loss}
        if table:
            self.notes |= {"target": options.target} | (
                {"split": dict(options.split)} if options.split else {}
            )
        else:
            self.notes["svmlight"] = {"zero_based": True}
        self.console.line(f"task: {task}, {loss} loss")

    def _classes(self, targets: npt.NDArray[Any]) -> Any:
        """All labels, which a classifier is told with its first batch."""
        if not isinstance(self.model, FTRLClassifier) or self.model._model is not None:
            return None
        given = self.options.classes
        if given is None:
            return np.unique(targets)
        if targets.dtype.kind == "U":
            return given
        kind: Any = {"b": {"true": True, "false": False}.__getitem__, "i": int}[targets.dtype.kind]
        try:
            return [kind(label.lower()) for label in given]
        except (KeyError, ValueError):
            raise ValueError(f"--classes must be labels like {targets[0]}, got {given}") from None

    def _tell(self) -> None:
        """Print the records of progressive validation that are new."""
        assert self.model is not None
        for record in self.model.history_[self._n_told :]:
            if self._n_told == 0:
                self.console.line(f"{'rows':>16}{'loss':>12}{'since last':>12}")
            self._n_told += 1
            self.console.line(
                f"{record.n_rows:>16,}{record.loss:>12.5f}{record.window_loss:>12.5f}"
            )


def _batches(options: Namespace, learner: _Learner) -> Iterator[Batch | int]:
    """All batches of all passes that were not learnt from yet; after each pass how long it was."""
    skip = learner.position.rows_read
    kinds: dict[str, Any] = {}  # of the columns of text files, as the first one has them
    known = learner.position.rows_of_a_pass
    for _ in range(options.passes):
        if known and skip >= known:
            skip -= known
            continue
        n_rows = 0
        for path in options.files:
            for batch in _of_file(path, options, skip, kinds):
                n_read = batch if isinstance(batch, int) else batch.n_read
                n_rows += n_read
                if isinstance(batch, int):
                    skip -= batch
                else:
                    skip = 0
                    yield batch
        yield n_rows


def _of_file(
    path: str, options: Namespace, skip: int, kinds: dict[str, Any]
) -> Iterator[Batch | int]:
    """Batches of a file; of those rows that are to be skipped the number."""
    form = format_of(path, options.format)
    if form == "svmlight":
        for X, y in svmlight_batches(path, options.n_features):
            n_skipped = min(skip, len(y))
            skip -= n_skipped
            if n_skipped:
                yield n_skipped
            if n_skipped < len(y):
                targets = _whole_if_all_are(y)[n_skipped:]
                yield Batch(X[n_skipped:], targets, None, len(y) - n_skipped, path)
        return
    split = dict(options.split)
    for table in table_batches(
        path,
        form,
        texts=list(split),
        categorical=options.categorical,
        delimiter=options.delimiter,
        kinds=kinds,
    ):
        n_skipped = min(skip, table.num_rows)
        skip -= n_skipped
        if n_skipped:
            yield n_skipped
        if n_skipped < table.num_rows:
            yield _of_table(table.slice(n_skipped), path, options, split)


def _of_table(table: Any, path: str, options: Namespace, split: dict[str, str | None]) -> Batch:
    fields = fields_among(table.column_names, path, options)
    n_read = table.num_rows
    targets, known = _targets(table.column(options.target), options.target)
    if not known.all():
        table = table.filter(require_pyarrow().array(known))
    weight = as_weight(table.column(options.weight), options.weight) if options.weight else None
    return Batch(split_fields(table.select(fields), split), targets, weight, n_read, path)


def _targets(column: Any, name: str) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """The targets that are not null, and which those are."""
    pa = require_pyarrow()
    column, mask = without_nulls(column)
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return text_of(column), mask
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        raise ValueError(f"target {name!r} holds {kind} values; it must hold numbers or labels")
    values = column.to_numpy()
    if values.dtype.kind == "f":
        values = _whole_if_all_are(values)
    return values, mask


def _whole_if_all_are(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    whole = (values == np.floor(values)) & (np.abs(values) < 2**53)
    return values.astype(np.int64) if whole.all() else values


def _task_of(targets: npt.NDArray[Any]) -> str:
    few = targets.dtype.kind == "i" and len(np.unique(targets)) <= MAX_WHOLE_CLASSES
    return "classification" if few or targets.dtype.kind in "bU" else "regression"


def _print_table(learnt: OnlineModel, model: PrunedModel, console: Console) -> None:
    report = model.report
    console.table(
        ["rows", "progressive loss", "weights", "non-zero", "to train", "to serve"],
        [
            [
                f"{learnt.n_rows_:,}",
                f"{learnt.progressive_loss_:.6f}",
                f"{report.n_weights:,}",
                f"{report.n_nonzero:,}",
                format_bytes(report.dense_bytes),
                format_bytes(report.pruned_bytes),
            ]
        ],
    )


def check_stream(options: Namespace) -> str | None:
    """Return what is wrong with the options, or None."""
    forms = {format_of(path, options.format) for path in options.files}
    if STDIN in options.files and len(options.files) > 1:
        return "standard input (-) cannot be read beside other files"
    if STDIN in options.files and options.passes > 1:
        return "--passes must be 1 for standard input, which cannot be read twice"
    if "svmlight" in forms:
        if len(forms) > 1:
            return "svmlight cannot be read beside tables"
        for name in ("cross", "categorical", "split", "drop", "weight"):
            if getattr(options, name):
                return f"--{name} is not for svmlight: its columns are taken as they are"
        if options.n_features is None:
            options.n_features = 2**options.n_bits
    elif options.target is None:
        return "--target is required"
    elif options.interactions or options.n_features:
        return "--interactions and --n-features are for svmlight; tables have --cross"
    if (options.resume or options.every_given) and not options.checkpoint:
        return "--resume and --every need --checkpoint"
    return None
