// The processors that a container's quota is worth.
#pragma once

#include <string>

namespace hscore {

/// How many processors the quotas of this process's control groups allow, rounded up; 0 if there is
/// none. `membership` is what Linux writes to /proc/self/cgroup, `mount` the folder of the groups:
/// both versions are known, cpu.max of the second and cpu.cfs_quota_us of the first.
int quota_processors(const std::string& membership, const std::string& mount);

/// The same of this process, as it was at the first call.
int quota_processors() noexcept;

}  // namespace hscore
