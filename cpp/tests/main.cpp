// Tests of the core alone.
#include "check.hpp"
#include "variant.hpp"

// 77 tells ctest that the tests were skipped.
int main() {
  return testing::cpu_can_run_this() ? check::run() : 77;
}
