// A case of a select, without its element type. See src/chan/select.cpp for the protocol.
#pragma once

#include <cstddef>
#include <cstdint>

#include <goro/chan.hpp>
#include <goro/detail/chan_core.hpp>

namespace goro {

namespace detail {
class selection;
}

// What recv_case and send_case have in common. A case is the node by which a goroutine waits on a channel: it
// stays where it is, belongs to one goroutine, and stands in one select at a time.
class select_case {
 public:
  select_case(const select_case&) = delete;
  select_case& operator=(const select_case&) = delete;

  // True if the last select chose this case.
  explicit operator bool() const noexcept { return fired_; }

  // True if the case takes part in a select. One that is armed with a nil channel does, and never fires.
  [[nodiscard]] bool armed() const noexcept { return armed_; }

 protected:
  enum class direction : std::uint8_t { receive, send };

  // `element` is raw storage for a received element, or the place of the one to be sent.
  select_case(direction d, const detail::element_ops& ops, void* element) noexcept
      : ops_(&ops), element_(element), direction_(d) {}
  ~select_case() {
    drop_element();
    detail::release(core_);
  }

  // Takes over a reference.
  void arm_with(detail::chan_core* core) noexcept {
    detail::release(core_);
    core_ = core;
    armed_ = true;
  }
  void disarm_case() noexcept {
    detail::release(core_);
    core_ = nullptr;
    armed_ = false;
  }
  void drop_element() noexcept {
    if (holds_) ops_->destroy(element_);
    holds_ = false;
  }

  [[nodiscard]] bool holds() const noexcept { return holds_; }
  void set_holds(bool yes) noexcept { holds_ = yes; }

  // The chosen receive has not been looked at yet.
  [[nodiscard]] bool to_be_taken() const noexcept { return fired_ && !taken_; }
  void set_taken() noexcept { taken_ = true; }

 private:
  friend class detail::selection;

  static constexpr std::size_t k_node_bytes = 64;  // checked in select.cpp

  alignas(void*) std::byte node_[k_node_bytes];  // a wait_node, while the case waits
  detail::chan_core* core_ = nullptr;            // counted
  const detail::element_ops* ops_;
  void* element_;
  select_case* next_to_lock_ = nullptr;  // within a select: the next in the order of the channels' addresses
  direction direction_;
  bool armed_ = false;
  bool fired_ = false;
  bool taken_ = false;
  bool holds_ = false;      // an element of this case's own lives at element_
  bool in_select_ = false;  // it stands in one now
};

namespace detail {

// Waits as long as p says until one of the cases can proceed, and lets it. Returns its position, or `count`
// if there was none. Throws channel_closed if the chosen one is a send on a closed channel; panic if a case
// occurs twice.
std::size_t select_among(select_case* const* cases, std::size_t count, patience p);

[[noreturn]] void throw_case_misuse(const char* what);

}  // namespace detail
}  // namespace goro
