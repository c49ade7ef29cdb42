"""The example of docs/bgp.md does what the page says, on the router too."""

import asyncio
import re
from pathlib import Path

import yaml

from hearthgate.balancer.bgp.build import build
from hearthgate.balancer.bgp.router import Router
from hearthgate.balancer.speaker.nodes import Nodes
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.resources.decode import decode_mapping
from tests.routers import NEEDS_FRR, OURS, THEIRS, frr, wire
from tests.waiting import eventually

pytestmark = NEEDS_FRR
PAGE = (Path(__file__).parents[3] / "docs" / "bgp.md").read_text()
READY = """
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: traefik-1, namespace: infra, labels: {kubernetes.io/service-name: traefik}}
addressType: IPv4
endpoints: [{addresses: [127.0.0.1], conditions: {ready: true}}]
ports: []
"""


def here(text: str) -> str:
    """With the addresses of the test's wire."""
    return text.replace("192.168.1.1", THEIRS).replace("192.168.1.2", OURS)


async def test_the_router_of_the_page_learns_the_address() -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    (config,) = re.findall(r"```\n(bfd.*?)```", PAGE, re.DOTALL)
    contents = list(yaml.safe_load_all(here(f"{text}\n---\n{READY}")))
    for content in contents:
        if content["kind"] == "Service":
            content["status"] = {"loadBalancer": {"ingress": [{"ip": content["spec"]["loadBalancerIP"]}]}}
    decoded = [decode_mapping(content) for content in contents]
    assert [problem for one in decoded for problem in one.problems] == []
    snapshot = Snapshot.of([one.resource for one in decoded if one.resource is not None])
    model = build(snapshot, Nodes({"nas": {}}, {}), "nas")
    assert (model.problems, model.silences) == ((), ())
    bfd, _, bgp = here(config).partition("router bgp")
    with wire() as lan, frr(lan, f"router bgp{bgp}", bfd=bfd, head="") as router:
        ours = Router("nas")
        ours.apply(model.sessions)
        task = asyncio.create_task(ours.run())
        try:
            await eventually(lambda: asyncio.to_thread(lan.has, "192.168.50.10"), within=20, what="the route")
            (state,) = ours.state.values()
            assert state.bfd is not None
            await eventually(
                lambda: asyncio.to_thread(lambda: router.show("bfd peers")[0]["status"] == "up"),
                within=20,
                what="BFD up",
            )
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
