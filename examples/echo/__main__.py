"""`python -m examples.echo FOLDER`: plays every backend that the manifests in FOLDER name, until interrupted."""

import asyncio
import signal
import sys
from pathlib import Path

from examples.echo.backends import backends
from examples.echo.server import serving


async def main(folder: Path) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serving(backends(folder)):
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
