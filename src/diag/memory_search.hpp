// A search of the process's memory for words that may be addresses in a given range.
//
// Every page that somebody has written is read, but for what is left out, through a descriptor: of what has
// gone meanwhile nothing is read, and nothing faults. Pages are copied into a buffer of the caller's, who
// leaves that out as well: it holds what is looked for.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "os/memory.hpp"
#include "os/own_memory.hpp"

namespace goro::detail {

struct address_range {
  std::uintptr_t first = 0;
  std::uintptr_t end = 0;
  bool contains(std::uintptr_t p) const noexcept { return p >= first && p < end; }
};

class memory_search {
 public:
  using buffer = std::array<std::uintptr_t, k_page / k_word>;

  explicit memory_search(buffer& page) noexcept : page_(page) {}

  const own_memory& memory() const noexcept { return memory_; }
  void look_for(address_range those) noexcept { wanted_ = those; }
  void leave_out(address_range r) {
    if (r.first < r.end) left_out_.push_back(r);
  }

  // Both call found(at, word) for each word that is looked for; `at` is where it stands.
  template <class Found>
  void search(address_range r, Found found) {
    for (std::uintptr_t at = (r.first + k_word - 1) / k_word * k_word; at < r.end;) {
      const std::size_t bytes = r.end - at < sizeof page_ ? r.end - at : sizeof page_;
      const std::size_t n = memory_.read(at, page_.data(), bytes) / k_word;
      for (std::size_t i = 0; i != n; ++i) {
        if (wanted_.contains(page_[i])) [[unlikely]]
          found(at + i * k_word, page_[i]);
      }
      at += bytes;
    }
  }

  // Where nothing is left out. False if it could not be finished: the kernel does not say what is there, or
  // there is more than 256 GB of address space to look through.
  template <class Found>
  bool search(const std::vector<mapping>& all, Found found) {
    sort_left_out();
    return is_feasible(all) && for_each_written(all, [&](address_range r) { search(r, found); });
  }

 private:
  void sort_left_out();
  bool is_feasible(const std::vector<mapping>& all) const noexcept;
  template <class Visit>
  bool for_each_written(const std::vector<mapping>& all, Visit visit) const;
  template <class Visit>
  bool for_each_written(const mapping& m, address_range piece, Visit visit) const;

  buffer& page_;
  own_memory memory_;
  address_range wanted_;
  std::vector<address_range> left_out_;
};

template <class Visit>
bool memory_search::for_each_written(const std::vector<mapping>& all, Visit visit) const {
  for (const mapping& m : all) {
    std::uintptr_t at = m.first;
    for (const address_range& r : left_out_) {
      if (r.end <= at || r.first >= m.end) continue;
      if (r.first > at && !for_each_written(m, {.first = at, .end = r.first}, visit)) return false;
      at = r.end;
    }
    if (at < m.end && !for_each_written(m, {.first = at, .end = m.end}, visit)) return false;
  }
  return true;
}

template <class Visit>
bool memory_search::for_each_written(const mapping& m, address_range piece, Visit visit) const {
  std::array<bool, own_memory::k_most_pages> present;
  const std::uintptr_t end = (piece.end + k_page - 1) / k_page * k_page;
  for (std::uintptr_t at = piece.first / k_page * k_page; at < end;) {
    const std::size_t pages = (end - at) / k_page;
    const std::size_t n = pages < own_memory::k_most_pages ? pages : own_memory::k_most_pages;
    if (!memory_.present(m, at, n, present.data())) return false;
    for (std::size_t i = 0; i != n; ++i, at += k_page) {
      if (present[i])
        visit(address_range{.first = at < piece.first ? piece.first : at,
                            .end = at + k_page < piece.end ? at + k_page : piece.end});
    }
  }
  return true;
}

}  // namespace goro::detail
