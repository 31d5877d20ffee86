// What a container may use of the cores, read from fake trees of /proc and of control groups.
#include "os/cpu_quota.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "support/fake_root.hpp"

namespace {

// Where v2, and v1 for the CPU, are mounted, and groups there.
std::string unified(const std::string& group = "") { return "/sys/fs/cgroup" + group; }
std::string old_cpu(const std::string& group = "") { return "/sys/fs/cgroup/cpu,cpuacct" + group; }

class fake_groups : public goro_test::fake_root {
 public:
  void belongs(const std::string& line) { append("/proc/self/cgroup", line); }
  void mounts(const std::string& line) { append("/proc/self/mountinfo", line); }
  void mounts_v2(const std::string& group = "/", const std::string& where = unified()) {
    mounts("30 24 0:26 " + group + " " + where + " rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate");
  }
  void mounts_v1(const std::string& controllers = "cpu,cpuacct", const std::string& where = old_cpu(),
                 const std::string& group = "/") {
    mounts("33 25 0:29 " + group + " " + where + " rw,nosuid - cgroup cgroup rw," + controllers);
  }
  void limits_v2(const std::string& folder, const std::string& max) { append(folder + "/cpu.max", max); }
  void limits_v1(const std::string& folder, const std::string& quota, const std::string& period = "100000") {
    append(folder + "/cpu.cfs_quota_us", quota);
    append(folder + "/cpu.cfs_period_us", period);
  }

