#!/usr/bin/env bash
# Fuzz a target of tests/fuzz/fuzz_targets.py for some seconds, under AddressSanitizer and
# UndefinedBehaviorSanitizer, with the compiled core's branches as guide.
# Usage: tests/fuzz/fuzz_guided.sh decode|core SECONDS [build folder]
# Needs clang and the packages of the extra "fuzz". Inputs that reach something new come to rest in
# FOLDER/new-TARGET; what is worth keeping moves to tests/fuzz/corpus/TARGET, where a test replays it.
set -euo pipefail
cd "$(dirname "$0")/../.."
target=$1 seconds=$2 folder=$(realpath -m "${3:-build/fuzz}")
# After a change only what it touches is compiled again.
CC=clang CXX=clang++ python -m pip install --quiet --no-deps --upgrade --target "$folder/package" . \
  -C build-dir="$folder/build" -C cmake.define.HSCORE_ISAS=baseline \
  -C cmake.define.HSCORE_OPENMP=OFF -C cmake.define.HSCORE_SANITIZE=address,undefined,fuzzer-no-link
mkdir -p "$folder/new-$target"
# The sanitizers' runtime and the fuzzer must be there before Python.
preload=$(python -c 'import atheris; print(atheris.path())')/asan_with_fuzzer.so
export PYTHONPATH=$folder/package PYTHONSAFEPATH=1 ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
cp tests/fuzz/fuzz_targets.py tests/fuzz/fuzz_guided.py "$folder"
cd "$folder" # away from the sources, which would hide the package
LD_PRELOAD=$preload PYTHONPATH=$folder/package:$folder python "$folder/fuzz_guided.py" "$target" \
  -max_total_time="$seconds" -max_len=4096 -timeout=20 -rss_limit_mb=4096 -malloc_limit_mb=-1 \
  -print_final_stats=1 -artifact_prefix="$folder/$target-" \
  "$folder/new-$target" "$OLDPWD/tests/fuzz/corpus/$target"
