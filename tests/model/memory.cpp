#include "model/memory.hpp"

#include <algorithm>

namespace goro::model {

namespace {

bool is_acquire(std::memory_order order) noexcept {
  return order == std::memory_order_acquire || order == std::memory_order_acq_rel ||
         order == std::memory_order_seq_cst;
}

bool is_release(std::memory_order order) noexcept {
  return order == std::memory_order_release || order == std::memory_order_acq_rel ||
         order == std::memory_order_seq_cst;
}

void join(vector_clock& to, const vector_clock& from) noexcept {
  for (std::size_t t = 0; t != to.size(); ++t) to[t] = std::max(to[t], from[t]);
}

}  // namespace

void memory::reset(ordering rules, identity ids) noexcept {
  rules_ = rules;
  ids_ = ids;
  words_.clear();
  cells_.clear();
  for (auto& buffer : buffers_) buffer.clear();
  for (std::size_t t = 0; t != clocks_.size(); ++t) {
    clocks_[t] = {};
    clocks_[t][t] = 1;  // so that 0 in a cell means "never"
  }
  stores_ = {};
  hash_ = 0;
}

memory::index memory::add_word(bits initial) {
  words_.push_back({initial, ids_ == identity::value ? mix(initial) : 0, {}});
  return static_cast<index>(words_.size() - 1);
}

memory::index memory::add_cell(bits initial) {
  cells_.push_back({initial, {}, {}});
  return static_cast<index>(cells_.size() - 1);
}

memory::value memory::visible(int thread, index word) const {
  if (thread != k_main) {
    const auto& buffer = buffers_[at(thread)];
    for (auto b = buffer.rbegin(); b != buffer.rend(); ++b) {
      if (b->word == word) return {b->data, b->id};
    }
  }
  return {words_[word].data, words_[word].id};
}

memory::value memory::load(int thread, index word, std::memory_order order) {
  const value got = visible(thread, word);
  if (thread != k_main && is_acquire(order) && got.id == words_[word].id) learn(thread, words_[word].message);
  return got;
}

void memory::store(int thread, index word, bits data, std::memory_order order) {
  if (thread == k_main) return poke(word, data);
  const store_id id = next_id(thread, data);
  buffers_[at(thread)].push_back(
      {word, data, id, publish(thread, is_release(order)), is_release(order), false});
  if (order == std::memory_order_seq_cst) drain(thread);
}

memory::value memory::read_modify_write(int thread, index w, const bits* when, operation apply, bits operand,
                                        std::memory_order order) {
  if (thread != k_main && (rules_ == ordering::tso || is_release(order) || buffers(thread, w))) drain(thread);
  const stored old = words_[w];
  const value got{old.data, old.id};
  if (thread != k_main && is_acquire(order)) learn(thread, old.message);
  if (when && *when != old.data) return got;
  if (thread == k_main) {
    poke(w, apply(old.data, operand));
    return got;
  }
  const bits data = apply(old.data, operand);
  stored next{data, next_id(thread, data), publish(thread, is_release(order))};
  join(next.message, old.message);  // it continues the release sequence of what it read
  write(w, next);
  return got;
}

void memory::poke(index word, bits data) {
  words_[word].data = data;
  // Pokes have no order of their own in any thread: what the word holds is all that counts.
  const store_id id = ids_ == identity::value ? mix(data) : ~data;
  hash_ ^= mix(word, words_[word].id) ^ mix(word, id);
  words_[word].id = id;
}

void memory::issue(int thread) noexcept {
  if (thread == k_main) return;
  for (buffered& b : buffers_[at(thread)]) b.issued = true;
}

void memory::drain(int thread) {
  if (thread == k_main) return;
  while (pending(thread) != 0) flush(thread, 0);
}

void memory::fence_all(int thread, int threads) {
  drain(thread);
  for (int t = 0; t != threads; ++t) {
    while (pending(t) != 0 && buffers_[at(t)].front().issued) flush(t, 0);
  }
}

bool memory::may_flush(int thread, std::size_t entry) const {
  if (entry == 0) return true;
  if (rules_ == ordering::tso) return false;
  const auto& buffer = buffers_[at(thread)];
  if (buffer[entry].release) return false;
  for (std::size_t i = 0; i != entry; ++i) {
    if (buffer[i].word == buffer[entry].word) return false;
  }
  return true;
}

memory::index memory::flush(int thread, std::size_t entry) {
  auto& buffer = buffers_[at(thread)];
  const buffered b = buffer[entry];
  buffer.erase(buffer.begin() + static_cast<std::ptrdiff_t>(entry));
  write(b.word, {b.data, b.id, b.message});
  return b.word;
}

bool memory::read_cell(int thread, index c) {
  if (thread == k_main || ids_ == identity::value) return true;
  cells_[c].reads[at(thread)] = clocks_[at(thread)][at(thread)];
  return ordered_after(thread, cells_[c].writes);
}

bool memory::write_cell(int thread, index c, bits data) {
  if (ids_ == identity::value) {
    hash_ ^= mix(~c, cells_[c].data) ^ mix(~c, data);
    cells_[c].data = data;
    return true;
  }
  if (thread == k_main) return true;
  cells_[c].writes[at(thread)] = clocks_[at(thread)][at(thread)];
  return ordered_after(thread, cells_[c].writes) && ordered_after(thread, cells_[c].reads);
}

bool memory::buffers(int thread, index word) const {
  const auto& buffer = buffers_[at(thread)];
  return std::any_of(buffer.begin(), buffer.end(), [&](const buffered& b) { return b.word == word; });
}

void memory::write(index w, const stored& next) {
  hash_ ^= mix(w, words_[w].id) ^ mix(w, next.id);
  words_[w] = next;
}

std::uint64_t memory::hash() const noexcept {
  std::uint64_t hash = hash_;
  for (const auto& buffer : buffers_) {
    hash = mix(hash, buffer.size());
    for (const buffered& b : buffer)
      hash = mix(mix(hash, b.id), (b.word << 2) + (b.release ? 2u : 0u) + (b.issued ? 1u : 0u));
  }
  return hash;
}

store_id memory::next_id(int thread, bits data) noexcept {
  if (ids_ == identity::value) return mix(data);
  return (static_cast<store_id>(thread + 1) << 32) + ++stores_[at(thread)];
}

vector_clock memory::publish(int thread, bool release) {
  if (!release) return {};
  const vector_clock message = clocks_[at(thread)];
  ++clocks_[at(thread)][at(thread)];
  return message;
}

void memory::learn(int thread, const vector_clock& message) noexcept { join(clocks_[at(thread)], message); }

bool memory::ordered_after(int thread, const vector_clock& earlier) const noexcept {
  const vector_clock& now = clocks_[at(thread)];
  for (std::size_t t = 0; t != earlier.size(); ++t) {
    if (earlier[t] > now[t]) return false;
  }
  return true;
}

}  // namespace goro::model
