// Signals of the operating system as values in a channel.
#pragma once

#include <initializer_list>
#include <memory>

#include <goro/chan.hpp>
#include <goro/context.hpp>

namespace goro {

namespace detail {
struct signal_watch;
}

// What notify() returns: its end stops the delivery.
class [[nodiscard]] signal_subscription {
 public:
  signal_subscription() noexcept = default;
  signal_subscription(signal_subscription&&) noexcept = default;
  signal_subscription& operator=(signal_subscription&& other) noexcept;  // stops what it had
  ~signal_subscription();
  // When it returns nothing more is sent. (signal.Stop)
  void stop() noexcept;

 private:
  friend signal_subscription notify(send_chan<int> to, std::initializer_list<int> signals);
  explicit signal_subscription(std::shared_ptr<detail::signal_watch> w) noexcept;
  std::shared_ptr<detail::signal_watch> watch_;
};

// From now on each of these signals is sent to the channel, without waiting: give it a buffer, what finds no
// room is dropped; several of one kind that come at once may arrive as one. Their usual effect, to end the
// process, does not take place while anybody is notified of them, and comes back afterwards. While a
// subscription lives a program whose goroutines all wait is not called deadlocked. Throws panic for a signal
// that cannot be caught (SIGKILL, SIGSTOP), or that tells of an error of the program's own (SIGSEGV, SIGBUS,
// SIGFPE, SIGILL, SIGTRAP). The handler is installed with SA_RESTART and runs on the signal stack. Does not
// block. (signal.Notify)
signal_subscription notify(send_chan<int> to, std::initializer_list<int> signals);

struct [[nodiscard]] signal_context {
  context ctx;
  cancel_func cancel;  // its last copy's end, or a call, also stops the notification
};

// A context that is cancelled by the first of these signals. (signal.NotifyContext)
signal_context notify_context(const context& parent, std::initializer_list<int> signals);

}  // namespace goro
