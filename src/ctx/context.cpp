// Contexts.
//
// A node is immutable but for what a cancel changes. Nodes that can be done have a `canceler`; the others
// (values, without_cancel) refer to that of their nearest ancestor, or to none. Cancelers form a tree of
// their own, in which a child stands in its parent's list as long as it is not done: it enters when it is
// made and leaves when it is cancelled, which happens at the latest when its last cancel_func goes. So a
// long-lived parent does not collect children, and a parent's list holds nobody who is gone.
//
// One mutex for each tree of cancelers (all that derive from the same with_* of a context that is never
// done). Under it a cancel marks the canceler and everything below, one after another and not by recursion: a
// chain of a hundred thousand contexts costs no stack, and the whole is linear. Because a second cancel in
// the same tree waits for the mutex, all descendants are done when any of the two returns (CTX-04). A mutex
// for each canceler, as in Go, would have to be held down the whole path for that.
//
// What depends on a canceler is started, an after_func in a goroutine of its own, when it is done; but what
// register_at_end() has put there is called just before, under the mutex.
//
// err and cause are written before `done` (release) and never again, so that they are read without the mutex
// (acquire).
//
// The deadline's timer calls cancel in a goroutine of its own, since that may block. The timer's action owns
// the canceler, and the canceler the timer: the cycle ends when the timer is given up, at the latest at the
// cancel.
#include <goro/context.hpp>

#include <atomic>
#include <mutex>
#include <new>
#include <ostream>

#include <goro/go.hpp>
#include <goro/mutex.hpp>

#include "ctx/at_end.hpp"
#include "diag/fatal.hpp"

namespace goro {

namespace detail {

namespace {

struct canceler;

// Something that is to happen when a canceler is done: a child, or a function. In a doubly linked list,
// guarded by the tree's mutex.
struct dependant {
  dependant* next = nullptr;
  dependant* prev = nullptr;
  dependant** head = nullptr;  // of the list where it stands; null: in none
  canceler* child = nullptr;   // null: it is an after_call
};

void link(dependant*& head, dependant& d) noexcept {
  d.head = &head;
  d.prev = nullptr;
  d.next = head;
  if (head) head->prev = &d;
  head = &d;
}

void unlink(dependant& d) noexcept {
  if (!d.head) return;
  (d.prev ? d.prev->next : *d.head) = d.next;
  if (d.next) d.next->prev = d.prev;
  d.head = nullptr;
}

struct tree {
  mutex guard;
};

// Destroys a chain of parents that nobody else has, one after another: its length is no depth of calls. Only
// the last reference's end says that the others are gone, a count does not: so nothing is changed before.
template <class Node>
void release_parents(std::shared_ptr<Node> p) noexcept {
  while (p && p.use_count() == 1) {
    std::shared_ptr<Node> next = p->parent;
    p = std::move(next);
  }
}

struct canceler : dependant {
  std::shared_ptr<tree> common;
  std::shared_ptr<canceler> parent;  // keeps the list in which this stands
  dependant* dependants = nullptr;
  chan<unit> closed_when_done;
  std::optional<time_point> deadline;
  std::optional<timer> expiry;  // of the deadline
  std::atomic<bool> done{false};
  std::error_code err;  // written before `done`
  std::error_code cause;

  canceler() = default;
  canceler(const canceler&) = delete;
  canceler& operator=(const canceler&) = delete;
  ~canceler() {
    if (parent && !is_done()) leave_unfinished();
    release_parents(std::move(parent));
  }

  // Whoever made it had no memory for the rest. A cancel of the parent may be at it.
  void leave_unfinished() noexcept {
    const std::lock_guard held(common->guard);
    unlink(*this);
  }

  bool is_done() const noexcept { return done.load(std::memory_order_acquire); }  // pairs with mark_done()
};

// A function that waits for the end of a context.
struct after_call : dependant {
  std::shared_ptr<canceler> watched;
  std::shared_ptr<after_call> self;  // while it is registered
  std::unique_ptr<timer_action> action;
  std::source_location where;
  bool at_end = false;  // called where the context ends, not in a goroutine
};

bool is_at_end(const dependant& d) noexcept { return !d.child && static_cast<const after_call&>(d).at_end; }

}  // namespace

struct context_node {
  context_ptr parent;
  std::shared_ptr<canceler> cancel;  // what decides when this is done; null: nothing ever does
  const void* key = nullptr;
  std::shared_ptr<const void> value;
  const char* kind = nullptr;  // of the derivation, for to_string

