#include "bindings.hpp"
#include "hscore/moments.hpp"
#include "hscore/quota.hpp"
#include "options.hpp"

namespace hscore::python {

namespace {

// What this CPU and its operating system can run, of the instruction sets that we build for.
const char* best_isa() {
#if defined(__x86_64__) && defined(__GNUC__)
  __builtin_cpu_init();
  const bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                  __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
  const bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vl");
  if (v4) return "v4";
  if (v3) return "v3";
#endif
  return "baseline";
}

pybind11::dict build_info() {
  pybind11::dict info;
  info["version"] = build.version;
  info["isa"] = build.isa;
#if defined(__clang__)
  info["compiler"] = "clang " __clang_version__;
#elif defined(__GNUC__)
  info["compiler"] = "gcc " __VERSION__;
#elif defined(_MSC_VER)
  info["compiler"] = "msvc " + std::to_string(_MSC_VER);
#else
  info["compiler"] = "unknown";
#endif
  info["flags"] = build.flags;
  info["openmp"] = has_openmp();
  info["tile_unit"] = has_tile_unit();
  info["eigen"] = build.eigen;
  return info;
}

}  // namespace

void bind_build_info(pybind11::module_& module) {
  module.attr("__version__") = build.version;  // known without asking for the tile unit
  module.def("build_info", &build_info, "How this module was built.");
  module.def("best_isa", &best_isa, "The best instruction set, by our names, of this CPU.");
  module.def(
      "quota_processors",
      [](const std::string& membership, const std::string& mount) {
        return quota_processors(membership, mount);
      },
      pybind11::arg("membership"), pybind11::arg("mount"),
      "How many processors the quotas of control groups allow; 0 if there are none.");
  module.def("thread_count", &Turn::threads_beside, pybind11::arg("n_threads"),
             "Threads to use; zero asks for what the environment allows and other calls leave.");
}

}  // namespace hscore::python
