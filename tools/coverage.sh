#!/usr/bin/env bash
# Line and branch coverage of the package and of the core: the C++ tests and the Python tests, both
# on code that counts what runs. Needs the extras "test" and "coverage".
# Usage: tools/coverage.sh [build folder [words for pytest]]
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(realpath -m "${1:-build/coverage}")
shift || true
mkdir -p "$folder"
find "$folder" -name '*.gcda' -delete -o -name '.coverage*' -delete

cmake --preset coverage -B "$folder/cpp" >/dev/null
cmake --build "$folder/cpp"
ctest --test-dir "$folder/cpp" --output-on-failure

python -m pip install --quiet --no-deps --upgrade --target "$folder/package" . -C build-dir="$folder/module" \
  -C cmake.define.HSCORE_ISAS=baseline -C cmake.define.HSCORE_COVERAGE=ON -C cmake.build-type=Debug \
  -C install.strip=false
export PYTHONPATH=$folder/package COVERAGE_FILE=$folder/.coverage
failed=0
python -m coverage run -m pytest -q --timeout 1200 "${@:--m not slow}" || failed=$?
python -m coverage combine --quiet "$folder"
python -m coverage report --skip-covered --sort=cover | tee "$folder/python.txt"

gcovr --root . --filter cpp/src --filter cpp/include --filter src/ --exclude-throw-branches \
  --exclude-unreachable-branches --merge-mode-functions=separate --gcov-ignore-parse-errors=all \
  --txt "$folder/cpp.txt" --txt-summary "$folder/cpp" "$folder/module"
exit "$failed"
