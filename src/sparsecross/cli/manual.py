"""What `--help` says of the program and of each command: what it does, and examples."""

from __future__ import annotations

import argparse
import textwrap


class Page(argparse.HelpFormatter):
    """Fills paragraphs to the width of the terminal, and leaves indented lines as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n\n".join(
            paragraph
            if "\n  " in paragraph
            else textwrap.fill(paragraph, width, break_on_hyphens=False)
            for paragraph in text.split("\n\n")
        )


PROGRAM = """sparsecross - small linear models of tables, with a certificate

Models are fitted with an L1 penalty to a proved distance from the optimum, with crosses of fields
as features; weights that are 0 are dropped, and what is left is measured in bytes. A model is one
file, which the command and Python (sparsecross.load) predict with, to the same bits. Results go to
standard output, progress and trouble to standard error; --quiet leaves the result alone.

sparsecross COMMAND --help says everything about a command."""

PROGRAM_END = """examples:
  Fit to a table, choose the strength on rows held back, save, look, predict:
    sparsecross fit flats.csv --target rent --cross 'district*rooms' -o rent.sxm
    sparsecross inspect rent.sxm
    sparsecross predict rent.sxm new_flats.csv -o rents.csv
  See what smaller models would cost:
    sparsecross path flats.csv --target rent --max-bytes 64KiB
  Learn from more rows than fit into memory, as they come:
    zcat log.csv.gz | sparsecross stream - --format csv --target late -o m.sxm

files:
  .csv .tsv .tab           tables with a header line
  .parquet .pq             tables with types; lists are sets of categories
  .svmlight .svm .libsvm   sparse matrices with a label in each row
  .gz .bz2 .xz .zst        after any of these: compressed
  MODEL                    a saved model, usually named .sxm
  STORE                    a folder of blocks that convert writes

environment:
  OMP_NUM_THREADS          threads, where --threads is not given
  COLUMNS                  the width of this text
  NO_COLOR                 no colours in progress and tables"""

FIT = """Fit a model to a table, prune it and save it.

Some rows are held back, and the model is measured on them. The target decides on the task: text,
booleans and at most 20 distinct whole numbers are labels (logistic regression; log loss and error
rate), other numbers are regressed on (lasso; root mean squared error and R²). Text, dates, booleans
and lists are categories; numbers are cut into buckets at quantiles. Nulls are a category of their
own: empty cells, NA, N/A, NaN, NULL without quotes. Rows without a target are left out.

alpha is the strength of the L1 penalty. Without --alpha, strengths from just below the one that
leaves no weight are tried, each smaller by the factor sqrt(1/2), until the error on the rows held
back (RMSE or log loss) has clearly risen, or has not fallen for three; the best one wins. With
--max-bytes, models are judged without what has to be left out.

The last output is a table: errors on the rows held back, beside those of the best constant;
weights; those that are not 0; bytes of the model in memory, before pruning and after. The model
saved is the one measured: it has not seen the rows held back."""

FIT_END = """examples:
  sparsecross fit packages.parquet --target log_size --cross pairwise \\
      --compare -o packages.sxm
  sparsecross fit clicks.csv.gz --target clicked --categorical ad site \\
      --cross 'ad*site' --split words -o clicks.sxm
  sparsecross fit a9a.svmlight --interactions pairwise --compare -o a9a.sxm

Put a cross in quotes where the shell would expand its star."""

PATH = """Print size and error of models at many strengths.

Strengths of the penalty fall by the same factor each, from the smallest that leaves no weight
(alpha_max). The last output is a table with a line for each: weights that are not 0; bytes of the
pruned model in memory, encoder included; the relative duality gap; errors on the rows held back,
which no model has seen. Fields are treated as by fit, and fit --alpha makes the model of a line."""

PATH_END = """examples:
  sparsecross path packages.parquet --target log_size \\
      --cross 'section*tags' -o path.csv
  sparsecross path a9a.svmlight --n-alphas 50 --max-bytes 2KiB"""

STREAM = """Learn from rows as they come, and save the model.

Files may be of any length; each row is learnt from once, in order. Rows are read in batches by a
thread of their own; crosses are visited as a row is read, and never stored. The loss of each row
before it was learnt from is added up: what is printed, after 1, 2, 4, 8, ... rows or every
--window, is an honest error as long as there is one pass. What the first batch tells is kept: the
task, as for fit; which fields are categories, sets, or numbers cut into buckets. Levels and crosses
are hashed to 2^BITS weights.

With --checkpoint all that was learnt is written to a file every so many rows, whole or not at all.
With --resume the stream goes on from there, to the very model that an unbroken run would have made;
rows that were seen are skipped, those of standard input too."""

STREAM_END = """examples:
  sparsecross stream clicks-*.parquet --target clicked \\
      --cross 'ad*site' 'ad*hour' -o clicks.sxm
  zcat log.csv.gz | sparsecross stream - --format csv --target late \\
      --cross pairwise --checkpoint late.ckpt --every 1000000 --resume \\
      -o late.sxm"""

CONVERT = """Convert files to a store that estimators read.

Files may be of any length. A store is a directory of mapped arrays: fits read it block by block, so
that it may be larger than memory. Fields are treated as by fit; what makes columns of them is kept
in the store. A conversion that was cut short goes on when it is asked for again: blocks that are
whole stay."""

CONVERT_END = """examples:
  sparsecross convert clicks-*.parquet --target clicked \\
      --cross 'ad*site' --n-bits 24 -o clicks
  sparsecross convert kdd.svmlight.gz -o kdd

in Python:
  import sparsecross as sx
  sx.SparseLogisticRegression().fit(sx.BlockStore("clicks"))"""

PREDICT = """Predict every row of a table with a saved model.

Without -o there is a line for each row on standard output: a number with all its digits, or a
label. The table needs only the fields that the model's weights are of, by name, not the target; for
models of svmlight data, only indices that were there at fit."""

PREDICT_END = """examples:
  sparsecross predict rent.sxm new_flats.csv -o rents.csv
  sparsecross predict clicks.sxm today.parquet --proba | head"""

INSPECT = """Say what a saved model is, and its largest weights.

Printed are its kind, counts, bytes in memory before and after pruning, part by part, and its
largest weights by name, for each class if there are several."""

INSPECT_END = """examples:
  sparsecross inspect rent.sxm --top 50
  sparsecross inspect rent.sxm --json | jq .fields"""

EXIT = """exit codes:
  0    done
  1    an error, told in one line on standard error
  2    wrong usage
  130  interrupted; an old file is as it was"""

SEE = """see also, in the project's documentation:
  docs/command_line.md     formats, fields, crosses, alpha, completion
  docs/streams.md          stream
  docs/big_data.md         convert
  docs/file_format.md      what a saved model holds"""
