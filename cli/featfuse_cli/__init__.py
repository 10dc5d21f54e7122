"""The command line of featfuse: `fuse`, and the same under the name `featfuse`."""

__all__ = ["main"]


def main() -> None:
    """The entry point: read the arguments, run the command, end the process."""
    import sys

    for stream in (sys.stdout, sys.stderr):
        # a file name that is not valid UTF-8, or a terminal that cannot show `×`, must not end a run
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        from featfuse_cli.app import app
    except KeyboardInterrupt:
        sys.exit(130)
    app()
