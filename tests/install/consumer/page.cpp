// Takes the live page from the package.
#include <goro/goro.hpp>
#include <goro/page.hpp>

int main() {
  return goro::run(
      [] { return goro::diag::serve("127.0.0.1:0").value().url().starts_with("http://") ? 0 : 1; });
}
