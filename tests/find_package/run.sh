#!/usr/bin/env bash
# Install the C++ library and build and run a project that finds it there, with and without OpenMP.
# Usage: tests/find_package/run.sh [empty folder [folder of a build without OpenMP]]; the build is
# used in place of another like it, and removed.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=${1:-$(mktemp -d)}
for openmp in ON OFF; do
  here=$folder/openmp_$openmp
  if [ $openmp = OFF ] && [ $# -gt 1 ]; then
    mkdir -p "$here"
    library=$2
  else
    library=$here/library
    cmake -S . -B "$library" -G Ninja -DHSCORE_WERROR=ON -DHSCORE_TESTS=OFF -DHSCORE_OPENMP=$openmp \
      -DCMAKE_INSTALL_PREFIX="$here/prefix" >/dev/null
    cmake --build "$library"
  fi
  cmake --install "$library" --prefix "$here/prefix" >/dev/null
  if nm -C "$here"/prefix/lib*/libhscore.a | grep ' [WVu] Eigen::'; then
    echo "the library carries functions of Eigen under Eigen's own name" >&2
    exit 1
  fi
  rm -rf "$library" # nothing may point back to it
  cmake -S tests/find_package -B "$here/user" -G Ninja -DCMAKE_PREFIX_PATH="$here/prefix" >/dev/null
  cmake --build "$here/user"
  ctest --test-dir "$here/user" --output-on-failure
done
