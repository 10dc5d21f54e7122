"""The command line of featfuse: `fuse`, and the same under the name `featfuse`."""

import gc

__all__ = ["main", "start_collecting"]


def main() -> None:
    """The entry point: read the arguments, run the command, end the process."""
    import signal
    import sys

    def terminated(_number: int, _frame: object) -> None:
        """SIGTERM unwinds like Ctrl-C, so that nothing half-written stays."""
        sys.exit(128 + signal.SIGTERM)

    signal.signal(signal.SIGTERM, terminated)
    for stream in (sys.stdout, sys.stderr):
        # a file name that is not valid UTF-8, or a terminal that cannot show `×`, must not end a run
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    # modules are no garbage, yet loading them makes Python look for some again and again; the command
    # calls `start_collecting` when it has what it needs
    gc.disable()
    try:
        from featfuse.blas import hold_to_one_thread

        hold_to_one_thread()

        from featfuse_cli.app import app
    except KeyboardInterrupt:
        sys.exit(130)
    app()


def start_collecting() -> None:
    """Let Python collect garbage again; what is loaded by now is none."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
