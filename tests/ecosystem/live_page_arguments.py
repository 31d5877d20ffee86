#!/usr/bin/env python3
"""What the live page's example is told on its command line. Usage: live_page_arguments.py PATH-OF-LIVE_PAGE"""

import sys

from kv_support import check, main, refuses, run_program

PROGRAM = sys.argv[1]


def bad_arguments():
    refuses(
        PROGRAM,
        [
            (["foo"], "one address is wanted"),
            (["127.0.0.1:0", "x"], "one address is wanted"),
        ],
    )
    code, out, err = run_program(PROGRAM, "192.0.2.1:80")
    check(code == 1 and not out and err.startswith("live_page: 192.0.2.1:80: "), err)


main([bad_arguments])
