// The threads of the process that help calls, whoever makes them.
//
// A loop's caller takes tasks as its helpers do, and waits in the end only for tasks that somebody
// has begun. OpenMP's barriers wait for every member of a team instead, also for one that the
// system has set aside for another program.
#pragma once

namespace hscore {

/// Whether the calling thread is in a task of parallel_for: loops in there run on it alone.
bool within_task() noexcept;

/// Processors that this process may run on.
int processor_count() noexcept;

}  // namespace hscore
