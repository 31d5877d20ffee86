#include "peers/peer.hpp"

#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

const workload* choose(const char* program, std::span<const workload> known, int argc, char** argv) {
  const std::vector<std::string_view> args(argv + 1, argv + argc);
  std::string complaint = "no workload";
  if (!args.empty()) {
    complaint = "unknown workload " + std::string(args[0]);
    const auto chosen = std::ranges::find(known, args[0], &workload::name);
    if (chosen != known.end()) {
      complaint = parse_command(*chosen, std::span(args).subspan(1));
      if (complaint.empty()) return &*chosen;
    }
  }
  std::string names;
  for (const workload& w : known) names.append(" ").append(w.name);
  std::fprintf(stderr,
               "%s: %s\nusage: %s WORKLOAD [-p THREADS] [-n SIZE] [-g COUNT]   (0: the workload's default)\n"
               "workloads:%s\n",
               program, complaint.c_str(), program, names.c_str());
  return nullptr;
}

}  // namespace bench
