// Channels, without their element type.
//
// Invariants (Go's):
//   * receivers wait only while the buffer is empty and the channel is open; senders only while the buffer is
//     full; so never both queues are non-empty.
//   * a waiting receiver's node points to raw storage for one element, a waiting sender's to the element
//     itself.
//   * whoever ends a wait moves the element, on behalf of both sides, under the channel's lock; the woken
//     side does not touch the channel again.
//   * elements leave in the order in which they came: a sender that waited behind a full buffer gets its
//     element into the slot that is freed by the receive which wakes it.
//
// Everything is guarded by the channel's lock; ready() is called after its release. After that a waker
// touches the channel no more, and the woken side never does: the channel may be gone. The last visible
// handle may go while an operation is blocked: nothing can wake it then but its deadline, and a wait with a
// deadline holds a reference.
//
// The rule of CHAN-15 (a non-blocking receive reports "nothing there" only if that was so at one moment)
// holds because every answer is given under the lock; try_* takes no unlocked shortcut.
#include <goro/detail/chan_core.hpp>

#include <cstdlib>
#include <cstring>
#include <new>

#include <goro/error.hpp>

#include "chan/operations.hpp"
#include "sched/turn.hpp"
#include "sched/woken_list.hpp"

namespace goro::detail {

namespace {

constexpr std::size_t k_usual_align = __STDCPP_DEFAULT_NEW_ALIGNMENT__;
static_assert(alignof(chan_core) <= k_usual_align);

}  // namespace

chan_core* make_chan(std::size_t capacity, const element_ops& ops) {
  // One block: the core, then the buffer at the element's alignment.
  const std::size_t align = std::max(alignof(chan_core), ops.align);
  const std::size_t offset = (sizeof(chan_core) + ops.align - 1) / ops.align * ops.align;
  const std::size_t bytes = offset + capacity * ops.size;
  void* memory =
      align > k_usual_align ? ::operator new(bytes, std::align_val_t{align}) : ::operator new(bytes);
  auto* c = ::new (memory) chan_core;
  c->capacity = capacity;
  c->buffer = static_cast<std::byte*>(memory) + offset;
  c->ops = &ops;
  return c;
}

void destroy_chan(chan_core* c) noexcept {
  if (c->of_timer) return destroy_timer_of(*c);
  // Mostly the reference count has ordered all uses before this. Not so for a goroutine that is parked here
  // and used somebody else's handle, a static one at the end of the process say: its machine may still hold
  // the lock.
  c->guard.wait_until_free();
  const element_ops& ops = *c->ops;
  for (std::size_t n = c->count.load(std::memory_order_relaxed), i = 0; i != n; ++i) {
    ops.destroy(c->slot(i, ops.size));
  }
  c->~chan_core();
  if (ops.align > k_usual_align) {
    ::operator delete(c, std::align_val_t{ops.align});
  } else {
    ::operator delete(c);
  }
}

void throw_send_on_closed() { throw channel_closed("send on closed channel"); }
void throw_size_out_of_range() { throw panic("makechan: size out of range"); }

namespace {

// A reference for the time of a wait with a deadline; none if c is null.
class held {
 public:
  explicit held(chan_core* c) noexcept : c_(c) { retain(c_); }
  ~held() { release(c_); }
  held(const held&) = delete;
  held& operator=(const held&) = delete;

 private:
  chan_core* c_;
};

chan_status on_nil(patience p, wait_reason for_ever, wait_reason until) {
  if (!p.wait) return chan_status::would_block;
  if (!p.deadline) block_for_ever(for_ever);
  sleep_until(*p.deadline, until);
  return chan_status::timed_out;
}

// The common course of both operations. Inlined, so that the usual ones, of goroutines and for as long as it
// takes, do without what is for the others.
template <attempt (*Now)(chan_core*, void*, wait_node*&) noexcept>
[[gnu::always_inline]] inline chan_status operate(runtime_entry& entry, chan_core* c, void* element,
                                                  patience p, wait_queue chan_core::* queue,
                                                  wait_reason reason) {
  c->guard.acquire(entry.places());
  wait_node* woken = nullptr;
  const attempt a = Now(c, element, woken);
  if (a != attempt::must_wait) {
    const resumable who = woken ? woken->who : resumable();
    c->guard.release();
    if (woken) ready(entry.mp(), who);
    return a == attempt::done ? chan_status::done : chan_status::closed;
  }
  if (!p.wait || (p.deadline && *p.deadline <= now())) {
    c->guard.release();
    return p.wait ? chan_status::timed_out : chan_status::would_block;
  }
  const held reference(p.deadline ? c : nullptr);
  wait_node node;
  node.element = element;
  race_release(&node);
  if (!wait(entry, node, c->*queue, c->guard, place::last, p.deadline, reason)) return chan_status::timed_out;
  return node.delivered ? chan_status::done : chan_status::closed;
}

}  // namespace

chan_status chan_send(chan_core* c, void* element, patience p) {
  if (!c) return on_nil(p, wait_reason::chan_send_nil, wait_reason::chan_send_nil_until);
  runtime_entry entry;
  return operate<send_now>(entry, c, element, p, &chan_core::senders, wait_reason::chan_send);
}

chan_status chan_recv(chan_core* c, void* storage, patience p) {
  if (!c) return on_nil(p, wait_reason::chan_receive_nil, wait_reason::chan_receive_nil_until);
  runtime_entry entry;
  return operate<recv_now>(entry, c, storage, p, &chan_core::receivers, wait_reason::chan_receive);
}

void chan_send_blocking(chan_core* c, void* element) {
  machine* const mp = current_machine();
  chan_status s;
  if (!c || !mp) [[unlikely]] {
    s = chan_send(c, element, {});
  } else {
    runtime_entry entry(mp);
    s = operate<send_now>(entry, c, element, {}, &chan_core::senders, wait_reason::chan_send);
  }
  if (s == chan_status::closed) [[unlikely]]
    throw_send_on_closed();
}

bool chan_recv_blocking(chan_core* c, void* storage) {
  machine* const mp = current_machine();
  if (!c || !mp) [[unlikely]]
    return chan_recv(c, storage, {}) == chan_status::done;
  runtime_entry entry(mp);
  return operate<recv_now>(entry, c, storage, {}, &chan_core::receivers, wait_reason::chan_receive) ==
         chan_status::done;
}

bool chan_discard(chan_core* c) noexcept {
  if (c->count.load(std::memory_order_relaxed) == 0) return false;
  const lock_guard guard(c->guard, current_lock_places());
  const std::size_t n = c->count.load(std::memory_order_relaxed);
  for (std::size_t i = 0; i != n; ++i) c->ops->destroy(c->slot(i, c->ops->size));
  c->count.store(0, std::memory_order_relaxed);
  return n != 0;
}

void chan_close(chan_core* c) {
  if (!c) throw channel_closed("close of nil channel");
  const runtime_entry entry;
  woken_list woken;
  {
    const lock_guard guard(c->guard, entry.places());
    if (c->closed.load(std::memory_order_relaxed)) throw channel_closed("close of closed channel");
    c->closed.store(true, std::memory_order_relaxed);
    race_release(&c->closed);
    for (wait_queue* q : {&c->receivers, &c->senders}) {
      while (wait_node* n = dequeue(*q)) {
        race_release(n);
        woken.add(*n);
      }
    }
  }
  woken.ready_all(entry.mp());
}

}  // namespace goro::detail
