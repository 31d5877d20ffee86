// The kernel says in /proc/self/cgroup to which group of each hierarchy the process belongs, and in
// /proc/self/mountinfo where the hierarchies are mounted and which group is the root of what can be seen
// there: in a container mostly its own. From the own group up to that root each may have a quota:
//
//   v2  cpu.max            "50000 100000": microseconds in each period of so many; "max 100000": none
//   v1  cpu.cfs_quota_us   "50000"; "-1": none
//       cpu.cfs_period_us  "100000"
#include "os/cpu_quota.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

namespace goro::detail {

namespace {

struct hierarchy {
  bool unified = false;     // v2
  std::string group;        // the root of what is mounted
  std::string mount_point;  // where
};

bool contains(std::string_view list, std::string_view item) {
  while (!list.empty()) {
    const std::string_view head = list.substr(0, list.find(','));
    if (head == item) return true;
    list.remove_prefix(std::min(head.size() + 1, list.size()));
  }
  return false;
}

// The kernel writes a space in a path as \040, and so on.
std::string unescaped(std::string_view text) {
  std::string plain;
  while (!text.empty()) {
    unsigned code = 0;
    const bool escaped = text.size() >= 4 && text[0] == '\\' &&
                         std::from_chars(text.data() + 1, text.data() + 4, code, 8).ptr == text.data() + 4;
    plain += escaped ? static_cast<char>(code) : text[0];
    text.remove_prefix(escaped ? 4 : 1);
  }
  return plain;
}

// Those that can limit the CPU.
// A line: id parent device root mount-point options [fields] - type source options
std::vector<hierarchy> mounted(const std::string& root) {
  std::vector<hierarchy> all;
  std::ifstream file(root + "/proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t dash = line.find(" - ");
    if (dash == line.npos) continue;
    std::string skipped, group, mount_point, type, options;
    std::istringstream(line.substr(0, dash)) >> skipped >> skipped >> skipped >> group >> mount_point;
    std::istringstream(line.substr(dash + 3)) >> type >> skipped >> options;
    if (type == "cgroup2" || (type == "cgroup" && contains(options, "cpu")))
      all.push_back({type == "cgroup2", unescaped(group), unescaped(mount_point)});
  }
  return all;
}

// The process's own group in a hierarchy; empty if it is in none. A line: number:controllers:group
std::string own_group(const std::string& root, bool unified) {
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (second == line.npos) continue;
    const std::string_view controllers = std::string_view(line).substr(first + 1, second - first - 1);
    if (unified ? controllers.empty() : contains(controllers, "cpu")) return line.substr(second + 1);
  }
  return {};
}

// The first two words of a file.
std::pair<std::string, std::string> words(const std::string& path) {
  std::pair<std::string, std::string> both;
  std::ifstream(path) >> both.first >> both.second;
  return both;
}

// In cores; 0 if there is none.
int rounded_up(std::string_view quota, std::string_view period) {
  long q = 0;
  long p = 0;
  std::from_chars(quota.data(), quota.data() + quota.size(), q);
  std::from_chars(period.data(), period.data() + period.size(), p);
  return q > 0 && p > 0 ? static_cast<int>(std::min((q - 1) / p + 1, 1L << 20)) : 0;
}

int quota_of(const hierarchy& h, const std::string& folder) {
  if (h.unified) {
    const auto [quota, period] = words(folder + "/cpu.max");
    return rounded_up(quota, period);
  }
  return rounded_up(words(folder + "/cpu.cfs_quota_us").first, words(folder + "/cpu.cfs_period_us").first);
}

int tighter(int a, int b) { return a == 0 ? b : b == 0 ? a : std::min(a, b); }

bool is_within(std::string_view group, std::string_view top) {
  return group.starts_with(top) && (group.size() == top.size() || group[top.size()] == '/');
}

int quota_in(const std::string& root, const hierarchy& h) {
  const std::string mount_point = root + h.mount_point;
  std::string group = own_group(root, h.unified);
  // What is above the root of the mount cannot be seen; a group that is elsewhere neither.
  if (h.group != "/") group = is_within(group, h.group) ? group.substr(h.group.size()) : "";
  if (is_within(group, "/..")) group.clear();
  int quota = 0;
  for (;;) {
    quota = tighter(quota, quota_of(h, mount_point + group));
    if (group.empty()) return quota;
    group.resize(group.rfind('/') == group.npos ? 0 : group.rfind('/'));
  }
}

}  // namespace

int cpu_quota(const std::string& root) {
  int quota = 0;
  for (const hierarchy& h : mounted(root)) quota = tighter(quota, quota_in(root, h));
  return quota;
}

}  // namespace goro::detail
