// What a word is: exactly what `wc -w` takes for one, so that the tour's totals can be held against it.
//
// A word is a run of characters between white space. The details depend on the locale (LC_CTYPE says which
// bytes are a character, which of them is white space, and non-breaking spaces are white space too) and on
// the version of wc: older ones ask for at least one printable character in the run, newer ones do not. So
// the rule is made from both.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace tour {

// The rule for telling words apart. Made once, then shared and only read.
class word_rule {
 public:
  // unprintable_counts: whether a run of unprintable characters alone is a word. Uses the LC_CTYPE of the
  // process.
  explicit word_rule(bool unprintable_counts);

  // What a character does to the word that it stands in.
  enum kind : std::uint8_t { ignored = 0, separator = 1, letter = 2, multibyte = 4 };

  // For a byte; `multibyte` if it takes more than this byte to tell.
  kind of_byte(unsigned char byte) const { return bytes_[byte]; }
  kind of_character(wchar_t character) const;
  kind of_garbage() const { return unprintable_counts_ ? letter : ignored; }

 private:
  bool is_space(wchar_t character) const;

  bool unprintable_counts_;
  bool non_breaking_separates_;
  std::array<kind, 256> bytes_{};
};

// Counts the words of one stream of bytes that arrives in pieces.
class word_counter {
 public:
  explicit word_counter(const word_rule& rule) : rule_(&rule) {}

  // Counts a piece and returns how many bytes of it were used. The others (fewer than MB_LEN_MAX) are the
  // beginning of a character: pass them again, in front of the next piece.
  std::size_t feed(std::span<const char> piece);

  // The end of the stream, with the bytes that the last feed() left over. Returns the number of words.
  std::uint64_t finish(std::span<const char> rest);

 private:
  void step(unsigned kind) {
    words_ += in_word_ & kind;                       // a separator (1) ends a word
    in_word_ = (in_word_ & ~kind & 1U) | kind >> 1;  // a letter (2) is in one
  }

  const word_rule* rule_;
  std::uint64_t words_ = 0;
  unsigned in_word_ = 0;  // 0 or 1
};

}  // namespace tour
