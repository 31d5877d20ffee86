// What the actors of a random program do besides plain channel operations: select, timers, contexts, locks of
// all kinds, groups. Each action keeps exact accounts.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <deque>
#include <random>

#include <goro/goro.hpp>

#include "support/stress.hpp"

namespace goro_test {

// One channel and what should be true of it.
struct audited_channel {
  explicit audited_channel(int capacity) : c(capacity) {}
  goro::chan<long> c;
  std::atomic<long> sent{0};
  std::atomic<long> received{0};
  std::atomic<long> sum_sent{0};
  std::atomic<long> sum_received{0};

  void note_sent(long value) {
    ++sent;
    sum_sent += value;
  }
  void note_received(long value) {
    ++received;
    sum_received += value;
  }
};

// Something that is to happen a number of times.
struct account {
  std::atomic<long> expected{0};
  std::atomic<long> done{0};
};

// The state that all actors of a program share.
struct world {
  std::deque<audited_channel> channels;
  goro::wait_group actors;  // and all that they have started
  std::atomic<std::uint64_t> next_stream{0};
  std::uint64_t seed = 0;
  int max_procs = 1;

  goro::mutex lock;
  account locked;
  long guarded = 0;  // plain, under lock

  goro::shared_mutex shared;
  account written;
  long left = 0;  // plain, under shared; always equal
  long right = 0;

  goro::mutex tokens_lock;
  goro::condition_variable more_tokens;
  account tokens;  // made and taken
  long there = 0;  // plain, under tokens_lock

  static constexpr long k_permits = 5;
  goro::semaphore permits{k_permits};
  std::atomic<long> permits_held{0};

  account calls;  // of functions of timers and contexts, and tasks of groups

  audited_channel& any_channel(std::mt19937_64& rng) {
    return channels[static_cast<std::size_t>(pick(rng, 0, static_cast<int>(channels.size()) - 1))];
  }
};

std::chrono::nanoseconds short_time(std::mt19937_64& rng);

void select_somehow(world& w, std::mt19937_64& rng);
void use_timer(world& w, std::mt19937_64& rng);
void use_ticker(std::mt19937_64& rng);
void use_timer_function(world& w, std::mt19937_64& rng);
void use_context(world& w, std::mt19937_64& rng);
void use_shared_mutex(world& w, std::mt19937_64& rng);
void make_or_take_token(world& w, std::mt19937_64& rng);
void use_semaphore(world& w, std::mt19937_64& rng);
void run_group(world& w, std::mt19937_64& rng);

}  // namespace goro_test