  int quota() const { return goro::detail::cpu_quota(path()); }
};

// With v2 alone, as in a container, and this in the cpu.max of its group.
int quota_v2(const std::string& max) {
  fake_groups root;
  root.belongs("0::/");
  root.mounts_v2();
  root.limits_v2(unified(), max);
  return root.quota();
}

// With v1 alone, and these in the two files of its group.
int quota_v1(const std::string& quota, const std::string& period) {
  fake_groups root;
  root.belongs("4:cpu,cpuacct:/a");
  root.mounts_v1();
  root.limits_v1(old_cpu("/a"), quota, period);
  return root.quota();
}

// With v2 of which only `mounted` and what is below it can be seen; both it and what is beside it have a
// quota.
int quota_below(const std::string& mounted, const std::string& own) {
  fake_groups root;
  root.belongs("0::" + own);
  root.mounts_v2(mounted);
  root.limits_v2(unified(), "800000 100000");
  root.limits_v2(unified("/sub"), "500000 100000");
  root.limits_v2(unified("/sub/deep"), "600000 100000");
  root.limits_v2(unified("c"), "100000 100000");
  root.limits_v2("/sys/fs", "100000 100000");
  root.limits_v2("/sys/fs/other", "100000 100000");
  return root.quota();
}

TEST(cpu_quota, is_none_without_control_groups) {
  const fake_groups root;
  EXPECT_EQ(root.quota(), 0);
}

TEST(cpu_quota, is_none_if_nothing_is_mounted) {
  fake_groups root;
  root.belongs("0::/");
  root.limits_v2(unified(), "100000 100000");
  root.mounts("24 1 0:22 / /sys rw - sysfs sysfs rw");
  EXPECT_EQ(root.quota(), 0);
}

TEST(cpu_quota, is_none_if_the_group_has_no_file) {
  fake_groups root;
  root.belongs("0::/a/b");
  root.mounts_v2();
  EXPECT_EQ(root.quota(), 0);
}

TEST(cpu_quota, v2_is_in_cores_rounded_up) {
  EXPECT_EQ(quota_v2("max 100000"), 0);
  EXPECT_EQ(quota_v2("1000 100000"), 1);
  EXPECT_EQ(quota_v2("50000 100000"), 1);
  EXPECT_EQ(quota_v2("100000 100000"), 1);
  EXPECT_EQ(quota_v2("100001 100000"), 2);
  EXPECT_EQ(quota_v2("150000 100000"), 2);
  EXPECT_EQ(quota_v2("400000 100000"), 4);
  EXPECT_EQ(quota_v2("30000 10000"), 3);
}

TEST(cpu_quota, v2_garbage_is_none) {
  for (const char* max : {"", "garbage", "garbage 100000", "50000", "50000 garbage", "50000 0",
                          "50000 -100000", "-50000 100000", "0 100000", "max"})
    EXPECT_EQ(quota_v2(max), 0) << max;
}

TEST(cpu_quota, very_large_numbers_do_not_overflow) {
  EXPECT_EQ(quota_v2("9223372036854775807 1"), 1 << 20);
  EXPECT_EQ(quota_v2("9223372036854775807 100000"), 1 << 20);
  EXPECT_EQ(quota_v2("9223372036854775807 9223372036854775807"), 1);
  EXPECT_EQ(quota_v2("100000 9223372036854775807"), 1);
  EXPECT_EQ(quota_v2("99999999999999999999 100000"), 0) << "more than can be read is no limit";
  EXPECT_EQ(quota_v1("9223372036854775807", "100000"), 1 << 20);
}

TEST(cpu_quota, v2_the_tightest_of_own_group_and_all_above_counts) {
  fake_groups root;
  root.belongs("0::/slice/parent/child");
  root.mounts_v2();
  root.limits_v2(unified("/slice/parent/child"), "800000 100000");
  EXPECT_EQ(root.quota(), 8);
  root.limits_v2(unified("/slice"), "max 100000");
  EXPECT_EQ(root.quota(), 8);
  root.limits_v2(unified("/slice/parent"), "200000 100000");
  EXPECT_EQ(root.quota(), 2);
  root.limits_v2(unified("/slice/sibling"), "100000 100000");
  EXPECT_EQ(root.quota(), 2) << "a group beside does not count";
  root.limits_v2(unified(), "100000 100000");
  EXPECT_EQ(root.quota(), 1);
}

TEST(cpu_quota, v1_is_in_cores_rounded_up) {
  EXPECT_EQ(quota_v1("-1", "100000"), 0);
  EXPECT_EQ(quota_v1("1000", "100000"), 1);
  EXPECT_EQ(quota_v1("200000", "100000"), 2);
  EXPECT_EQ(quota_v1("250000", "100000"), 3);
  EXPECT_EQ(quota_v1("garbage", "100000"), 0);
  EXPECT_EQ(quota_v1("250000", ""), 0);
}

TEST(cpu_quota, v1_without_a_period_is_none) {
  fake_groups root;
  root.belongs("4:cpu:/");
  root.mounts_v1("cpu");
  root.append(old_cpu("/cpu.cfs_quota_us"), "250000");
  EXPECT_EQ(root.quota(), 0);
}

TEST(cpu_quota, v1_the_tightest_of_own_group_and_all_above_counts) {
  fake_groups root;
  root.belongs("4:cpu,cpuacct:/parent/child");
  root.mounts_v1();
  root.limits_v1(old_cpu("/parent/child"), "800000");
  root.limits_v1(old_cpu("/parent"), "200000");
  root.limits_v1(old_cpu(), "-1");
  EXPECT_EQ(root.quota(), 2);
}

TEST(cpu_quota, v1_the_controller_may_stand_anywhere_in_the_list) {
  for (const char* controllers : {"cpu", "cpu,cpuacct", "cpuacct,cpu", "cpuset,cpu,cpuacct"}) {
    fake_groups root;
    root.belongs("7:memory:/");
    root.belongs(std::string("4:") + controllers + ":/a");
    root.mounts_v1(controllers);
    root.limits_v1(old_cpu("/a"), "250000");
    EXPECT_EQ(root.quota(), 3) << controllers;
  }
}

TEST(cpu_quota, v1_controllers_with_similar_names_are_others) {
  fake_groups root;
  for (const char* controllers : {"cpuset", "cpuacct", "name=cpu"}) {
    root.belongs(std::string("4:") + controllers + ":/");
    root.mounts_v1(controllers);
  }
  root.limits_v1(old_cpu(), "250000");
  EXPECT_EQ(root.quota(), 0);
}

TEST(cpu_quota, on_a_hybrid_system_the_tighter_of_v1_and_v2_counts) {
  for (const auto& [v1, v2] : {std::pair("300000", "500000 100000"),
                               {"500000", "300000 100000"},
                               {"-1", "300000 100000"},
                               {"300000", "max 100000"}}) {
    fake_groups root;
    root.belongs("4:cpu,cpuacct:/old");
    root.belongs("1:name=systemd:/init.scope");
    root.belongs("0::/new");
    root.mounts_v2("/", "/sys/fs/cgroup/unified");
    root.mounts_v1();
    root.limits_v1(old_cpu("/old"), v1);
    root.limits_v1(old_cpu("/new"), "100000");
    root.limits_v2("/sys/fs/cgroup/unified/new", v2);
    root.limits_v2("/sys/fs/cgroup/unified/old", "100000 100000");
    EXPECT_EQ(root.quota(), 3) << v1 << " and " << v2;
  }
}

TEST(cpu_quota, in_a_bind_mount_groups_count_up_to_the_mount_point) {
  EXPECT_EQ(quota_below("/docker/abc", "/docker/abc"), 8);
  EXPECT_EQ(quota_below("/docker/abc", "/docker/abc/sub"), 5);
  EXPECT_EQ(quota_below("/docker/abc", "/docker/abc/sub/deep"), 5);
  EXPECT_EQ(quota_below("/docker/abc", "/docker/abc/unknown/deep"), 8);
}

TEST(cpu_quota, a_group_whose_name_only_begins_like_the_mounted_one_is_elsewhere) {
  EXPECT_EQ(quota_below("/docker/ab", "/docker/abc"), 8);
  EXPECT_EQ(quota_below("/docker/ab", "/docker/abc/sub"), 8);
}

TEST(cpu_quota, v1_in_a_bind_mount_groups_count_up_to_the_mount_point) {
  fake_groups root;
  root.belongs("4:cpu,cpuacct:/docker/abc/sub");
  root.mounts_v1("cpu,cpuacct", old_cpu(), "/docker/abc");
  root.limits_v1(old_cpu("/sub"), "800000");
  EXPECT_EQ(root.quota(), 8);
  root.limits_v1(old_cpu(), "200000");
  EXPECT_EQ(root.quota(), 2);
}

TEST(cpu_quota, of_a_group_outside_of_the_namespace_the_mount_point_counts) {
  EXPECT_EQ(quota_below("/", "/../other"), 8);
  EXPECT_EQ(quota_below("/", "/.."), 8);
  EXPECT_EQ(quota_below("/", "/../../sub"), 8);
  EXPECT_EQ(quota_below("/..", "/../.."), 8);
}

TEST(cpu_quota, of_a_mount_from_outside_of_the_namespace_what_is_known_counts) {
  EXPECT_EQ(quota_below("/../..", "/"), 8);
  EXPECT_EQ(quota_below("/..", "/../sub"), 5);
}

TEST(cpu_quota, a_group_may_be_named_with_leading_dots) {
  fake_groups root;
  root.belongs("0::/..data");
  root.mounts_v2();
  root.limits_v2(unified("/..data"), "200000 100000");
  EXPECT_EQ(root.quota(), 2);
}

TEST(cpu_quota, slashes_at_the_end_do_not_matter) {
  EXPECT_EQ(quota_below("/", "/"), 8);
  EXPECT_EQ(quota_below("/", "/sub/"), 5);
  EXPECT_EQ(quota_below("/", "/sub/deep//"), 5);
  EXPECT_EQ(quota_below("/docker/abc", "/docker/abc/"), 8);
}

TEST(cpu_quota, a_group_may_have_colons_and_spaces_in_its_name) {
  fake_groups root;
  root.belongs("0::/a:b c/d");
  root.mounts_v2(R"(/a:b\040c)");
  root.limits_v2(unified("/d"), "200000 100000");
  EXPECT_EQ(root.quota(), 2);
}

TEST(cpu_quota, a_mount_point_may_have_spaces_and_backslashes_in_its_name) {
  fake_groups root;
  root.belongs("0::/a");
  root.mounts_v2("/", R"(/my\040control\040groups\134040)");
  root.limits_v2(R"(/my control groups\040/a)", "200000 100000");
  EXPECT_EQ(root.quota(), 2);
}

TEST(cpu_quota, lines_that_make_no_sense_are_skipped) {
  fake_groups root;
  for (const char* line : {"", "garbage", "4", "4:cpu", "::"}) root.belongs(line);
  for (const char* line : {"", "garbage", " - ", "30 24 - cgroup2"}) root.mounts(line);
  root.mounts("30 24 0:26 / /unfinished rw cgroup2 cgroup2 rw");
  root.limits_v2("/unfinished", "100000 100000");
  EXPECT_EQ(root.quota(), 0);
  root.mounts_v2();
  root.limits_v2(unified(), "200000 100000");
  EXPECT_EQ(root.quota(), 2);
}

TEST(cpu_quota, of_this_very_machine_is_none_or_positive) { EXPECT_GE(goro::detail::cpu_quota(""), 0); }

}  // namespace
