#include "sync/wait_table.hpp"

#include <array>
#include <cstdint>

namespace goro::detail {

namespace {

constexpr std::size_t k_buckets = 251;  // Go's number; prime, so that strided addresses spread
constinit std::array<wait_bucket, k_buckets> g_table;

// The table's queues hold nothing but keyed nodes.
keyed_wait_node* keyed(wait_node* n) noexcept { return static_cast<keyed_wait_node*>(n); }

}  // namespace

wait_bucket& bucket_of(const void* address) noexcept {
  return g_table[(reinterpret_cast<std::uintptr_t>(address) >> 3) % k_buckets];
}

keyed_wait_node* first_for(const wait_bucket& b, const void* address) noexcept {
  keyed_wait_node* n = keyed(first_of(b.queue));
  while (n && n->key != address) n = keyed(n->next);
  return n;
}

keyed_wait_node* dequeue_for(wait_bucket& b, const void* address) noexcept {
  while (keyed_wait_node* n = first_for(b, address)) {
    unlink(b.queue, *n);
    if (try_claim(*n, claimed::by_waker)) return n;
  }
  return nullptr;
}

}  // namespace goro::detail
