#!/usr/bin/env bash
# Line and branch coverage of the package and of the core, by the C++ tests and the Python tests, from
# one build that counts what runs. Needs the extras "test" and "coverage", and Ninja.
# Usage: tools/coverage.sh [build folder [words for pytest]]
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(realpath -m "${1:-build/coverage}")
shift || true
[ $# -gt 0 ] || set -- -m "not slow"
mkdir -p "$folder"
find "$folder" \( -name '*.gcda' -o -name '.coverage*' \) -delete

python -m pip install --quiet --no-deps --upgrade --target "$folder/package" . \
  -C build-dir="$folder/build" -C cmake.build-type=Debug -C install.strip=false \
  -C cmake.define.HSCORE_ISAS=baseline -C cmake.define.HSCORE_COVERAGE=ON \
  -C cmake.define.HSCORE_TESTS=ON
failed=0
ctest --test-dir "$folder/build" --output-on-failure || failed=$?

export PYTHONPATH=$folder/package COVERAGE_FILE=$folder/.coverage
python -m coverage run -m pytest -q --timeout 1200 "$@" || failed=$?
python -m coverage combine --quiet "$folder"
python -m coverage report --skip-covered --sort=cover | tee "$folder/python.txt"

gcovr --root . --filter cpp/src --filter cpp/include --filter src/ --exclude-throw-branches \
  --exclude-unreachable-branches --merge-mode-functions=separate --merge-lines \
  --gcov-ignore-parse-errors=all \
  --txt "$folder/cpp.txt" --txt-summary --json "$folder/cpp.json" "$folder/build"
exit "$failed"
