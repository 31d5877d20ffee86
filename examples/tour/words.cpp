#include "words.hpp"

#include <climits>
#include <cstdlib>
#include <cwchar>
#include <cwctype>
#include <type_traits>

namespace tour {

namespace {

// wchar_t may be signed, and the functions of <cwctype> want its unsigned value.
std::wint_t as_wint(wchar_t character) { return static_cast<std::make_unsigned_t<wchar_t>>(character); }

}  // namespace

word_rule::word_rule(bool unprintable_counts)
    : unprintable_counts_(unprintable_counts),
      non_breaking_separates_(std::getenv("POSIXLY_CORRECT") == nullptr) {
  for (int byte = 0; byte <= UCHAR_MAX; ++byte) {
    const std::wint_t character = std::btowc(byte);
    auto& entry = bytes_.at(static_cast<std::size_t>(byte));
    if (character != WEOF) {
      entry = of_character(static_cast<wchar_t>(character));
    } else {
      entry = MB_CUR_MAX > 1 ? multibyte : of_garbage();
    }
  }
}

bool word_rule::is_space(wchar_t character) const {
  if (std::iswspace(as_wint(character)) != 0) return true;
  const bool non_breaking =
      character == 0x00A0 || character == 0x2007 || character == 0x202F || character == 0x2060;
  return non_breaking && non_breaking_separates_;
}

word_rule::kind word_rule::of_character(wchar_t character) const {
  const bool ascii_space = character == L' ' || (character >= L'\t' && character <= L'\r');
  if (ascii_space) return separator;
  if (!unprintable_counts_ && std::iswprint(as_wint(character)) == 0) return ignored;
  return is_space(character) ? separator : letter;
}

std::size_t word_counter::feed(std::span<const char> piece) {
  const char* p = piece.data();
  const char* const end = p + piece.size();
  while (p != end) {
    const unsigned kind = rule_->of_byte(static_cast<unsigned char>(*p));
    if (kind != word_rule::multibyte) {
      step(kind);
      ++p;
      continue;
    }
    std::mbstate_t state{};
    wchar_t character = 0;
    const std::size_t length = std::mbrtowc(&character, p, static_cast<std::size_t>(end - p), &state);
    if (length == static_cast<std::size_t>(-2)) break;  // the character goes on in the next piece
    if (length == static_cast<std::size_t>(-1)) {
      step(rule_->of_garbage());
      ++p;
    } else {
      step(rule_->of_character(character));
      p += length == 0 ? 1 : length;
    }
  }
  return static_cast<std::size_t>(p - piece.data());
}

std::uint64_t word_counter::finish(std::span<const char> rest) {
  for (std::size_t i = 0; i != rest.size(); ++i) step(rule_->of_garbage());
  step(word_rule::separator);
  return words_;
}

}  // namespace tour
