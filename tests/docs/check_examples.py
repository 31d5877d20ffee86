"""What a document shows is what the programs of tests/programs say.

    check_examples.py DOCUMENT FOLDER-OF-PROGRAMS

A block of text that follows a line `<!-- $ NAME=VALUE… PROGRAM ARGUMENT… -->` has to be what the program writes to
stderr then: but for numbers, addresses, the folders of files and the lines in them, and with `...` for lines that are left out.
"""

import os
import re
import subprocess
import sys

EXAMPLE = re.compile(r"^<!-- \$ ([^\n]*) -->\n+```text\n(.*?)^```", re.M | re.S)
ENDS_SOON = 60  # s


def plain(line):
    """Without what differs from run to run, and from one version of a source to the next."""
    line = re.sub(r"[^\s]*/([\w.]+):\d+", r"\1:N", line)
    line = re.sub(r"\b0x[0-9a-f]+", "0xN", line)
    return re.sub(r"\b(goroutine|thread|for) \d+", r"\1 N", line)


def agree(shown, said):
    """Do the lines match, where `...` stands for any number of them?"""
    if not shown:
        return not said
    if shown[0] == "...":
        return any(agree(shown[1:], said[i:]) for i in range(len(said) + 1))
    return bool(said) and plain(shown[0]) == plain(said[0]) and agree(shown[1:], said[1:])


def run(folder, command):
    words = command.split()
    settings = {}
    while "=" in words[0]:
        name, value = words.pop(0).split("=", 1)
        settings[name] = value
    program = [os.path.join(folder, words[0]), *words[1:]]
    environment = {**os.environ, **settings}
    done = subprocess.run(program, env=environment, stderr=subprocess.PIPE, text=True, timeout=ENDS_SOON, check=False)
    return done.stderr


def main(document, folder):
    with open(document, encoding="utf-8") as file:
        examples = EXAMPLE.findall(file.read())
    if not examples:
        sys.exit(document + " shows no examples")
    failed = 0
    for command, shown in examples:
        said = run(folder, command)
        if not agree(shown.rstrip().split("\n"), said.rstrip().split("\n")):
            failed += 1
            print("== %s says now:\n%s\n== and %s shows:\n%s" % (command, said, document, shown))
    print("%d of %d examples agree" % (len(examples) - failed, len(examples)))
    sys.exit(failed != 0)


main(*sys.argv[1:])
