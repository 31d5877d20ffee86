// Names, files and lines come from libbacktrace, where the compiler brings it: GCC's own copy, or the one in
// libstdc++ under names of its own, which std::stacktrace uses. It is found when the build is configured
// (cmake/backtrace.cmake); where there is none, dladdr() tells the function, if it is exported, and the
// offset in its file.
//
// The debug information is read when the first report is written, and stays in memory.
#include "diag/symbols.hpp"

#include <cxxabi.h>
#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <initializer_list>
#include <mutex>
#include <source_location>
#include <string_view>

#if defined(GORO_BACKTRACE_PREFIX)
// The library's interface, which has been the same since its first version. Its header lies in a folder that
// only GCC looks into, and libstdc++'s copy has none.
struct backtrace_state;
extern "C" {
using backtrace_error = void (*)(void* data, const char* message, int error);
using backtrace_full = int (*)(void* data, std::uintptr_t pc, const char* file, int line,
                               const char* function);
using backtrace_symbol = void (*)(void* data, std::uintptr_t pc, const char* name, std::uintptr_t value,
                                  std::uintptr_t size);
backtrace_state* goro_backtrace_create(const char* program, int threaded, backtrace_error failed,
                                       void* data) asm(GORO_BACKTRACE_PREFIX "backtrace_create_state");
int goro_backtrace_pcinfo(backtrace_state* state, std::uintptr_t pc, backtrace_full found,
                          backtrace_error failed, void* data) asm(GORO_BACKTRACE_PREFIX "backtrace_pcinfo");
int goro_backtrace_syminfo(backtrace_state* state, std::uintptr_t pc, backtrace_symbol found,
                           backtrace_error failed, void* data) asm(GORO_BACKTRACE_PREFIX "backtrace_syminfo");
}
#endif

