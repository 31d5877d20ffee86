// The tour: what goroutines are and how to use them, in eleven short chapters that show what they say.
//
//   tour                    all chapters; the last one counts the words of the files under /usr/include
//   tour FOLDER             the same, with the files under FOLDER
//   tour --chapter N        one chapter only
//   tour --trace FILE       the last one records a trace of itself; --seconds N: it counts for so long
//
// Exit code 0: every chapter's own checks held. 1: one did not, or the folder cannot be read. 2: wrong usage.

#include <array>
#include <charconv>
#include <clocale>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include "tour.hpp"

namespace {

struct chapter {
  const char* title;
  void (*run)(const tour::settings&);
};

constexpr std::array k_chapters{
    chapter{"What a goroutine is", tour::chapter_what},
    chapter{"The life of a goroutine", tour::chapter_lifecycle},
    chapter{"Many goroutines on few threads: G, M and P", tour::chapter_model},
    chapter{"Stacks", tour::chapter_stacks},
    chapter{"Scheduling", tour::chapter_scheduling},
    chapter{"Performance", tour::chapter_performance},
    chapter{"Patterns", tour::chapter_patterns},
    chapter{"Best practices", tour::chapter_best_practices},
    chapter{"Pitfalls", tour::chapter_pitfalls},
    chapter{"Five exercises", tour::chapter_exercises},
    chapter{"Real input: a word count", tour::chapter_word_count},
};

struct command_line {
  tour::settings settings{.folder = "/usr/include"};
  bool folder_given = false;
  std::size_t only = 0;  // the chapter to run; 0: all
};

int usage(std::FILE* out) {
  std::fprintf(
      out,
      "usage: tour [--chapter N] [--trace FILE] [--seconds N] [FOLDER]\n"
      "  FOLDER        whose files the last chapter counts (default: /usr/include)\n"
      "  --chapter N   run only chapter N, of 1 to %zu\n"
      "  --trace FILE  the last chapter records what the scheduler does, into this file\n"
      "  --seconds N   the last chapter counts again and again, for at least N seconds, at most 3600\n",
      k_chapters.size());
  return out == stdout ? 0 : 2;
}

// Reads a number of 1 to most; 0 if it is none.
int number_up_to(int most, std::string_view text) {
  int n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  const bool good = error == std::errc() && end == text.data() + text.size() && n >= 1 && n <= most;
  return good ? n : 0;
}

// Heeds an option with its value. False if there is no such option, or it cannot have that value.
bool take_option(command_line& line, std::string_view name, const char* value) {
  if (name == "--chapter") {
    line.only = static_cast<std::size_t>(number_up_to(static_cast<int>(k_chapters.size()), value));
    return line.only != 0;
  }
  if (name == "--seconds") {
    line.settings.seconds = number_up_to(3600, value);
    return line.settings.seconds != 0;
  }
  if (name == "--trace") line.settings.trace = value;
  return name == "--trace" && *value != '\0' && *value != '-';
}

// The parsed arguments, or nothing if they make no sense.
std::optional<command_line> parse(std::span<char*> arguments) {
  command_line line;
  for (std::size_t i = 0; i != arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    if (argument.starts_with("--")) {
      ++i;
      if (i == arguments.size() || !take_option(line, argument, arguments[i])) return std::nullopt;
    } else if (argument.starts_with("-") || line.folder_given) {
      return std::nullopt;
    } else {
      line.settings.folder = argument;
      line.folder_given = true;
    }
  }
  const bool without_the_last = line.only != 0 && line.only != k_chapters.size();
  const bool for_the_last = !line.settings.trace.empty() || line.settings.seconds != 0;
  if (without_the_last && for_the_last) return std::nullopt;
  return line;
}

// Why the folder cannot serve as input; empty if it can.
std::string trouble_with(const std::filesystem::path& folder) {
  std::error_code error;
  const auto status = std::filesystem::status(folder, error);
  if (status.type() == std::filesystem::file_type::not_found) return "there is no such folder";
  if (error) return error.message();
  if (!std::filesystem::is_directory(status)) return "that is not a folder";
  const std::filesystem::directory_iterator probe(folder, error);
  return error ? error.message() : std::string();
}

void run_chapter(std::size_t number, const tour::settings& settings) {
  const chapter& c = k_chapters.at(number - 1);
  std::printf("\n== %zu. %s ==\n", number, c.title);
  const double took = tour::seconds([&] { c.run(settings); });
  std::printf("  (%.2f s)\n", took);
  std::fflush(stdout);
}

int take_tour(const command_line& line) {
  if (line.only != 0) {
    run_chapter(line.only, line.settings);
  } else {
    for (std::size_t number = 1; number <= k_chapters.size(); ++number) run_chapter(number, line.settings);
  }
  const int wrong = tour::wrong_results();
  if (wrong == 0) {
    std::puts("\nThe end of the tour: every check held.");
    return 0;
  }
  std::printf("\nThe end of the tour: %d check(s) failed, look for [WRONG].\n", wrong);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  std::setlocale(LC_CTYPE, "");  // what a letter is, as `wc` sees it
  const std::span<char*> arguments(argv, static_cast<std::size_t>(argc));
  for (const char* argument : arguments.subspan(1)) {
    if (std::strcmp(argument, "--help") == 0 || std::strcmp(argument, "-h") == 0) return usage(stdout);
  }
  if (argc == 2 && std::strcmp(argv[1], tour::k_overflow_flag) == 0) return tour::overflow_on_purpose();
  const auto line = parse(arguments.subspan(1));
  if (!line) return usage(stderr);

  const bool folder_needed = line->only == 0 || line->only == k_chapters.size() || line->folder_given;
  if (folder_needed) {
    if (const std::string trouble = trouble_with(line->settings.folder); !trouble.empty()) {
      std::fprintf(stderr, "tour: %s: %s\n", line->settings.folder.c_str(), trouble.c_str());
      return 1;
    }
  }
  return goro::run([&line] { return take_tour(*line); });
}
