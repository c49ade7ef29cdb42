"""A solver tried from end to end: each step, and the first that is in the way, in words."""

import contextlib
from collections.abc import AsyncIterator

import pytest

from hearthgate.certificates.dns01.asking import Asker
from hearthgate.certificates.dns01.preflight import Preflight, Step
from hearthgate.certificates.dns01.propagation import Propagation
from hearthgate.certificates.dns01.provider import Provider, ProviderProblem, ReadSecret
from hearthgate.certificates.dns01.providers import Providers
from hearthgate.certificates.settings import CertificateSettings
from hearthgate.cluster.client import Client
from hearthgate.cluster.config import ClientConfig
from hearthgate.cluster.status import now_utc
from hearthgate.model.secret import SecretBytes
from hearthgate.resources.certmanager.references import SecretKeyRef
from hearthgate.resources.certmanager.solvers import DNS01
from hearthgate.resources.certmanager.solvers import Cloudflare as Solver
from tests.acme.cloudflare import Cloudflare, refusal, run_cloudflare
from tests.acme.nameserver import NameServer, run_nameserver

REF = SecretKeyRef(name="cf", key="token")


class Trial:
    def __init__(self, cloudflare: Cloudflare, nameserver: NameServer, providers: Providers, asker: Asker) -> None:
        self.cloudflare = cloudflare
        self.nameserver = nameserver
        self.zone = cloudflare.add_zone("home.test")
        self.token: str | None = cloudflare.add_token()
        self.follow = False
        self._providers = providers
        self._propagation = Propagation(asker, port=nameserver.port)

    async def run(self, host: str = "www.home.test") -> list[Step]:
        solver = DNS01(
            cname_strategy="Follow" if self.follow else "None", cloudflare=Solver(api_token_secret_ref=REF)
        )

        async def provider() -> Provider:
            return await self._providers.provider_of(solver, self._secret, namespace="infra", zone_of=_nobody)

        preflight = Preflight(
            solver,
            provider,
            self._propagation,
            nameservers=[f"127.0.0.1:{self.nameserver.port}"],
            patience=0.5,
        )
        return [step async for step in preflight.steps(host)]

    def _secret(self, field: str, ref: SecretKeyRef) -> SecretBytes:
        if self.token is None:
            raise ProviderProblem(field, "Secret infra/cf does not exist: create it")
        return SecretBytes(self.token.encode())


async def _nobody(name: str) -> str:
    raise AssertionError(name)


@pytest.fixture
async def trial() -> AsyncIterator[Trial]:
    async with contextlib.AsyncExitStack() as stack:
        nameserver = await stack.enter_async_context(run_nameserver())
        nameserver.zone("home.test")
        cloudflare = await stack.enter_async_context(run_cloudflare(nameserver.set_txt))
        client = await stack.enter_async_context(Client(ClientConfig(server="http://127.0.0.1:1")))
        providers = Providers(CertificateSettings, client=client, now=now_utc, cloudflare_url=cloudflare.url)
        asker = Asker()
        stack.push_async_callback(providers.close)
        stack.push_async_callback(asker.close)
        yield Trial(cloudflare, nameserver, providers, asker)


def last(steps: list[Step]) -> tuple[str, bool]:
    return steps[-1].name, steps[-1].ok


async def test_all_is_well(trial: Trial) -> None:
    steps = await trial.run()
    assert [(step.name, step.ok) for step in steps] == [
        ("credentials", True),
        ("name", True),
        ("zone", True),
        ("write", True),
        ("seen", True),
        ("remove", True),
    ]
    assert steps[2].words == "_acme-challenge.www.home.test goes into home.test"
    assert steps[4].words.startswith("_acme-challenge.www.home.test is seen at ns1.home.test, after 0.")
    assert trial.cloudflare.records(trial.zone) == []


async def test_a_secret_that_is_missing(trial: Trial) -> None:
    trial.token = None
    (step,) = await trial.run()
    assert step == Step(
        "credentials", False, "dns01.cloudflare.apiTokenSecretRef: Secret infra/cf does not exist: create it"
    )


async def test_a_wrong_token(trial: Trial) -> None:
    trial.token = "x" * 40
    steps = await trial.run()
    assert last(steps) == ("credentials", False)
    assert "wrong, expired or disabled" in steps[-1].words


async def test_a_zone_that_is_not_seen(trial: Trial) -> None:
    trial.nameserver.zone("other.test")
    steps = await trial.run("other.test")
    assert last(steps) == ("zone", False)
    assert "it sees home.test" in steps[-1].words


async def test_a_domain_that_resolvers_do_not_know(trial: Trial) -> None:
    steps = await trial.run("nowhere.test")
    assert [(step.name, step.ok) for step in steps] == [("credentials", True), ("name", False), ("zone", False)]
    assert "it sees home.test" in steps[-1].words
    trial.follow = True
    assert last(await trial.run("nowhere.test")) == ("name", False)


async def test_a_missing_permission(trial: Trial) -> None:
    trial.token = trial.cloudflare.add_token(permissions=["zone:read", "dns:read"])
    steps = await trial.run()
    assert last(steps) == ("write", False)
    assert "lacks the permission Zone > DNS > Edit" in steps[-1].words


async def test_a_record_that_nobody_sees_is_removed_all_the_same(trial: Trial) -> None:
    trial.nameserver.remove("home.test", "NS")
    trial.nameserver.add("home.test", "NS", "ns9.home.test.")
    steps = await trial.run()
    assert [(step.name, step.ok) for step in steps[-2:]] == [("seen", False), ("remove", True)]
    assert "ns9.home.test: it has no address" in steps[-2].words
    assert trial.cloudflare.records(trial.zone) == []


async def test_a_record_that_cannot_be_removed(trial: Trial) -> None:
    trial.cloudflare.refuse("DELETE", refusal(500, 0, "trouble"))
    steps = await trial.run()
    assert last(steps) == ("remove", False)
    assert "remove the TXT record of _acme-challenge.www.home.test by hand" in steps[-1].words


async def test_cnames(trial: Trial) -> None:
    trial.nameserver.add("_acme-challenge.www.home.test", "CNAME", "www.proofs.home.test.")
    steps = await trial.run()
    assert last(steps) == ("name", False)
    assert "set cnameStrategy: Follow" in steps[-1].words
    trial.follow = True
    steps = await trial.run()
    assert last(steps) == ("remove", True)
    assert all(step.ok for step in steps)
    assert steps[2].words == "www.proofs.home.test goes into home.test"


async def test_whoever_stops_half_way_leaves_nothing(trial: Trial) -> None:
    solver = DNS01(cloudflare=Solver(api_token_secret_ref=REF))

    async def provider() -> Provider:
        read: ReadSecret = trial._secret
        return await trial._providers.provider_of(solver, read, namespace="infra", zone_of=_nobody)

    steps = Preflight(
        solver, provider, trial._propagation, nameservers=[f"127.0.0.1:{trial.nameserver.port}"]
    ).steps("www.home.test")
    async for step in steps:
        if step.name == "write":
            assert len(trial.cloudflare.records(trial.zone)) == 1
            break
    await steps.aclose()
    assert trial.cloudflare.records(trial.zone) == []
