#!/usr/bin/env bash
# http_server and https_server, asked by curl, also through tcp_proxy.
# Usage: curl_check.sh PATH-OF-http_server PATH-OF-https_server PATH-OF-tcp_proxy
set -uo pipefail

folder=$(mktemp -d)
launched= # and has no name yet
server=
proxy=
trap 'kill -KILL $launched $server $proxy 2>/dev/null; rm -rf "$folder"' EXIT
failed=0

fail() {
  echo "FAILED: $*"
  failed=1
}

# launch PROGRAM ARGUMENT…: leaves its number in $launched and its address in $address
launch() {
  : >"$folder/stdout" # before the address of the server of before is read there
  "$@" --address 127.0.0.1:0 >"$folder/stdout" 2>"$folder/stderr" &
  launched=$!
  for ((i = 0; i < 300; ++i)); do
    address=$(sed -n 's/^listening on //p' "$folder/stdout")
    [[ -n $address ]] && return
    sleep 0.1
  done
  fail "$1 does not listen"
  exit 1
}

# start PROGRAM ARGUMENT…: a server of the site
start() {
  launch "$@" --root "$folder/site"
  server=$launched launched=
}

# start_proxy PROGRAM: before the server; $address is that of the proxy then
start_proxy() {
  launch "$1" --backend "$address"
  proxy=$launched launched=
}

# end NUMBER: by SIGTERM; the exit code must be 0
end() {
  kill -TERM "$1"
  wait "$1" || fail "exit code $? after SIGTERM"
}

stop() {
  [[ -n $proxy ]] && end "$proxy"
  proxy=
  end "$server"
  server=
}

ask() { curl --silent --show-error --max-time 30 --noproxy '*' "$@"; }

# expect WHAT TEXT CURL-ARGUMENT…: curl prints exactly that
expect() {
  local what=$1 text=$2 got
  shift 2
  got=$(ask "$@" 2>&1) || fail "$what: curl: $got"
  [[ $got == "$text" ]] || fail "$what: \"$got\" instead of \"$text\""
}

# check_site URL CURL-ARGUMENT…: what both servers have in common
check_site() {
  local url=$1 code='%{http_code} %{content_type}'
  shift
  expect 'a file' 'hello' "$@" "$url/hello.txt"
  expect 'the index' '<p>index' "$@" "$url/"
  expect 'the type' '200 text/html; charset=utf-8' "$@" -o /dev/null -w "$code" "$url/"
  expect 'JSON' '200 application/json' "$@" -o "$folder/stats" -w "$code" "$url/api/stats"
  grep -q '^{"goroutines":[0-9]*,.*"processors":[0-9]*}$' "$folder/stats" || fail "JSON: $(cat "$folder/stats")"
  expect 'HEAD' '200 7 0' "$@" --head -o /dev/null -w '%{http_code} %header{content-length} %{size_download}' \
    "$url/hello.txt"
  expect '404' '404' "$@" -o /dev/null -w '%{http_code}' "$url/missing"
  expect 'a traversal' '404' "$@" --path-as-is -o /dev/null -w '%{http_code}' "$url/../secret"
  expect 'POST' '405' "$@" -d x -o /dev/null -w '%{http_code}' "$url/"
  expect 'a timeout' '503' "$@" -o /dev/null -w '%{http_code}' "$url/slow?ms=60000"
  expect 'keep-alive' '1 0 ' "$@" -o /dev/null -o /dev/null -w '%{num_connects} ' "$url/" "$url/"
  ask "$@" -o "$folder/copy" "$url/large" || fail 'a large file'
  cmp -s "$folder/site/large" "$folder/copy" || fail 'a large file differs'
  got=$(ask "$@" -v "$url/hello.txt" 2>&1)
  [[ $got == *'< HTTP/1.1 200 OK'* ]] || fail "curl -v: $got"
  head -c 2000000 /dev/zero >"$folder/body"
  expect 'a large body' '413' "$@" -H 'Expect:' --data-binary "@$folder/body" -o /dev/null -w '%{http_code}' "$url/"
  expect 'a large body, asked for' '413' "$@" --data-binary "@$folder/body" -o /dev/null -w '%{http_code}' "$url/"
  local many=()
  for ((i = 0; i < 200; ++i)); do many+=("$url/slow?ms=20"); done
  got=$(ask "$@" --parallel --parallel-max 50 -w '%{http_code}\n' "${many[@]}" 2>/dev/null | grep -c '^200$')
  [[ $got == 200 ]] || fail "of 200 requests $got were answered"
}

# refused PROGRAM TEXT ARGUMENT…: it does not start, and says why
refused() {
  local program=$1 text=$2 got
  shift 2
  got=$(timeout 20 "$program" --address 127.0.0.1:0 "$@" 2>&1) && fail "$*: accepted"
  [[ $got == "$text"* ]] || fail "$*: $got"
}

mkdir "$folder/site"
printf 'hello\n\n' >"$folder/site/hello.txt"
printf '<p>index' >"$folder/site/index.html"
head -c 5000000 /dev/urandom >"$folder/site/large"
printf 'secret' >"$folder/secret"

start "$1" --request-timeout 500ms
check_site "http://$address"
start_proxy "$3"
check_site "http://$address"
stop

start "$2" --request-timeout 500ms --write-cert "$folder/cert.pem"
check_site "https://$address" --insecure
expect 'the certificate' 'hello' --cacert "$folder/cert.pem" "https://$address/hello.txt"
expect 'its name' 'hello' --cacert "$folder/cert.pem" --resolve "localhost:${address##*:}:127.0.0.1" \
  "https://localhost:${address##*:}/hello.txt"
ask "https://$address/" >/dev/null 2>&1 && fail 'a certificate of nobody is trusted'
ask "http://$address/" >/dev/null 2>&1 && fail 'HTTP without TLS is answered'
expect 'still there' 'hello' --insecure "https://$address/hello.txt"
start_proxy "$3"
check_site "https://$address" --insecure
stop

refused "$2" "https_server: $folder/none: No such file or directory" --cert "$folder/none" --key "$folder/none"
refused "$2" "https_server: $folder/secret: no start line" --cert "$folder/secret" --key "$folder/secret"
refused "$2" '--cert and --key belong together' --cert "$folder/cert.pem"

[[ $failed == 0 ]] && echo 'all is as expected'
exit "$failed"