namespace goro::detail {

namespace {

bool is_mangled(const char* name) noexcept { return name && std::string_view(name).starts_with("_Z"); }

struct inlined_frames {
  static constexpr std::size_t k_most = 16;
  std::array<raw_frame, k_most> frames;
  std::size_t size = 0;
};

#if defined(GORO_BACKTRACE_PREFIX)

void ignore(void*, const char*, int) {}

backtrace_state* debug_info() noexcept {
  static constinit std::atomic<backtrace_state*> g_state{nullptr};
  backtrace_state* state = g_state.load(std::memory_order_acquire);  // pairs with itself
  if (!state) {
    state = goro_backtrace_create(nullptr, 1, ignore, nullptr);
    g_state.store(state, std::memory_order_release);  // two that come at once make two
  }
  return state;
}

int add_frame(void* data, std::uintptr_t, const char* file, int line, const char* function) {
  auto& found = *static_cast<inlined_frames*>(data);
  if (!file && !function) return 0;
  if (found.size == found.frames.size()) return 1;
  found.frames[found.size++] = {.function = function, .file = file, .line = line};
  return 0;
}

void take_name(void* data, std::uintptr_t, const char* name, std::uintptr_t, std::uintptr_t) {
  *static_cast<const char**>(data) = name;
}

// The linker's name says more than the debug information: in which namespace it is, and of which arguments.
void look_up(std::uintptr_t pc, inlined_frames& found) noexcept {
  // The library knows how to be used by several threads, but ThreadSanitizer does not see how it does so.
  // (Who overflows its stack while it holds that waits for its alarm: stack/overflow.cpp.)
  static constinit std::mutex one_at_a_time;
  const std::lock_guard guard(one_at_a_time);
  backtrace_state* state = debug_info();
  if (!state) return;
  goro_backtrace_pcinfo(state, pc, add_frame, ignore, &found);
  const char* name = nullptr;
  goro_backtrace_syminfo(state, pc, take_name, ignore, static_cast<void*>(&name));
  if (!name) return;
  if (found.size == 0) found.size = 1;
  raw_frame& outermost = found.frames[found.size - 1];
  if (!is_mangled(outermost.function)) outermost.function = name;
}

#else

void look_up(std::uintptr_t, inlined_frames&) noexcept {}

#endif

// In which file of the process it lies.
void look_up_module(std::uintptr_t pc, raw_frame& frame) noexcept {
  Dl_info where{};
  // NOLINTNEXTLINE(performance-no-int-to-ptr)
  if (::dladdr(reinterpret_cast<void*>(pc), &where) == 0) {
    frame.offset = pc;
    return;
  }
  frame.module = where.dli_fname;
  frame.offset = pc - reinterpret_cast<std::uintptr_t>(where.dli_fbase);
  if (!frame.function) frame.function = where.dli_sname;
}

bool begins_with(std::string_view text, std::initializer_list<std::string_view> ones) noexcept {
  return std::any_of(ones.begin(), ones.end(),
                     [text](std::string_view one) { return text.starts_with(one); });
}

// Is the file one of goro's, in that folder? Where the compiler was given a relative path, the debug
// information says from which folder, too.
bool lies_in(const raw_frame& frame, std::string_view folder) noexcept {
  static constexpr std::string_view k_here = std::source_location::current().file_name();
  static constexpr std::string_view k_this_file = "src/diag/symbols.cpp";
  static constexpr std::string_view k_root = k_here.substr(0, k_here.size() - k_this_file.size());
  static_assert(k_here.ends_with(k_this_file));
  if (!frame.file) return false;
  const std::string_view file = frame.file;
  const std::size_t root = file.find(k_root);
  if (root == file.npos || (root != 0 && (k_root.starts_with('/') || file[root - 1] != '/'))) return false;
  return file.substr(root + k_root.size()).starts_with(folder);
}

std::string_view name_of(const raw_frame& frame) noexcept { return frame.function ? frame.function : ""; }

}  // namespace

void for_each_frame(std::uintptr_t pc, frame_visitor visit, void* arg) noexcept {
  inlined_frames found;
  look_up(pc, found);
  if (found.size == 0) found.size = 1;
  for (std::size_t i = 0; i != found.size; ++i) {
    raw_frame& frame = found.frames[i];
    if (!frame.file) look_up_module(pc, frame);
    visit(frame, arg);
  }
}

bool is_runtime(const raw_frame& frame) noexcept {
  const std::string_view name = name_of(frame);
  if (is_mangled(frame.function))
    return begins_with(name, {"_ZN4goro6detail", "_ZNK4goro6detail", "_ZZN4goro6detail", "_ZZNK4goro6detail",
                              "_ZN4goro12_GLOBAL__N_1", "_ZNK4goro12_GLOBAL__N_1"});
  return name.starts_with("goro_arch_") || lies_in(frame, "src/") || lies_in(frame, "include/goro/detail/");
}

bool is_library(const raw_frame& frame) noexcept {
  if (is_runtime(frame) || lies_in(frame, "include/")) return true;
  const std::string_view name = name_of(frame);
  if (is_mangled(frame.function))
    return begins_with(name, {"_ZN4goro", "_ZNK4goro", "_ZZN4goro", "_ZZNK4goro", "_ZSt", "_ZNSt", "_ZNKSt"});
  if (begins_with(name, {"start_thread", "clone", "__clone", "__libc_start", "_start"})) return true;
  return frame.file && std::string_view(frame.file).find("/include/c++/") != std::string_view::npos;
}

bool is_thrower(const raw_frame& frame) noexcept {
  std::string_view name = name_of(frame);
  for (const std::string_view wrapped : {"__interceptor_", "___interceptor_"}) {  // a sanitizer's
    if (name.starts_with(wrapped)) name.remove_prefix(wrapped.size());
  }
  return begins_with(name, {"__cxa_throw", "__cxa_rethrow", "__cxa_call_terminate", "_Unwind_RaiseException",
                            "_Unwind_Resume", "_ZSt17rethrow_exception", "_ZSt9terminatev"});
}

std::string demangled(const char* name) {
  int status = 0;
  char* text = abi::__cxa_demangle(name, nullptr, nullptr, &status);
  std::string result = status == 0 ? text : name;
  std::free(text);
  // A function that was taken apart or specialised: "f(int) [clone .part.0]".
  if (const std::size_t clone = result.find(" [clone "); clone != result.npos) result.resize(clone);
  return result;
}

}  // namespace goro::detail
