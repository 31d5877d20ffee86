// Exercise 4: two goroutines that talk over a channel: one sends a sentence word by word, the other puts it
// together.
//
// The sender closes the channel when it has said all. The receiver's loop ends with that, and it answers over
// a channel of its own.

#include <cstdio>
#include <string>

#include <goro/goro.hpp>

namespace {

void speak(const goro::send_chan<std::string>& words) {
  for (const char* word : {"do", "not", "communicate", "by", "sharing", "memory"}) words.send(word);
  words.close();
}

void listen(const goro::recv_chan<std::string>& words, const goro::send_chan<std::string>& sentence) {
  std::string heard;
  for (const std::string& word : words) {
    std::printf("heard: %s\n", word.c_str());
    heard += heard.empty() ? word : " " + word;
  }
  sentence.send(heard);
}

}  // namespace

int main() {
  return goro::run([] {
    const goro::chan<std::string> words;
    const goro::chan<std::string> sentence;
    goro::go(speak, words);
    goro::go(listen, words, sentence);
    std::printf("the sentence: %s\n", sentence.recv().value().c_str());
  });
}
