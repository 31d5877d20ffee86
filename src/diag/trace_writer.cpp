#include "diag/trace_writer.hpp"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <new>
#include <span>
#include <utility>

#include "diag/describe.hpp"
#include "os/file.hpp"
#include "os/io.hpp"
#include "os/memory.hpp"
#include "os/thread.hpp"
#include "sched/scheduler.hpp"

namespace goro::detail {

namespace {

constexpr std::int64_t k_delay = 1'000'000;              // ns
constexpr std::int64_t k_round = 2'000'000;              // ns between two looks at the rings
constexpr std::int64_t k_short_round = 200'000;          // while one of them fills up
constexpr std::size_t k_piece = std::size_t{256} << 10;  // bytes for one system call

processor* processor_at(int p) noexcept { return sched.all[p].load(std::memory_order_relaxed); }

int made() noexcept { return sched.made.load(std::memory_order_acquire); }  // pairs with make_processor()

// Calls visit(ring, p) for each; without a P: trace_json::k_others.
template <class Visit>
void for_each_ring(Visit visit) {
  if (event_ring* ring = ring_of_others()) visit(ring, trace_json::k_others);
  for (int p = 0; p != made(); ++p) {
    event_ring* ring = processor_at(p)->trace.load(std::memory_order_acquire);  // pairs with provide_ring()
    if (ring) visit(ring, p);
  }
}

}  // namespace

trace_writer::trace_writer(int fd, diag::trace_limits limits) : fd_(fd), limits_(limits) {}

int trace_writer::start() {
  // What is left of an earlier recording.
  for_each_ring([](event_ring* ring, int) { ring->drain([](const trace_event&) noexcept {}); });
  dropped_before_ = dropped();
  int error = begin_recording(at_start_);
  if (error == 0) {
    sched.helper_count.fetch_add(1, std::memory_order_relaxed);
    error = start_thread(&trace_writer::run, this, &thread_);
    if (error != 0) sched.helper_count.fetch_sub(1, std::memory_order_relaxed);
  }
  if (error != 0) end_recording();
  return error;
}

int trace_writer::stop() noexcept {
  end_recording();
  stopping_.store(true, std::memory_order_release);  // pairs with write_all()
  wake_.set();
  ::pthread_join(thread_, nullptr);
  sched.helper_count.fetch_sub(1, std::memory_order_relaxed);
  return error_;
}

void* trace_writer::run(void* self) noexcept {
  race_hide();
  auto* const writer = static_cast<trace_writer*>(self);
  try {
    writer->write_all();
  } catch (const std::bad_alloc&) {
    end_recording();
    writer->error_ = ENOMEM;
  }
  const int error = close_file(writer->fd_);
  if (writer->error_ == 0) writer->error_ = error;
  for_each_ring([](event_ring* ring, int) {
    ring->drain([](const trace_event&) noexcept {});
    discard(static_cast<std::byte*>(ring->memory()), event_ring::k_bytes);
  });
  race_show();
  return nullptr;
}

void trace_writer::write_all() {
  look_at_start();
  while (!stopping_.load(std::memory_order_acquire) && !is_full() && error_ == 0) {  // pairs with stop()
    const std::int64_t nap = largest_ > k_trace_capacity / 4 ? k_short_round : k_round;
    const time_point until = clock::now() + std::chrono::nanoseconds(nap);
    wake_.sleep(&until);
    write_round();
  }
  end_recording();
  finish();
}

// Who was there, and who ran, when the recording began; or has begun since, which its events say, too.
void trace_writer::look_at_start() {
  for_each_descriptor([this](const goroutine& g) {
    if (g.status.load(std::memory_order_acquire) == g_status::dead) return;  // pairs with transition()
    json_.know(g.id.load(std::memory_order_relaxed), g.where.load(std::memory_order_relaxed), name_of(g));
  });
  for (const trace_runner& g : at_start_.with_p) json_.runs_at_start(static_cast<int>(g.where), g.id);
  for (const trace_runner& g : at_start_.away) json_.away_at_start(g.id, g.where);
}

void trace_writer::write_round() {
  const std::uint64_t now = trace_ticks();
  if (ns_per_tick_ == 0)
    ns_per_tick_ =
        static_cast<double>(trace_ns() - at_start_.ns) / static_cast<double>(now - at_start_.ticks);
  collect();
  write_items(now - static_cast<std::uint64_t>(static_cast<double>(k_delay) / ns_per_tick_));
  sample(ns_of(now));
}

void trace_writer::collect() {
  largest_ = 0;
  for_each_ring([this](event_ring* ring, int p) { take_from(ring, p); });
}

void trace_writer::take_from(event_ring* ring, int p) {
  const std::size_t index = static_cast<std::size_t>(p - trace_json::k_others);
  if (last_ticks_.size() <= index) last_ticks_.resize(index + 1, at_start_.ticks);
  std::uint64_t& last = last_ticks_[index];
  const std::size_t n = ring->drain([&](trace_event e) {
    // What an earlier recording was too late for; the clocks of two cores may differ by some nanoseconds.
    const bool timed = e.ticks != k_no_time;
    if (e.kind() == trace_kind::none || (timed && e.ticks < at_start_.ticks)) return;
    last = e.ticks = std::max(e.ticks, last);
    fresh_.push_back({e, p, timed});
  });
  largest_ = std::max(largest_, n);
  if (n == 0) return;
  std::vector<item> all;
  all.reserve(items_.size() + fresh_.size());
  std::merge(items_.begin(), items_.end(), fresh_.begin(), fresh_.end(), std::back_inserter(all),
             [](const item& a, const item& b) { return a.event.ticks < b.event.ticks; });
  items_.swap(all);
  fresh_.clear();
}

void trace_writer::write_items(std::uint64_t before) {
  std::size_t n = 0;
  for (; n != items_.size() && items_[n].event.ticks <= before; ++n) {
    if (is_full()) break;
    json_.take(items_[n].p, ns_of(items_[n].event.ticks), items_[n].event, items_[n].timed);
    flush(k_piece);
  }
  items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(n));
}

