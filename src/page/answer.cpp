// Who may ask. A browser carries requests of any site that it shows to any address that it reaches, so being
// on loopback protects from other machines, not from other sites:
//
//   - A site can give its own name the address 127.0.0.1 afterwards, and then read the answers as its own
//   (DNS
//     rebinding). The name stands in "Host:", so on loopback only names of this machine are answered.
//   - Without that it cannot read the answers, but could have them made, which takes time. Browsers tell in
//     "Sec-Fetch-Site:" that another site asks; it gets nothing but the page itself, when the user has
//     followed a link.
#include "page/answer.hpp"

#include <chrono>
#include <mutex>
#include <sstream>
#include <system_error>
#include <utility>

#include <goro/diag.hpp>

#include "page/page_html.hpp"
#include "page/recording.hpp"
#include "page/request.hpp"

namespace goro::detail {

namespace {

constexpr std::string_view k_json = "application/json";

page_answer refusal(int status, std::string_view why) {
  page_answer a;
  a.status = status;
  a.body = why;
  return a;
}

page_answer document(std::string_view type, std::string body) {
  page_answer a;
  a.type = type;
  a.body = std::move(body);
  return a;
}

page_answer the_page() {
  page_answer a = document("text/html; charset=utf-8", std::string(k_page_html));
  a.policy = k_page_policy;
  return a;
}

std::string written_by(void (*write)(std::ostream&)) {
  std::ostringstream out;
  write(out);
  return std::move(out).str();
}

page_answer state(const page_target& target, const page_facts& facts) {
  grouping how = grouping::place;
  if (target.groups == "none") {
    how = grouping::none;
  } else if (target.groups == "stack") {
    how = grouping::stack;
  } else if (!target.groups.empty() && target.groups != "place") {
    return refusal(400, "groups are: none, place, stack\n");
  }
  return document(k_json, state_document(facts, how, target.filter));
}

page_answer trace(const page_target& target, page_site& site) {
  constexpr std::size_t k_usual = 2;
  constexpr std::size_t k_longest = 30;
  const std::size_t seconds = target.seconds.value_or(k_usual);
  if (seconds == 0 || seconds > k_longest) return refusal(400, "seconds: from 1 to 30\n");
  if (!site.recorder.try_acquire()) return refusal(409, "a trace is being recorded for somebody else\n");
  std::shared_ptr<void> place(nullptr, [&site](void*) { site.recorder.release(); });
  recording r = record_trace(site.until, std::chrono::seconds(seconds));
  if (r.err == std::errc::device_or_resource_busy)
    return refusal(409, "the program records a trace itself\n");
  if (r.err) return refusal(503, "no trace: " + r.err.message() + "\n");
  page_answer a = document(k_json, std::move(r.json));
  a.held = std::move(place);
  return a;
}

page_answer find(const page_target& target, page_site& site) {
  constexpr std::size_t k_listed = 1000;  // unless asked for more or less
  if (target.path == "/") return the_page();
  if (target.path == "/trace.json") return trace(target, site);
  const std::lock_guard held(site.one_at_a_time);
  if (target.path == "/api/state.json") return state(target, site.facts);
  if (target.path == "/api/goroutines.json")
    return document(k_json, goroutines_document(target.filter, target.limit.value_or(k_listed)));
  if (target.path == "/metrics")
    return document("text/plain; version=0.0.4; charset=utf-8", written_by(diag::write_metrics));
  if (target.path == "/dump.txt")
    return document("text/plain; charset=utf-8", written_by(diag::dump_goroutines));
  return refusal(404, "there is nothing here; the page is at /\n");
}

bool comes_from_elsewhere(const page_request& r, const page_target& target) {
  if (r.fetch_site.empty() || r.fetch_site == "same-origin" || r.fetch_site == "none") return false;
  return target.path != "/" || r.fetch_mode != "navigate";
}

}  // namespace

page_answer answer_to(const page_request& request, page_site& site) {
  if (request.host.empty()) return refusal(400, "the request names no host\n");
  if (site.facts.loopback && !is_own_host(request.host, site.served))
    return refusal(403, "this page answers to localhost, 127.0.0.1 and [::1] only\n");
  if (request.method != "GET" && request.method != "HEAD")
    return refusal(405, "this page is for reading only: GET and HEAD\n");
  const auto target = parse_target(request.target);
  if (!target) return refusal(400, "the target is malformed\n");
  if (comes_from_elsewhere(request, *target)) return refusal(403, "another site has no business here\n");
  return find(*target, site);
}

}  // namespace goro::detail
