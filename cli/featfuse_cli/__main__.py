"""`python -m featfuse_cli` is `fuse`."""

from featfuse_cli import main

main()