void trace_writer::sample(std::int64_t ns) {
  json_.count("goroutines", ns, goroutine_count());
  json_.count("global queue", ns, sched.global.size());
  for (int p = 0; p != made(); ++p)
    json_.count("queue of P " + std::to_string(p), ns, processor_at(p)->queue.look().size());
}

// The end needs a little room for each track.
bool trace_writer::is_full() noexcept {
  constexpr std::uint64_t k_for_each = 512;
  const std::uint64_t end = k_for_each * (8 + static_cast<std::uint64_t>(made()));
  return written_ + json_.text().size() + end >= limits_.file_bytes;
}

// What is there when it is told to stop may be more than there is room for, too.
void trace_writer::finish() {
  // So short a recording that the clock's rate could not be told well.
  while (ns_per_tick_ == 0 && trace_ns() - at_start_.ns < k_delay) pause();
  write_round();
  const std::uint64_t end = trace_ticks();
  write_items(end);
  json_.finish(ns_of(end), dropped() - dropped_before_,
               is_full() ? "the file has reached its limit" : "stop_trace");
  flush(0);
}

void trace_writer::flush(std::size_t when_longer) noexcept {
  std::string& text = json_.text();
  if (text.size() <= when_longer) return;
  for (std::span<const char> rest(text); !rest.empty() && error_ == 0;) {
    const transfer t = write_bytes(fd_, std::as_bytes(rest), file_kind::other);
    error_ = t.error;
    rest = rest.subspan(t.n);
  }
  written_ += text.size();
  text.clear();
}

std::int64_t trace_writer::ns_of(std::uint64_t ticks) const noexcept {
  return static_cast<std::int64_t>(static_cast<double>(ticks - at_start_.ticks) * ns_per_tick_);
}

std::uint64_t trace_writer::dropped() const noexcept {
  std::uint64_t n = 0;
  for_each_ring([&n](event_ring* ring, int) { n += ring->dropped(); });
  return n;
}

}  // namespace goro::detail
