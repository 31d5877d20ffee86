// Waiting on an address: what wait_group is made of.
//
// The waiters of all such objects stand in a table of queues, found by the object's address, in order of
// arrival. So the object is one word, holds no queue, and may be destroyed as soon as its last user has left:
// whoever wakes a waiter changes the object's word first, under the bucket's lock, and touches the object no
// more once it has taken the waiter out.
#pragma once

#include <goro/detail/chan_core.hpp>
#include <goro/detail/lock.hpp>

#include "sched/waiter.hpp"

namespace goro::detail {

// A wait in a queue that several objects share.
struct keyed_wait_node : wait_node {
  const void* key = nullptr;
};

struct alignas(64) wait_bucket {
  lock guard;
  wait_queue queue;
};

// The bucket for an address; others share it.
wait_bucket& bucket_of(const void* address) noexcept;

// The longest waiter for this address; null if there is none. The bucket is locked.
keyed_wait_node* first_for(const wait_bucket& b, const void* address) noexcept;
// Takes out the longest waiter for this address whose wait the caller may end. The bucket is locked.
keyed_wait_node* dequeue_for(wait_bucket& b, const void* address) noexcept;

}  // namespace goro::detail
