#include "sync/wait_table.hpp"

#include <array>
#include <cstdint>

namespace goro::detail {

namespace {

constexpr std::size_t k_buckets = 251;  // Go's number; prime, so that strided addresses spread
constinit std::array<wait_bucket, k_buckets> g_table;

wait_node* find(wait_node* n, const void* address) noexcept {
  while (n && n->key != address) n = n->next;
  return n;
}

}  // namespace

wait_bucket& bucket_of(const void* address) noexcept {
  return g_table[(reinterpret_cast<std::uintptr_t>(address) >> 3) % k_buckets];
}

wait_node* first_for(const wait_bucket& b, const void* address) noexcept { return find(b.queue.first, address); }

wait_node* next_for(const wait_node& after) noexcept { return find(after.next, after.key); }

wait_node* dequeue_for(wait_bucket& b, const void* address) noexcept {
  while (wait_node* n = first_for(b, address)) {
    unlink(b.queue, *n);
    if (try_claim(*n, claimed::by_waker)) return n;
  }
  return nullptr;
}

}  // namespace goro::detail
