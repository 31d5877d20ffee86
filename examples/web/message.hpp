// Requests and responses as the servers here pass them on.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <variant>

#include <boost/beast/http/file_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/string_body.hpp>

#include <goro/context.hpp>

namespace web {

namespace http = boost::beast::http;

using request = http::request<http::string_body>;
using text_response = http::response<http::string_body>;
using file_response = http::response<http::file_body>;
using response = std::variant<text_response, file_response>;

// Answers one request, as long as the context lets it. To HEAD it answers as to GET: the body is left out by
// who sends it.
using handler = std::function<response(const request&, const goro::context&)>;

text_response text(http::status status, std::string body,
                   std::string_view type = "text/plain; charset=utf-8");

// Boost's strings as the standard's.
template <class S>
std::string_view view(const S& s) {
  return {s.data(), s.size()};
}

}  // namespace web
