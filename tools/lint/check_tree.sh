#!/usr/bin/env bash
# Rules of the tree that no compiler knows. Prints every breach as file:line; exit code 1 if there is one.
set -euo pipefail
cd "$(dirname "$0")/../.."

failed=0
# report TITLE LINES: complains when LINES is not empty
report() {
  [[ -z $2 ]] && return
  printf '%s:\n%s\n' "$1" "$2" >&2
  failed=1
}

mapfile -t library < <(find include src -name '*.[hc]pp' -o -name '*.S' | sort)
mapfile -t sources < <(find include src tests examples bench tools cmake -type f \
  \( -name '*.[hc]pp' -o -name '*.S' -o -name '*.py' -o -name '*.sh' -o -name '*.cmake' -o -name CMakeLists.txt \) \
  ! -path 'tools/lint/check_tree.sh' | sort)

report 'More than 700 lines (split it by noun)' \
  "$(wc -l "${library[@]}" | awk '$2 != "total" && $1 > 700 {print $2 ": " $1 " lines"}')"
report 'Assembly files stay under 100 lines' \
  "$(find src -name '*.S' -exec wc -l {} + | awk '$2 != "total" && $1 > 100 {print $2 ": " $1 " lines"}')"
report 'thread_local outside {src/base,include/goro/detail}/tls.* (a cached address goes stale at a switch)' \
  "$(grep -nE '^[^/]*\b(thread_local|__thread)\b' "${library[@]}" | grep -vE '^(src/base|include/goro/detail)/tls\.[hc]pp:' || true)"
report 'Unfinished marks (finish it, or open an issue)' \
  "$(grep -nwE 'TODO|FIXME|XXX' "${sources[@]}" || true)"
report 'Macros without the prefix GORO_ (or the kernel'"'"'s, where its header is too old to know a number)' \
  "$(grep -nE '^[[:space:]]*#[[:space:]]*define[[:space:]]' "${library[@]}" |
    grep -vE 'define[[:space:]]+(GORO|MADV|MEMBARRIER|SYS)_' || true)"
report 'Public headers include nothing of src/' \
  "$(grep -rnE '#include "' include || true)"
report 'Headers without #pragma once' \
  "$(find include src tests examples bench -name '*.hpp' -exec grep -L '^#pragma once' {} +)"

exit $failed
