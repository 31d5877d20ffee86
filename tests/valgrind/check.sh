#!/bin/sh
# check.sh VALGRIND BUGS: memcheck finds the bugs of tests/programs/bugs.cpp in goroutines, and says nothing of programs
# that have none.
set -u

valgrind=$1
bugs=$2
failed=0

# run CASE: its output to $output, its exit code to $code; 9 if memcheck has found something.
run() {
  output=$("$valgrind" --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite "$bugs" "$1" 2>&1)
  code=$?
}

fail() {
  echo "FAILED: $1: $2 (exit code $code)"
  printf '%s\n' "$output"
  failed=1
}

# What is found has to stand in a frame of the program's.
finds() {
  run "$1"
  printf '%s\n' "$output" | grep -q "$2" || fail "$1" "does not say \"$2\""
  printf '%s\n' "$output" | grep -q 'bugs\.cpp' || fail "$1" "does not say where"
  [ "$code" = 9 ] || fail "$1" "nothing is found"
}

# 7: it has come to its end.
finds_nothing() {
  run "$1"
  [ "$code" = 7 ] || fail "$1" "something is found"
  printf '%s\n' "$output" | grep -q 'ERROR SUMMARY: 0 errors' || fail "$1" "something is reported"
  printf '%s\n' "$output" | grep -qE 'switching stacks|unhandled' && fail "$1" "a warning"
}

finds use_after_free 'Invalid read of size 4'
finds heap_overflow '0 bytes after a block of size 40 alloc'
finds uninitialised 'Conditional jump or move depends on uninitialised value'
finds leak 'definitely lost: 4 bytes in 1 blocks'
finds_nothing no_bug
finds_nothing parked_at_the_end
finds_nothing network

[ "$failed" = 0 ] && echo 'all is found, and nothing else'
exit "$failed"
