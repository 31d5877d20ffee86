#!/usr/bin/env bash
# failures.sh wrong_reply|no_server|killed LOAD EPOLL_SERVER: what the load program does when it cannot measure or is killed.
set -euo pipefail
load=$2 server=$3

die() {
  echo "failures.sh: $*" >&2
  exit 1
}

# fails_with TEXT COMMAND…: the exit code is 1 and TEXT is in the report
fails_with() {
  local text=$1 status=0 output
  shift
  output=$("$@" 2>&1) || status=$?
  [[ $status == 1 && $output == *"$text"* ]] || die "exit code $status: $output"
}

case $1 in
  wrong_reply) fails_with 'wrong reply' "$load" http 4 0.5 "$server" echo @PORT ;;
  no_server) fails_with 'the server has ended, exit code 7' "$load" echo 4 0.5 sh -c 'exit 7' ;;
  killed)
    # Whoever holds the pipe's other end runs: its end is the end of both, and comes long before the sleep's.
    exec {pipe}< <(exec "$load" echo 4 60 sh -c 'echo up; exec sleep 100' 2>&1)
    load_id=$!
    read -r -u "$pipe" line
    [[ $line == up ]] || die "the server does not run: $line"
    kill -KILL "$load_id"
    status=0
    read -r -t 30 -u "$pipe" line || status=$?
    [[ $status == 1 ]] || die "the server runs on: $status $line"
    ;;
  *) die "what is $1?" ;;
esac
