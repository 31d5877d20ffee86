// The certificate that an HTTPS server shows.
#pragma once

#include <boost/asio/ssl/context.hpp>

#include "../web/options.hpp"

// A context with the certificate and key of the options, or with ones that are made here: for localhost and
// 127.0.0.1, signed by nobody but themselves, valid for a day. Throws std::runtime_error if a file cannot be
// used, OpenSSL cannot make a certificate, or it cannot be written to options.write_cert.
boost::asio::ssl::context server_context(const web::options& o);
