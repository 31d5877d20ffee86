// How much address space a process may have, read from fake trees of /proc.
#include <gtest/gtest.h>

#include <sys/resource.h>

#include <algorithm>

#include "os/memory.hpp"
#include "support/fake_root.hpp"

namespace {

using goro::detail::address_space_limit;

std::size_t own_limit() {
  rlimit own{};
  EXPECT_EQ(::getrlimit(RLIMIT_AS, &own), 0);
  return own.rlim_cur == RLIM_INFINITY ? goro::detail::k_no_limit : own.rlim_cur;
}

struct AddressSpace : testing::Test {
  void overcommit(const char* mode) { root.append("/proc/sys/vm/overcommit_memory", mode); }
  void commit_limit(const char* kb) {
    root.append("/proc/meminfo", "MemTotal:       24684092 kB");
    root.append("/proc/meminfo", std::string("CommitLimit:    ") + kb + " kB");
    root.append("/proc/meminfo", "Committed_AS:     538020 kB");
  }
  goro_test::fake_root root;
};

TEST_F(AddressSpace, is_the_process_s_own_limit_on_systems_that_promise_more_than_they_have) {
  EXPECT_EQ(address_space_limit(root.path()), own_limit());
  for (const char* mode : {"0", "1"}) {
    goro_test::fake_root fresh;
    fresh.append("/proc/sys/vm/overcommit_memory", mode);
    fresh.append("/proc/meminfo", "CommitLimit: 1000 kB");
    EXPECT_EQ(address_space_limit(fresh.path()), own_limit()) << mode;
  }
}

TEST_F(AddressSpace, is_what_the_system_commits_at_most_where_it_is_strict) {
  overcommit("2");
  commit_limit("12342044");
  EXPECT_EQ(address_space_limit(root.path()), std::min(own_limit(), std::size_t{12342044} << 10));
}

TEST_F(AddressSpace, is_the_process_s_own_limit_where_the_system_does_not_say) {
  overcommit("2");
  root.append("/proc/meminfo", "MemTotal: 24684092 kB");
  EXPECT_EQ(address_space_limit(root.path()), own_limit());
}

}  // namespace
