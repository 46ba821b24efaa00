"""What holds for every test."""

import signal

# A shell that starts a run in the background makes it ignore Ctrl-C, and every process that a test starts would
# inherit that; a handler of our own is not inherited, so they begin as from a terminal.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
