"""A program of davy's on a disk that takes no byte: logs are lost too."""

import resource

from streams.cli.main import run

if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    run()