  context_node() = default;
  context_node(const context_node&) = delete;
  context_node& operator=(const context_node&) = delete;
  ~context_node() { release_parents(std::move(parent)); }
};

struct cancel_handle {
  context_ptr node;
  explicit cancel_handle(context_ptr n) noexcept : node(std::move(n)) {}
  cancel_handle(const cancel_handle&) = delete;
  cancel_handle& operator=(const cancel_handle&) = delete;
  ~cancel_handle() {
    const auto canceled = make_error_code(errc::canceled);
    cancel_context(*node, canceled, canceled);
  }
};

namespace {

void start_after_call(after_call& a) {
  if (a.at_end) {
    const std::shared_ptr<after_call> self = std::exchange(a.self, nullptr);
    return a.action->run();
  }
  struct run {
    std::shared_ptr<after_call> call;
    void operator()() const { call->action->run(); }
  };
  const std::source_location where = a.where;
  try {
    spawn<run>(nullptr, where, std::exchange(a.self, nullptr));
  } catch (const std::bad_alloc&) {
    fatal("goro: no memory to start the function that waited for the end of a context");
  }
}

void mark_done(canceler& c, std::error_code err, std::error_code cause) {
  c.err = err;
  c.cause = cause;
  c.done.store(true, std::memory_order_release);  // pairs with is_done()
  c.closed_when_done.close();
}

// Takes the canceler out of the tree, with all that depends on it; needs no memory. The tree's mutex is held.
// The timers are stopped, and their cancelers put into a list; to destroy them, without the mutex, is the
// caller's: their actions own the cancelers.
void cancel_tree(canceler& first, std::error_code err, std::error_code cause, dependant*& timed) {
  unlink(first);
  dependant* todo = nullptr;
  link(todo, first);
  while (todo) {
    dependant& d = *todo;
    unlink(d);
    if (!d.child) {
      start_after_call(static_cast<after_call&>(d));
      continue;
    }
    canceler& c = *d.child;
    while (dependant* below = c.dependants) {
      unlink(*below);
      is_at_end(*below) ? start_after_call(static_cast<after_call&>(*below)) : link(todo, *below);
    }
    mark_done(c, err, cause);
    if (!c.expiry) continue;
    c.expiry->stop();
    link(timed, c);
  }
}

// What cancel_tree() has put there is in no other list, done, and nobody else's to change.
void destroy_timers(dependant*& timed) noexcept {
  while (timed) {
    canceler& c = *timed->child;
    unlink(c);
    const timer last_owner = std::move(*std::exchange(c.expiry, std::nullopt));
  }
}

void cancel(const std::shared_ptr<canceler>& c, std::error_code err, std::error_code cause) {
  if (c->is_done()) {
    // It may be at it only now: who returns from a cancel finds everything below done.
    const std::lock_guard wait(c->common->guard);
    return;
  }
  dependant* timed = nullptr;
  {
    const std::lock_guard held(c->common->guard);
    if (!c->is_done()) cancel_tree(*c, err, cause, timed);
  }
  destroy_timers(timed);
}

const context_node& checked(const context_ptr& parent) {
  if (!parent) throw panic("cannot create context from nil parent");
  return *parent;
}

// A canceler below the parent's. Born done if that is.
std::shared_ptr<canceler> make_canceler(const context_node& parent) {
  auto c = std::make_shared<canceler>();
  c->child = c.get();
  c->parent = parent.cancel;
  if (!c->parent) {
    c->common = std::make_shared<tree>();
    return c;
  }
  c->common = c->parent->common;
  c->deadline = c->parent->deadline;
  const std::lock_guard held(c->common->guard);
  if (c->parent->is_done()) {
    mark_done(*c, c->parent->err, c->parent->cause);
  } else {
    link(c->parent->dependants, *c);
  }
  return c;
}

context_ptr make_node(const context_ptr& parent, std::shared_ptr<canceler> c, const char* kind) {
  auto node = std::make_shared<context_node>();
  node->parent = parent;
  node->cancel = std::move(c);
  node->kind = kind;
  return node;
}

}  // namespace

context_ptr derive_cancel(const context_ptr& parent, const char* kind) {
  return make_node(parent, make_canceler(checked(parent)), kind);
}

context_ptr derive_deadline(const context_ptr& parent, time_point deadline, std::error_code cause) {
  std::shared_ptr<canceler> c = make_canceler(checked(parent));
  context_ptr node = make_node(parent, c, "WithDeadline");
  if (c->deadline && *c->deadline <= deadline) return node;
  c->deadline = deadline;
  const auto expired = make_error_code(errc::timed_out);
  if (deadline <= now()) {
    cancel(c, expired, cause);
    return node;
  }
  timer expiry = after_func(deadline - now(), [c, expired, cause] { cancel(c, expired, cause); });
  const std::lock_guard held(c->common->guard);
  c->is_done() ? void(expiry.stop()) : void(c->expiry.emplace(std::move(expiry)));
  return node;
}

context_ptr derive_value(const context_ptr& parent, const void* key, std::shared_ptr<const void> value) {
  context_ptr node = make_node(parent, checked(parent).cancel, "WithValue");
  node->key = key;
  node->value = std::move(value);
  return node;
}

context_ptr derive_without_cancel(const context_ptr& parent) {
  checked(parent);
  return make_node(parent, nullptr, "WithoutCancel");
}

void cancel_context(context_node& node, std::error_code err, std::error_code cause) {
  cancel(node.cancel, err, cause ? cause : err);
}

std::shared_ptr<cancel_handle> make_cancel_handle(const context_ptr& node) {
  try {
    return std::make_shared<cancel_handle>(node);
  } catch (...) {
    const auto canceled = make_error_code(errc::canceled);
    cancel_context(*node, canceled, canceled);  // or its timer would keep it
    throw;
  }
}
context_node& node_of(const cancel_handle& h) noexcept { return *h.node; }

namespace {

std::shared_ptr<void> enlist(const context_ptr& node, std::shared_ptr<after_call> a) {
  a->watched = checked(node).cancel;
  if (!a->watched) return a;  // never
  const std::lock_guard held(a->watched->common->guard);
  a->self = a;
  if (a->watched->is_done()) {
    start_after_call(*a);
  } else {
    link(a->watched->dependants, *a);
  }
  return a;
}

}  // namespace

std::shared_ptr<void> register_after(const context_ptr& node, std::unique_ptr<timer_action> action,
                                     std::source_location where) {
  auto a = std::make_shared<after_call>();
  a->action = std::move(action);
  a->where = where;
  return enlist(node, std::move(a));
}

std::shared_ptr<void> register_at_end(const context_ptr& node, std::unique_ptr<timer_action> action) {
  auto a = std::make_shared<after_call>();
  a->action = std::move(action);
  a->at_end = true;
  return enlist(node, std::move(a));
}

bool unregister_after(void* registration) {
  auto& a = *static_cast<after_call*>(registration);
  if (!a.watched) return std::exchange(a.action, nullptr) != nullptr;
  std::shared_ptr<after_call> self;  // its end outside of the mutex
  const std::lock_guard held(a.watched->common->guard);
  if (!a.head) return false;
  unlink(a);
  self = std::exchange(a.self, nullptr);
  return true;
}

}  // namespace detail

using detail::context_node;

recv_chan<unit> context::done() const {
  return node_ && node_->cancel ? recv_chan<unit>(node_->cancel->closed_when_done) : recv_chan<unit>();
}

std::error_code context::err() const noexcept {
  return node_ && node_->cancel && node_->cancel->is_done() ? node_->cancel->err : std::error_code();
}

std::error_code context::cause() const noexcept {
  return node_ && node_->cancel && node_->cancel->is_done() ? node_->cancel->cause : std::error_code();
}

std::optional<time_point> context::deadline() const noexcept {
  return node_ && node_->cancel ? node_->cancel->deadline : std::nullopt;
}

const void* context::find(const void* key) const noexcept {
  for (const context_node* n = node_.get(); n; n = n->parent.get()) {
    if (n->key == key) return n->value.get();
  }
  return nullptr;
}

std::string to_string(const context& c) {
  std::string text;
  for (const context_node* n = c.node_.get(); n; n = n->parent.get()) {
    text.insert(0, n->parent ? std::string(".") + n->kind : n->kind);
  }
  return text.empty() ? "nil" : text;
}

std::ostream& operator<<(std::ostream& out, const context& c) { return out << to_string(c); }

namespace {

// Never destroyed: goroutines may use it until the process is gone.
union root {
  detail::context_ptr node;
  root() : node(std::make_shared<context_node>()) { node->kind = "context.Background"; }
  root(const root&) = delete;
  root& operator=(const root&) = delete;
  // NOLINTNEXTLINE(modernize-use-equals-default): a default one would be deleted
  ~root() {}
};

}  // namespace

context background() noexcept {
  static const root background;
  return context_access::make(background.node);
}

}  // namespace goro
