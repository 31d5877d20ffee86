#!/bin/sh
# The last chapter of the tour against `wc -w`, over a folder of odd files, and the tour's answers to bad input.
# Usage: wordcount_check.sh PATH-OF-TOUR
set -u

tour=$1
folder=$(mktemp -d)
trap 'chmod -R u+rwx "$folder"; rm -rf "$folder"' EXIT
chmod 755 "$folder"
failed=0

fail() {
  echo "FAILED: $*"
  failed=1
}

make_files() {
  mkdir -p "$folder/in/deep/er/and/deeper" "$folder/in/empty folder"
  : > "$folder/in/empty"
  printf 'no newline at the end' > "$folder/in/no newline"
  printf '  \n\t\v\f\r ' > "$folder/in/only space"
  printf 'a\0b \0 c \001 d\377e \377 f' > "$folder/in/binary"
  printf 'caf\303\251 \342\200\224 a\302\240b \343\200\200 c\314\201 \360\237\230\200' > "$folder/in/utf-8"
  printf 'cut off: \342\200' > "$folder/in/cut off"
  printf 'one\r\ntwo\r\n' > "$folder/in/deep/dos"
  printf 'a name with a line feed' > "$folder/in/deep/line
feed"
  printf 'a leading dash' > "$folder/in/deep/-l"
  # Words and characters that lie across the borders of any buffer.
  awk 'BEGIN { for (i = 0; i < 60000; ++i) printf "%s\342\202\254\303\251w%d ", (i % 7 ? "" : " "), i }' \
    > "$folder/in/deep/er/large"
  awk 'BEGIN { for (i = 0; i < 400000; ++i) printf "x" }' > "$folder/in/deep/er/one long word"
  for i in 1 2 3 4 5 6 7 8 9; do echo "file number $i" > "$folder/in/deep/er/and/deeper/$i"; done
  ln -s .. "$folder/in/deep/loop"
  ln -s self "$folder/in/self"
  ln -s nowhere "$folder/in/dangling"
  ln -s empty "$folder/in/link to a file"
  mkfifo "$folder/in/pipe"
}

# What wc makes of every readable file, added up.
expected_words() {
  find "$folder/in" -type f -exec sh -c 'wc -w < "$1"' _ {} \; 2> /dev/null | awk '{ sum += $1 } END { print sum + 0 }'
}

# count COMMAND...: runs the tour, leaves its output in $output and its total in $words.
count() {
  output=$("$@" --chapter 11 "$folder/in" 2>&1)
  code=$?
  words=$(printf '%s\n' "$output" | sed -n 's/^ *words: \([0-9]*\) in .*/\1/p')
  [ "$code" = 0 ] || { fail "exit code $code"; printf '%s\n' "$output"; }
}

compare_in_locales() {
  for locale in C C.UTF-8; do
    LC_ALL=$locale
    export LC_ALL
    expected=$(expected_words)
    count "$tour"
    [ "$words" = "$expected" ] || fail "$locale: the tour counts $words words, wc $expected"
    echo "$locale: $words words, wc says $expected"
  done
}

# A file and a folder that may not be read. The superuser may read everything, so run as somebody else then.
compare_unreadable() {
  echo 'not for everybody' > "$folder/in/secret"
  mkdir "$folder/in/secret folder"
  echo 'not for everybody' > "$folder/in/secret folder/file"
  chmod 000 "$folder/in/secret" "$folder/in/secret folder"
  as=
  if [ "$(id -u)" = 0 ]; then
    as='setpriv --reuid=65534 --clear-groups'
    if ! $as "$tour" --help > /dev/null 2>&1; then
      echo "not tested as the superuser, without setpriv: files that cannot be read"
      chmod 700 "$folder/in/secret" "$folder/in/secret folder"
      return
    fi
  fi
  # shellcheck disable=SC2016  # $1 is for the inner shell
  expected=$($as find "$folder/in" -type f -exec sh -c 'wc -w < "$1"' _ {} \; 2> /dev/null |
    awk '{ sum += $1 } END { print sum + 0 }')
  # shellcheck disable=SC2086  # a command and its options, or nothing
  count $as "$tour"
  [ "$words" = "$expected" ] || fail "with unreadable files the tour counts $words words, wc $expected"
  [ "$(printf '%s\n' "$output" | grep -c '^tour: skipped .*secret')" = 2 ] || {
    fail "the file and the folder that cannot be read are not reported"
    printf '%s\n' "$output"
  }
  echo "unreadable: $words words, wc says $expected"
}

# refuse CODE TEXT ARGUMENT...: the tour must end with that code, at once, with the text on stderr and nothing on stdout.
refuse() {
  code=$1
  text=$2
  shift 2
  message=$("$tour" "$@" 2>&1 > "$folder/stdout")
  got=$?
  [ "$got" = "$code" ] || fail "tour $*: exit code $got, not $code"
  case $message in
    *"$text"*) ;;
    *) fail "tour $*: says \"$message\", not \"$text\"" ;;
  esac
  [ ! -s "$folder/stdout" ] || fail "tour $*: prints to stdout"
}

make_files
compare_in_locales
compare_unreadable
refuse 1 "there is no such folder" "$folder/missing"
refuse 1 "there is no such folder" --chapter 11 "$folder/missing"
refuse 1 "that is not a folder" "$folder/in/empty"
refuse 2 "usage:" --chapter 0
refuse 2 "usage:" --chapter 12
refuse 2 "usage:" --chapter 1x
refuse 2 "usage:" --chapter
refuse 2 "usage:" "$folder" "$folder"
refuse 2 "usage:" --seconds 0
refuse 2 "usage:" --seconds 3601
refuse 2 "usage:" --trace
refuse 2 "usage:" --trace ''
refuse 2 "usage:" --trace --seconds 1
refuse 2 "usage:" --chapter 1 --seconds 1
refuse 2 "usage:" --chapter 1 --trace "$folder/trace"
refuse 2 "usage:" --no-such-option

[ "$failed" = 0 ] && echo "all is as expected"
exit "$failed"
