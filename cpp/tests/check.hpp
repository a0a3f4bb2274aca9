// The few lines a C++ test needs. Checks stay on in release builds, unlike assert.
#pragma once

#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

namespace check {

struct Case {
  const char* name;
  std::function<void()> body;
};

inline std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}
inline int& failures() {
  static int count = 0;
  return count;
}

struct Register {
  Register(const char* name, std::function<void()> body) { cases().push_back({name, body}); }
};

inline void that(bool good, const char* text, const char* file, int line) {
  if (good) return;
  ++failures();
  std::printf("%s:%d: failed: %s\n", file, line, text);
}
inline void close(double got, double want, double tolerance, const char* file, int line) {
  if (std::abs(got - want) <= tolerance) return;
  ++failures();
  std::printf("%s:%d: got %.17g, want %.17g within %.3g\n", file, line, got, want, tolerance);
}

template <class Error, class Body>
void throws(Body&& body, const char* part, const char* file, int line) {
  try {
    body();
  } catch (const Error& error) {
    if (std::string(error.what()).find(part) != std::string::npos) return;
    ++failures();
    std::printf("%s:%d: the message is: %s\n", file, line, error.what());
    return;
  }
  ++failures();
  std::printf("%s:%d: nothing was thrown\n", file, line);
}

inline int run() {
  for (const Case& test : cases()) {
    const int before = failures();
    const auto start = std::chrono::steady_clock::now();
    test.body();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    std::printf("%s %6.2f s %s\n", failures() == before ? "ok  " : "FAIL", took.count(), test.name);
  }
  std::printf("%zu tests, %d failed checks\n", cases().size(), failures());
  return failures() == 0 ? 0 : 1;
}

}  // namespace check

#define TEST(name)                                           \
  static void name();                                        \
  static const check::Register register_##name(#name, name); \
  static void name()
#define CHECK(condition) check::that((condition), #condition, __FILE__, __LINE__)
#define CHECK_CLOSE(got, want, tolerance) check::close(got, want, tolerance, __FILE__, __LINE__)
#define CHECK_THROWS(Error, part, body) \
  check::throws<Error>([&] { body; }, part, __FILE__, __LINE__)
