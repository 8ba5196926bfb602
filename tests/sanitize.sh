#!/bin/sh
# Runs the tests of the compiled code under the address and undefined-behaviour sanitizers.
#
#   tests/sanitize.sh [pytest arguments]      PYTHON=python3.12 tests/sanitize.sh
#
# The package is built in a temporary folder with the interpreter's own packages; the working tree
# and its builds stay as they are. Without a compiler that has the sanitizers it says so and ends
# with 0: nothing was proved.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-python3}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT INT TERM

echo 'int main() { return 0; }' > "$folder/probe.cpp"
if ! g++ -fsanitize=address,undefined "$folder/probe.cpp" -o "$folder/probe" 2> "$folder/log" ||
  ! "$folder/probe" 2>> "$folder/log"; then
  echo "skipped: g++ here cannot build with -fsanitize=address,undefined:"
  cat "$folder/log"
  exit 0
fi

mkdir "$folder/package"
cp -R "$root/csrc" "$root/src" "$root/tests" "$root/setup.py" "$root/pyproject.toml" \
  "$root/README.md" "$root/LICENSE" "$folder/package"
cd "$folder/package"
find . -name '*.so' -delete
CC=g++ CXX=g++ SPARSECROSS_SANITIZE=1 "$python" setup.py -q build_ext --inplace

# The interpreter is not built with the sanitizers, so their libraries must come first. Its own
# allocations at exit are no leaks of ours, and its pools would hide overruns. One thread: libgomp's
# are unknown to the sanitizers, and threads are what other tests are about.
LD_PRELOAD="$(g++ -print-file-name=libasan.so) $(g++ -print-file-name=libubsan.so)"
ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1
UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
PYTHONMALLOC=malloc
HYPOTHESIS_PROFILE=sanitize
PYTHONPATH=src
export LD_PRELOAD ASAN_OPTIONS UBSAN_OPTIONS PYTHONMALLOC HYPOTHESIS_PROFILE PYTHONPATH

# What is left out takes more memory, or is large so that threads share it.
if [ $# -eq 0 ]; then
  set -- -q -n "${SPARSECROSS_JOBS:-auto}" -p no:cacheprovider tests/test_layouts.py tests/test_bad_input.py tests/test_solver.py \
    tests/test_interactions.py tests/test_pricing.py tests/test_stream.py tests/test_stream_border.py \
    tests/test_losses.py tests/test_multinomial.py tests/test_proximal_gradient.py \
    tests/test_crossing.py tests/test_fields.py tests/test_pruning.py tests/test_artefact.py \
    tests/test_svmlight.py tests/test_groups.py tests/test_group_shrinkage.py tests/scale/test_rounds.py tests/scale/test_store.py \
    --deselect tests/test_bad_input.py::test_out_of_memory_is_an_error_and_leaves_the_model \
    --deselect tests/test_solver.py::test_threads_change_no_bit \
    --deselect tests/test_proximal_gradient.py::test_threads_change_no_bit
fi
"$python" -c 'import sparsecross._solvers as s; assert s.assertions_alive, "not a sanitizer build"'
"$python" -m pytest "$@"
