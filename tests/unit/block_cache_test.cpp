// A P's free blocks (sched/block_cache.hpp).
#include <gtest/gtest.h>

#include "base/sanitizers.hpp"
#include "sched/block_cache.hpp"

namespace {

using cache = goro::detail::block_cache<208>;

TEST(BlockCache, gives_the_block_that_was_put_last) {
  cache c;
  void* const a = c.get();
  void* const b = c.get();
  EXPECT_NE(a, b);
  c.put(a);
  c.put(b);
  if (!goro::detail::k_sanitized) {  // the tools want to see each end
    EXPECT_EQ(c.get(), b);
    EXPECT_EQ(c.get(), a);
    c.put(a);
    c.put(b);
  }
  EXPECT_EQ(c.flush(), !goro::detail::k_sanitized);
  EXPECT_FALSE(c.flush());
}

}  // namespace
