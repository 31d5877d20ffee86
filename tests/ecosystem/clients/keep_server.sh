#!/usr/bin/env bash
# Starts a server for a test, and ends it with the test, however that ends.
#
#   keep_server.sh postgres|redis PORT
#
# 1. It leaves its process group and its parent: neither Ctrl-C nor ctest, which ends a test that takes too long
#    together with all of its children, is to end it before it has tidied up.
# 2. It starts the server on 127.0.0.1:PORT, with all of its files in a new folder, and writes "ready"; if the
#    server does not come up, it writes what that has said, and ends.
# 3. It reads from stdin, a pipe of which only the test has the other end. The kernel closes that when the test is
#    gone. Then it stops the server, removes the folder and ends, which closes stdout.
#
# Should somebody kill it, the server gets its signal from the kernel, and only the folder stays.
set -euo pipefail

if [[ $1 != --alone ]]; then exec setsid --fork "$0" --alone "$@"; fi
kind=$2 port=$3

folder=$(mktemp -d "${TMPDIR:-/tmp}/goro-$kind.XXXXXX")
log=$folder/log
server='' stop_signal=TERM

tidy_up() {
  if [[ -n $server ]]; then
    kill -s "$stop_signal" "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
  rm -rf "$folder"
}
trap tidy_up EXIT
trap 'exit 1' TERM INT HUP
exec 2>>"$log"

give_up() {
  echo "$kind does not start on port $port:"
  tail -n 20 "$log"
  exit 1
}

# start [OPTION-OF-SETPRIV…] -- COMMAND…: setpriv becomes the server, so that $! is the server's number
start() {
  setpriv --pdeathsig "$stop_signal" "$@" </dev/null >>"$log" 2>&1 &
  server=$!
}

start_postgres() {
  local programs as=()
  programs=$(compgen -G '/usr/lib/postgresql/*/bin' | sort -V | tail -n 1)
  [[ -n $programs ]] || programs=$(dirname "$(command -v postgres)")
  # It refuses to run as root.
  if [[ $(id -u) == 0 ]]; then
    as=(--reuid=postgres --regid=postgres --init-groups)
    chown postgres "$folder"
  fi
  cd "$folder"
  setpriv "${as[@]}" -- "$programs/initdb" -D "$folder/data" -U goro -A trust -E UTF8 --locale=C --no-sync \
    </dev/null >>"$log" 2>&1 || give_up
  stop_signal=QUIT # at once: the data is of no use any more
  start "${as[@]}" -- "$programs/postgres" -D "$folder/data" -p "$port" -c listen_addresses=127.0.0.1 \
    -c "unix_socket_directories=$folder" -c max_connections=260 -c shared_buffers=32MB -c fsync=off
}

# Others may have taken the port first: it has to be this server that answers.
postgres_is_ready() { grep -q '^ready' "$folder/data/postmaster.pid"; }
redis_is_ready() { redis-cli -h 127.0.0.1 -p "$port" info server | grep -q "^process_id:$server\>"; }

start_redis() {
  start -- redis-server --port "$port" --bind 127.0.0.1 --dir "$folder" --save '' --appendonly no --daemonize no
}

"start_$kind"
until "${kind}_is_ready"; do
  kill -0 "$server" || give_up
  sleep 0.05
done
echo ready
while read -r; do :; done
