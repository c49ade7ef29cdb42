"""The role `speaker`: announces addresses from one node more, beside the box that runs the API, or on a cluster,
and keeps the node's Pods to the policies where that is wanted.

It only needs the API to learn of changes: without it, it goes on with what it knew last, and starts with it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import structlog

from hearthgate.app import fences
from hearthgate.app.fences import Fences
from hearthgate.app.metrics_page import MetricsPage
from hearthgate.app.registration import Registration
from hearthgate.app.settings import Settings, pod_namespace
from hearthgate.app.speaking import KINDS, Speaking, Surroundings
from hearthgate.app.state import prepare_state_folder
from hearthgate.app.stopping import until_stopped
from hearthgate.app.supervisor import supervised
from hearthgate.balancer.heartbeats.key import read_key, shared_key
from hearthgate.balancer.settings import LoadBalancerSettings, read_where
from hearthgate.cluster.client import Client
from hearthgate.cluster.config import ClientConfig
from hearthgate.cluster.events import EventWriter
from hearthgate.cluster.hub import Hub
from hearthgate.cluster.lastgood import LastGood
from hearthgate.model.problems import Problem
from hearthgate.model.secret import SecretBytes
from hearthgate.resources.registry import BY_TYPE

log = structlog.get_logger(__name__)

MOVING = 0.5
"""Seconds at the end that addresses stay taken, silently: clients that have not heard of the next node yet are
served on."""


class SpeakerOptions(NamedTuple):
    """What the command line asks for. node: our name."""

    settings: Settings
    node: str
    config: ClientConfig
    state: Path


async def run_speaker(options: SpeakerOptions) -> None:
    """Runs until SIGINT or SIGTERM. Raises HearthgateError when it cannot start."""
    hurried = asyncio.Event()
    await until_stopped(_serve(options, hurried), hurry=hurried.set)


async def _serve(options: SpeakerOptions, hurried: asyncio.Event) -> None:
    state = prepare_state_folder(options.state)
    load_balancer, namespace = options.settings.load_balancer, pod_namespace(options.settings)
    check_key_file(load_balancer)
    async with Client(options.config) as client:
        is_fenced = options.settings.policy.enforce
        read = dict.fromkeys((*KINDS, *(fences.KINDS if is_fenced else ())))
        hub = Hub(client, [BY_TYPE[kind] for kind in read], last_good=LastGood(state / "last-good"))
        events = EventWriter(client, instance=options.node)
        speaking = Speaking(
            options.settings,
            options.node,
            Surroundings(client, events, hub),
            key=key_source(load_balancer, client, namespace, state / "members.key"),
        )
        registration = Registration(client, hub, options.node, load_balancer)
        parts: dict[str, Callable[[], Awaitable[None]]] = {
            "hub": hub.run,
            "events": events.run,
            "speaker": speaking.run,
            "registration": registration.run,
        }
        metrics = [speaking.metrics]
        if is_fenced:
            fenced = Fences(options.settings, events=events, hub=hub, on_problems=_tell, node=options.node)
            parts.update(fenced.parts)
            metrics.append(fenced.metrics)
        if load_balancer.metrics_address:
            where = read_where(load_balancer.metrics_address)
            parts["metrics"] = MetricsPage(where, lambda: chain.from_iterable(each() for each in metrics)).run
        log.info("speaker starts", node=options.node, api=options.config.server)
        try:
            async with supervised(parts):
                await asyncio.Future()
        finally:
            await speaking.stop()
            try:
                async with asyncio.timeout(MOVING):
                    await registration.finish()
                    await hurried.wait()
            except TimeoutError:
                pass
            await speaking.give_up()


def _tell(problems: tuple[Problem, ...]) -> None:
    """Nobody but the log hears of them here."""
    for problem in problems:
        log.warning("problem", problem=str(problem), reason=problem.reason.value)


def check_key_file(settings: LoadBalancerSettings) -> None:
    """Raises Permanent when there is to be one and it cannot be used."""
    if settings.heartbeat.key_file:
        read_key(Path(settings.heartbeat.key_file))


def key_source(
    settings: LoadBalancerSettings, client: Client, namespace: str, kept: Path | None
) -> Callable[[], Awaitable[SecretBytes]]:
    """Where the key of all members is: in the file that the settings name, else in the API."""
    if not settings.heartbeat.key_file:
        return lambda: shared_key(client, namespace, kept)

    async def read() -> SecretBytes:
        return await asyncio.to_thread(read_key, Path(settings.heartbeat.key_file))

    return read
