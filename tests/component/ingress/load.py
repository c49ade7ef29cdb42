"""Clients that ask without a pause and count what they were answered."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp


async def ask(port: int, path: str = "/") -> str:
    """Status and text of an answer over a connection of its own, or the name of the error."""
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
            session.get(f"http://127.0.0.1:{port}{path}") as response,
        ):
            return f"{response.status} {await response.text()}"
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        return type(error).__name__


@asynccontextmanager
async def load(port: int, *, clients: int = 3) -> AsyncIterator[Counter[str]]:
    """Asks on kept connections as long as the context lasts; the counter grows meanwhile."""
    answers: Counter[str] = Counter()
    over = asyncio.Event()

    async def client() -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
            while not over.is_set():
                try:
                    async with session.get(f"http://127.0.0.1:{port}/") as response:
                        answers[f"{response.status} {await response.text()}"] += 1
                except (aiohttp.ClientError, OSError, TimeoutError) as error:
                    answers[type(error).__name__] += 1

    tasks = [asyncio.create_task(client()) for _ in range(clients)]
    try:
        yield answers
    finally:
        over.set()
        await asyncio.gather(*tasks)
