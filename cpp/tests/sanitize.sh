#!/usr/bin/env bash
# The C++ tests under AddressSanitizer, UndefinedBehaviorSanitizer and ThreadSanitizer, one
# instruction set. Usage: cpp/tests/sanitize.sh [build folder]
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=${1:-build/sanitize}
# OpenMP's runtime keeps its threads, and what they hold, until the process ends.
export TSAN_OPTIONS=halt_on_error=1 UBSAN_OPTIONS=print_stacktrace=1
for sanitizers in address,undefined thread; do
  cmake -S . -B "$folder/$sanitizers" -G Ninja -DHSCORE_WERROR=ON -DHSCORE_ISAS=baseline \
    "-DHSCORE_SANITIZE=$sanitizers" >/dev/null
  cmake --build "$folder/$sanitizers"
  ctest --test-dir "$folder/$sanitizers" --output-on-failure
done
