"""What `--help` says of each command: what it does, and examples."""

FIT = """Fit a model to a table, measure it on rows held back, prune it and save it.

The target decides on the task: text, booleans and at most 20 distinct whole numbers are labels
(logistic regression; log loss and error rate), other numbers are regressed on (lasso; root mean
squared error and R²). Text, dates, booleans and lists are categories; numbers are cut into buckets
at quantiles. Nulls are a category of their own: empty cells, NA, N/A, NaN, NULL without quotes.
Rows without a target are left out.

alpha is the strength of the L1 penalty. Without --alpha, strengths from just below the one that
leaves no weight are tried, each smaller by the factor sqrt(1/2), until the error on the rows held
back (RMSE or log loss) has clearly risen, or has not fallen for three; the best one wins. With
--max-bytes, models are judged without what has to be left out.

The last output is a table: errors on the rows held back, beside those of the best constant;
weights; those that are not 0; bytes of the model in memory, before pruning and after. The model
saved is the one measured: it has not seen the rows held back."""

FIT_END = """examples:
  sparsecross fit packages.parquet --target log_size --cross pairwise --compare -o packages.sxm
  sparsecross fit clicks.csv.gz --target clicked --categorical ad site --cross 'ad*site' \\
      --split words -o clicks.sxm
  sparsecross fit a9a.svmlight --interactions pairwise --compare -o a9a.sxm

Put a cross in quotes where the shell would expand its star."""

PATH = """Solve for many strengths of the penalty, and print what each costs and brings.

Strengths fall by the same factor each, from the smallest that leaves no weight (alpha_max). The
last output is a table with a line for each: weights that are not 0; bytes of the pruned model in
memory, encoder included; the relative duality gap; errors on the rows held back, which no model has
seen. Fields are treated as by fit, and fit --alpha makes the model of a line."""

PATH_END = """examples:
  sparsecross path packages.parquet --target log_size --cross 'section*tags' -o path.csv
  sparsecross path a9a.svmlight --n-alphas 50 --max-bytes 2KiB"""

STREAM = """Learn from files of any length, each row once and in order, and save the pruned model.

Rows are read in batches by a thread of their own; crosses are visited as a row is read, and never
stored. The loss of each row before it was learnt from is added up: what is printed, after 1, 2, 4,
8, ... rows or every --window, is an honest error as long as there is one pass. What the first batch
tells is kept: the task, as for fit; which fields are categories, sets, or numbers cut into buckets.
Levels and crosses are hashed to 2^BITS weights.

With --checkpoint all that was learnt is written to a file every so many rows, whole or not at all.
With --resume the stream goes on from there, to the very model that an unbroken run would have made;
rows that were seen are skipped, those of standard input too."""

STREAM_END = """examples:
  sparsecross stream clicks-*.parquet --target clicked --cross 'ad*site' 'ad*hour' -o clicks.sxm
  zcat log.csv.gz | sparsecross stream - --format csv --target late --cross pairwise \\
      --checkpoint late.ckpt --every 1000000 --resume -o late.sxm"""

CONVERT = """Convert files of any length to a store of blocks, which estimators take for X and y.

A store is a directory of mapped arrays: fits read it block by block, so that it may be larger than
memory. Fields are treated as by fit; what makes columns of them is kept in the store. A conversion
that was cut short goes on when it is asked for again: blocks that are whole stay."""

CONVERT_END = """examples:
  sparsecross convert clicks-*.parquet --target clicked --cross 'ad*site' --n-bits 24 -o clicks
  sparsecross convert kdd.svmlight.gz -o kdd

In Python: sparsecross.SparseLogisticRegression().fit(sparsecross.BlockStore("clicks"))"""

PREDICT = """Predict every row of a table with a saved model.

Without -o there is a line for each row on standard output: a number with all its digits, or a
label. The table needs only the fields that the model's weights are of, by name; for models of
svmlight data, only indices that were there at fit."""

INSPECT = """Say what a saved model is: its kind, counts, bytes in memory before and after
pruning, part by part, and its largest weights by name, for each class if there are several."""

EXIT = """exit codes: 0 done; 1 an error, told in one line; 2 wrong usage; 130 interrupted."""
