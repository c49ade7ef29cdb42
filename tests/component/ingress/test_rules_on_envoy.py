"""The proxy decides as the rules say: random tables and requests against `rules.match`, and chosen cases.

Left out of the random requests, because the proxy differs (docs/design/rules.md): header lines that repeat,
malformed escapes in paths, backslashes in paths, dot segments at the end or after `//`, IPv6 addresses as host.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from hearthgate.ingress.proxy.descriptors import ensure_schema
from hearthgate.ingress.rules.match import Request, matches
from hearthgate.ingress.rules.rule import Rule, compile_rule
from hearthgate.ingress.rules.syntax import write
from tests.component.ingress.rules_proxy import Client, Router, ranked, serving
from tests.properties.rules_samples import some_expression, some_request

TABLES = 24
ROUTERS = 12
REQUESTS = 150
"""For each table: 3,600 together."""


@pytest.fixture(scope="module", autouse=True)
def _schema() -> None:
    ensure_schema()


@pytest.fixture
def client() -> Iterator[Client]:
    client = Client()
    yield client
    client.close()


def rule(text: str) -> Rule:
    result = compile_rule(text)
    assert isinstance(result, Rule), result
    return result


def routers(*texts: str) -> list[Router]:
    return [Router(f"r{index}", rule(text), -index) for index, text in enumerate(texts)]


def some_table(random: Random) -> list[Router]:
    rules = [rule(write(some_expression(random))) for _ in range(ROUTERS)]
    return [
        Router(f"r{number}", each, random.choice((each.default_priority, 5))) for number, each in enumerate(rules)
    ]


def expected(table: list[Router], request: Request) -> str:
    return next((each.name for each in ranked(table) if matches(each.rule.expression, request)), "")


def test_random_requests_reach_the_router_that_the_rules_name(
    free_port: Callable[[], int], tmp_path: Path, client: Client
) -> None:
    random = Random(20)
    tables = {free_port(): some_table(random) for _ in range(TABLES)}
    answered = set()
    wrong = []
    with serving(tables, tmp_path):
        for port, table in tables.items():
            for _ in range(REQUESTS):
                request = some_request(random)
                answer = client.ask(port, request)
                answered.add(answer.router)
                if answer.router != expected(table, request):
                    rules = {each.name: each.rule.text for each in table}
                    wrong.append((request, answer, expected(table, request), rules))
    assert not wrong, f"{len(wrong)} of {TABLES * REQUESTS} differ; the first: {wrong[0]}"
    assert len(answered) > ROUTERS / 2
