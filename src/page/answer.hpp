// From a request to what is said to it; nothing here knows of connections.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <goro/context.hpp>
#include <goro/mutex.hpp>
#include <goro/net.hpp>
#include <goro/semaphore.hpp>

#include "page/documents.hpp"

namespace goro::detail {

struct page_request {
  std::string_view method;
  std::string_view target;
  std::string_view host;        // empty: none was named
  std::string_view fetch_site;  // Sec-Fetch-Site and Sec-Fetch-Mode: who asks, as the browser says
  std::string_view fetch_mode;
};

struct page_answer {
  int status = 200;
  std::string_view type = "text/plain; charset=utf-8";
  std::string body;
  std::string_view policy = "default-src 'none'; frame-ancestors 'none'";
  std::shared_ptr<void> held;  // given back when the answer has been sent
};

// What the goroutines of one server share.
struct page_site {
  page_facts facts;
  net::endpoint served;
  context until;        // the end of the server
  mutex one_at_a_time;  // documents take memory and time as there are goroutines
  semaphore recorder{1};
};

page_answer answer_to(const page_request& request, page_site& site);

}  // namespace goro::detail
