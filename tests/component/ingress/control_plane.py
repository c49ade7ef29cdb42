"""A small control plane as a process of its own, which tests can kill: `control_plane.py FOLDER PORT TEXT [NODE]`.

It serves TEXT on PORT through an Envoy kept in FOLDER, says so on standard output in one line of JSON, and goes
on until it is ended: by SIGTERM with a drain.
"""

import asyncio
import json
import signal
import sys
from pathlib import Path

from hearthgate.ingress.proxy.bootstrap import BootstrapOptions
from hearthgate.ingress.proxy.process import Proxy
from hearthgate.ingress.xds.resources import LISTENER, ROUTE
from hearthgate.ingress.xds.server import AdsServer
from tests.component.ingress.envoy_process import listener, reply, routes, together
from tests.waiting import eventually


async def main(folder: Path, port: int, text: str, node: str) -> None:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    server = AdsServer(folder / "xds.sock")
    proxy = Proxy(folder, BootstrapOptions(xds_socket=folder / "xds.sock", node=node), concurrency=1, grace=3)
    await server.start()
    await proxy.start()
    resources = together({LISTENER: {"web": listener("web", port)}, ROUTE: {"web": routes("web", reply(text))}})
    await server.apply(resources)
    await eventually(proxy.ready)
    print(json.dumps({"envoy": proxy.pid, "adopted": proxy.adopted}), flush=True)
    await ended.wait()
    await proxy.stop()
    await server.stop()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], (sys.argv[4:] or ["hearthgate"])[0]))
