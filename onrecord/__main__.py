"""The program, `python -m onrecord` or `onrecord`."""

import signal


def run() -> None:
    """Ctrl-C while the program is still being read ends it without a word."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from onrecord.commands.main import main

    signal.signal(signal.SIGINT, before)
    main(prog_name="onrecord")


if __name__ == "__main__":
    run()
