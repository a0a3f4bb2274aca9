#include "mapped_files.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#if defined(__unix__) || defined(__APPLE__)
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#define HSCORE_HAS_SIGBUS
#endif

#include "array_views.hpp"
#include "bindings.hpp"

namespace hscore::python {

namespace {

// The handler may run at any moment and on any thread, so it finds the ranges in memory that is
// always there, by reads that need no lock.
struct Slot {
  std::atomic<std::uintptr_t> begin{0};  // 0: free
  std::atomic<std::uintptr_t> end{0};
  std::atomic<bool> faulted{false};
  const GuardedRange* range = nullptr;  // read and written with the mutex
};

constexpr int most_slots = 4096;
std::array<Slot, most_slots> slots;
std::atomic<int> slots_used{0};  // the first so many have been in use
// Never destroyed: arrays may outlive the module.
std::mutex& registry() {
  static auto* mutex = new std::mutex;
  return *mutex;
}

#ifdef HSCORE_HAS_SIGBUS

struct sigaction previous_handler;
std::uintptr_t page_size = 4096;
std::atomic<int> times_passed_on{0};

// Anybody else's fault: as if this handler had never been there.
void pass_on(bool is_sent) {
  struct sigaction next = previous_handler;
  if (times_passed_on.fetch_add(1) > 0) {  // two handlers that pass it on to each other
    next = {};
    next.sa_handler = SIG_DFL;
  }
  sigaction(SIGBUS, &next, nullptr);
  // The instruction that faulted is tried again; a signal that was sent is sent again.
  if (is_sent) raise(SIGBUS);
}

void on_sigbus(int, siginfo_t* info, void*) {
  if (info->si_code != BUS_ADRERR) {
    pass_on(info->si_code <= 0);
    return;
  }
  const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  const int used = slots_used.load();
  for (int i = 0; i < used; ++i) {
    Slot& slot = slots[static_cast<std::size_t>(i)];
    const std::uintptr_t end = slot.end.load();
    const std::uintptr_t begin = slot.begin.load();
    if (begin == 0 || address < begin || address >= end) continue;
    slot.faulted.store(true);
    // The file ends before this page, so nothing of it is behind.
    const std::uintptr_t page = address & ~(page_size - 1);
    void* zeros = mmap(reinterpret_cast<void*>(page), end - page, PROT_READ,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (zeros != MAP_FAILED) return;
  }
  pass_on(false);
}

// Another handler may have taken its place since.
void install_handler() {
  struct sigaction current = {};
  sigaction(SIGBUS, nullptr, &current);
  if ((current.sa_flags & SA_SIGINFO) != 0 && current.sa_sigaction == &on_sigbus) return;
  page_size = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  previous_handler = current;
  struct sigaction ours = {};
  ours.sa_sigaction = &on_sigbus;
  ours.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&ours.sa_mask);
  sigaction(SIGBUS, &ours, nullptr);
}

#endif

// The slot in which an address lies, or -1.
int slot_of(const void* data) {
  const auto address = reinterpret_cast<std::uintptr_t>(data);
  const int used = slots_used.load();
  for (int i = 0; i < used; ++i) {
    const Slot& slot = slots[static_cast<std::size_t>(i)];
    const std::uintptr_t begin = slot.begin.load();
    if (begin != 0 && address >= begin && address < slot.end.load()) return i;
  }
  return -1;
}

void refuse_address(const void* data) {
  const int found = slot_of(data);
  if (found < 0) return;
  std::string path;
  {
    const std::lock_guard<std::mutex> lock(registry());
    const GuardedRange* range = slots[static_cast<std::size_t>(found)].range;
    if (range == nullptr || !range->is_short()) return;
    path = range->path();
  }
  // As Python writes a path: one that is not UTF-8, too.
  const auto named = py::reinterpret_steal<py::object>(PyUnicode_DecodeFSDefault(path.c_str()));
  if (named) {
    PyErr_Format(
        PyExc_ValueError,
        "%R is truncated: it got shorter while it was read; write files that may be in use "
        "under another name and rename them (os.replace)",
        named.ptr());
  }
  throw py::error_already_set();
}

}  // namespace

GuardedRange::GuardedRange(const py::buffer& mapped, std::string path, std::size_t needed)
    : path_(std::move(path)), needed_(needed) {
#ifdef HSCORE_HAS_SIGBUS
  const py::buffer_info info = mapped.request();
  const std::lock_guard<std::mutex> lock(registry());
  install_handler();
  for (int i = 0; i < most_slots; ++i) {
    Slot& slot = slots[static_cast<std::size_t>(i)];
    if (slot.begin.load() != 0) continue;
    const auto address = reinterpret_cast<std::uintptr_t>(info.ptr);
    const auto size = static_cast<std::uintptr_t>(info.size * info.itemsize);
    slot.faulted.store(false);
    slot.range = this;
    slot.end.store((address + size + page_size - 1) & ~(page_size - 1));
    slot.begin.store(address & ~(page_size - 1));
    if (i >= slots_used.load()) slots_used.store(i + 1);
    slot_ = i;
    break;
  }
#else
  (void)mapped;
#endif
}

GuardedRange::~GuardedRange() {
  if (slot_ < 0) return;
  const std::lock_guard<std::mutex> lock(registry());
  Slot& slot = slots[static_cast<std::size_t>(slot_)];
  slot.begin.store(0);
  slot.range = nullptr;
}

bool GuardedRange::is_short() const {
  if (slot_ >= 0 && slots[static_cast<std::size_t>(slot_)].faulted.load()) return true;
#ifdef HSCORE_HAS_SIGBUS
  // The rest of a page behind the end of a file is zeros without a fault.
  struct stat now = {};
  return stat(path_.c_str(), &now) == 0 && static_cast<std::size_t>(now.st_size) < needed_;
#else
  return false;
#endif
}

void refuse_shortened(const py::object& matrix) {
  if (slots_used.load() == 0) return;
  if (py::isinstance<Columns>(matrix)) {
    for (const py::handle segment : matrix.cast<const Columns&>().arrays()) {
      for (const py::handle item : segment) refuse_address(py::cast<py::array>(item).data());
    }
  } else if (py::isinstance<KeptRows>(matrix)) {
    refuse_shortened(matrix.cast<const KeptRows&>().matrix());
  } else if (py::isinstance<py::array>(matrix)) {
    refuse_address(py::reinterpret_borrow<py::array>(matrix).data());
  }
}

bool is_guarded(const py::object& matrix) {
  if (slots_used.load() == 0) return false;
  if (py::isinstance<KeptRows>(matrix)) {
    return is_guarded(matrix.cast<const KeptRows&>().matrix());
  }
  if (py::isinstance<py::array>(matrix)) {
    return slot_of(py::reinterpret_borrow<py::array>(matrix).data()) >= 0;
  }
  if (!py::isinstance<Columns>(matrix)) return false;
  for (const py::handle segment : matrix.cast<const Columns&>().arrays()) {
    for (const py::handle item : segment) {
      if (slot_of(py::cast<py::array>(item).data()) >= 0) return true;
    }
  }
  return false;
}

void bind_mapped_files(py::module_& module) {
  py::class_<GuardedRange>(module, "GuardedRange", py::module_local())
      .def(py::init<const py::buffer&, std::string, std::size_t>(), py::arg("mapped"),
           py::arg("path"), py::arg("needed"))
      .def_property_readonly("is_short", &GuardedRange::is_short);
  module.def("refuse_shortened", &refuse_shortened, py::arg("matrix"),
             "Raise a ValueError if a matrix lies in a mapped file that got shorter.");
}

}  // namespace hscore::python
