#!/usr/bin/env bash
# The C++ tests under AddressSanitizer, UndefinedBehaviorSanitizer and ThreadSanitizer, one
# instruction set. Usage: cpp/tests/sanitize.sh [build folder [instruction set]]
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=${1:-build/sanitize}
isa=${2:-baseline}
builds=(address,undefined thread)
for sanitizers in "${builds[@]}"; do
  cmake -S . -B "$folder/$sanitizers" -G Ninja -DHSCORE_WERROR=ON "-DHSCORE_ISAS=$isa" \
    "-DHSCORE_SANITIZE=$sanitizers" >/dev/null
  cmake --build "$folder/$sanitizers"
done
# Side by side: most of the tests keep one processor busy.
export TSAN_OPTIONS=halt_on_error=1 UBSAN_OPTIONS=print_stacktrace=1
running=()
for sanitizers in "${builds[@]}"; do
  ctest --test-dir "$folder/$sanitizers" --output-on-failure >"$folder/$sanitizers.log" 2>&1 &
  running+=($!)
done
status=0
for i in "${!builds[@]}"; do
  wait "${running[i]}" || status=$?
  cat "$folder/${builds[i]}.log"
done
exit "$status"
