#!/usr/bin/env bash
# Change arrays during calls for some seconds, with the compiled core under AddressSanitizer and
# UndefinedBehaviorSanitizer; see tests/fuzz/fuzz_changing.py. Needs GCC and its libasan.
# Usage: tests/fuzz/fuzz_changing.sh SECONDS [SEED [build folder]]
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=$1 seed=${2:-0} folder=$(realpath -m "${3:-build/fuzz-changing}")
# After a change only what it touches is compiled again.
CC=gcc CXX=g++ python -m pip install --quiet --no-deps --upgrade --target "$folder/package" . \
  -C build-dir="$folder/build" -C cmake.define.HSCORE_ISAS=baseline \
  -C cmake.define.HSCORE_SANITIZE=address,undefined
# The sanitizer's runtime must be there before Python.
preload="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so) $(gcc -print-file-name=libstdc++.so)"
export PYTHONSAFEPATH=1 ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
# malloc's own, not Python's pools: so that the sanitizer knows where an object ends.
export PYTHONMALLOC=malloc
cp tests/fuzz/fuzz_changing.py "$folder"
cd "$folder" # away from the sources, which would hide the package
LD_PRELOAD=$preload PYTHONPATH=$folder/package python "$folder/fuzz_changing.py" \
  --seconds "$seconds" --seed "$seed" --trace "$folder/trace"
