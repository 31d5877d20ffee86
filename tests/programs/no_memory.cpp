// What happens when there is no memory: `no_memory CASE K`. The K-th operator new fails that the case makes
// in the place which it is about.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <new>
#include <string>

#include <goro/goro.hpp>

namespace {

using namespace std::chrono_literals;

// Of the thread that the case runs on, all the while: the runtime's own threads allocate, too, as they start.
thread_local int g_until_failure = 0;

// Calls f; says whether it threw.
template <class F>
void with_failure(int k, F f) {
  g_until_failure = k;
  try {
    f();
    std::puts("done");
  } catch (const std::bad_alloc&) {
    std::puts("bad_alloc");
  }
  g_until_failure = 0;
}

// A derivation that fails leaves nothing behind in its parent.
void derive_cancel(int k) {
  const auto parent = goro::with_cancel(goro::background());
  with_failure(k, [&] { (void)goro::with_cancel(parent.ctx); });
  const auto sibling = goro::with_cancel(parent.ctx);
  parent.cancel();
  std::printf("%d\n", sibling.ctx.err() == goro::errc::canceled);
}

void derive_timeout(int k) {
  const auto parent = goro::with_cancel(goro::background());
  with_failure(k, [&] { (void)goro::with_timeout(parent.ctx, 1h); });
  const auto sibling = goro::with_timeout(parent.ctx, 1h);
  parent.cancel();
  std::printf("%d\n", sibling.ctx.err() == goro::errc::canceled);
}

// A cancel needs no memory, and ends all.
void cancel(int k) {
  const auto parent = goro::with_cancel(goro::background());
  const auto a = goro::with_timeout(parent.ctx, 1h);
  const auto b = goro::with_timeout(a.ctx, 50min);
  with_failure(k, [&] { parent.cancel(); });
  std::printf("%d\n", a.ctx.err() == goro::errc::canceled && b.ctx.err() == goro::errc::canceled);
}

const std::map<std::string, std::function<void(int)>> k_cases{
    {"derive_cancel", derive_cancel}, {"derive_timeout", derive_timeout}, {"cancel", cancel}};

}  // namespace

// The tools have operators of their own.
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
[[gnu::noinline]] void* operator new(std::size_t n) {
  if (g_until_failure != 0 && --g_until_failure == 0) throw std::bad_alloc();
  if (void* const p = std::malloc(n)) return p;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept { std::free(p); }
#endif

int main(int argc, char** argv) {
  if (argc != 3) return 64;
  goro::run([&] { k_cases.at(argv[1])(std::atoi(argv[2])); });
}
