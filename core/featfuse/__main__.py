"""`python -m featfuse` is `fuse`, where the command line is installed, too; the library never loads it."""

import sys

try:
    from featfuse_cli import main
except ModuleNotFoundError as error:
    if error.name != "featfuse_cli":
        raise
    sys.exit("error: the library is here without its command line\nInstall it whole: pip install featfuse")

main()
