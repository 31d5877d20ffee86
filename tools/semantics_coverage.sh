#!/usr/bin/env bash
# Which behaviours of the checklist have a test that carries their id, and which have none.
#   tools/semantics_coverage.sh [CHECKLIST [GROUP…]]
# CHECKLIST (default: the one beside the repository, where there is one) has a line "- **GROUP-NN** [core] …" for each; groups default to those that are built. Exit code 1 if a core
# item of a group has no test.
set -euo pipefail
cd "$(dirname "$0")/.."

checklist=${1:-../shared/semantics.md}
shift $(($# > 0 ? 1 : 0))
[[ -r $checklist ]] || { echo "cannot read '$checklist'" >&2; exit 2; }
groups=("$@")
((${#groups[@]} > 0)) || groups=(LIFE SCHED STACK CHAN SELECT SYNC TIME CTX ERRG MM NET DIAG)

status=0
tests=$(grep -rhoE '\b[A-Z]+_[0-9]+_[a-z]' tests | sed -E 's/_[a-z]$//' | sort -u)
for group in "${groups[@]}"; do
  # Not built: pool, map and atomics (docs/from-go.md names what serves instead).
  mapfile -t ids < <(grep -oE "^- \*\*$group-[0-9]+\*\* \[core\]" "$checklist" | grep -oE '[A-Z]+-[0-9]+' |
    grep -vE '^(SYNC-2[2-7]|MM-16)$')
  missing=()
  for id in "${ids[@]}"; do
    grep -qx "${id/-/_}" <<<"$tests" || missing+=("$id")
  done
  echo "$group: $((${#ids[@]} - ${#missing[@]})) of ${#ids[@]} core items have a test${missing:+; none: ${missing[*]}}"
  ((${#missing[@]} == 0)) || status=1
done
exit $status
