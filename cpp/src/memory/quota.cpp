#include "hscore/quota.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <sstream>

namespace hscore {

namespace {

// Microseconds of processor time for each period; 0 if there is no limit.
double ratio(double quota, double period) {
  return quota > 0 && period > 0 ? quota / period : 0;
}

double quota_of_version_2(const std::string& folder) {
  std::ifstream file(folder + "/cpu.max");
  std::string quota;  // a number or "max"
  double period = 0;
  if (!(file >> quota >> period) || quota == "max") return 0;
  return ratio(std::strtod(quota.c_str(), nullptr), period);
}

double quota_of_version_1(const std::string& folder) {
  double quota = 0;  // -1 for none
  double period = 0;
  std::ifstream(folder + "/cpu.cfs_quota_us") >> quota;
  std::ifstream(folder + "/cpu.cfs_period_us") >> period;
  return ratio(quota, period);
}

// The least quota of a group and those that it is in. In a container the path may be the host's,
// and the group's own files then lie at the mount itself.
double least_quota(const std::string& mount, std::string path,
                   double (*quota_of)(const std::string&)) {
  double least = 0;
  for (;;) {
    while (!path.empty() && path.back() == '/') path.pop_back();
    const double quota = quota_of(mount + path);
    if (quota > 0 && (least == 0 || quota < least)) least = quota;
    const auto slash = path.rfind('/');
    if (slash == std::string::npos) return least;
    path.resize(slash);
  }
}

bool names_cpu(const std::string& controllers) {
  std::istringstream words(controllers);
  for (std::string word; std::getline(words, word, ',');) {
    if (word == "cpu") return true;
  }
  return false;
}

}  // namespace

int quota_processors(const std::string& membership, const std::string& mount) {
  std::ifstream file(membership);
  double least = 0;
  // number:controllers:path, without controllers for the second version
  for (std::string line; std::getline(file, line);) {
    const auto first = line.find(':');
    const auto second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    double quota = 0;
    if (controllers.empty()) {
      quota = least_quota(mount, path, &quota_of_version_2);
    } else if (names_cpu(controllers)) {
      for (const char* folder : {"/cpu", "/cpu,cpuacct"}) {
        const double found = least_quota(mount + folder, path, &quota_of_version_1);
        if (found > 0 && (quota == 0 || found < quota)) quota = found;
      }
    }
    if (quota > 0 && (least == 0 || quota < least)) least = quota;
  }
  return least > 0 ? static_cast<int>(std::min(std::ceil(least), 1e6)) : 0;
}

int quota_processors() noexcept {
#ifdef __linux__
  static const int found = [] {
    try {
      return quota_processors("/proc/self/cgroup", "/sys/fs/cgroup");
    } catch (const std::exception&) {
      return 0;
    }
  }();
  return found;
#else
  return 0;
#endif
}

}  // namespace hscore
