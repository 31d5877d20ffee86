// Those who wait for something, in the order of their arrival. What can be done with it is in
// src/sched/waiter.hpp.
#pragma once

#include <atomic>

namespace goro::detail {

struct wait_node;

struct wait_queue {
  std::atomic<wait_node*> first{nullptr};  // atomic only for looks without the lock
  wait_node* last = nullptr;
};

}  // namespace goro::detail
