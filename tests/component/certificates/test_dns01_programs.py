"""Programs as providers: what they are told, what becomes of those that hang, and what of their words is shown."""

import asyncio
import json
import os
import stat
from functools import partial
from pathlib import Path

import pytest

from hearthgate.certificates.dns01.exec_hook import TAIL, ExecProvider, redacted_tail
from hearthgate.certificates.dns01.provider import ProviderProblem, Record
from hearthgate.certificates.dns01.providers import Providers
from hearthgate.certificates.settings import CertificateSettings, DNS01ExecConfig
from hearthgate.cluster.client import Client
from hearthgate.cluster.config import ClientConfig
from hearthgate.cluster.status import now_utc
from hearthgate.model.errors import Permanent, Transient
from hearthgate.model.secret import SecretBytes
from hearthgate.resources.certmanager.references import SecretKeyRef
from hearthgate.resources.certmanager.solvers import DNS01, ExecSolver
from tests.waiting import eventually

RECORD = Record("_acme-challenge.home.test", "J2Fpf8HxpYxgWRxyAK3zYlgPkQ2-0zDz-h4pQK_jbRM")


async def zone_of(name: str) -> str:
    return "home.test"


def program(folder: Path, script: str) -> Path:
    path = folder / "hook"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    return path


def hook(path: Path, *arguments: str, seconds: float = 5.0) -> ExecProvider:
    return ExecProvider((str(path), *arguments), seconds=seconds, zone_of=zone_of)


async def test_what_a_program_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", "hidden")
    said = tmp_path / "said"
    path = program(tmp_path, f'echo "$@" >{said}; env | sort >>{said}.env; cat >{said}.json; pwd >{said}.pwd')
    await hook(path, "--zone", "a b").present(RECORD)
    assert said.read_text() == f"--zone a b present {RECORD.name}. {RECORD.value}\n"
    told = {"action": "present", "fqdn": f"{RECORD.name}.", "value": RECORD.value, "ttl": 60}
    assert json.loads((tmp_path / "said.json").read_text()) == told
    environment = (tmp_path / "said.env").read_text()
    assert f"HEARTHGATE_FQDN={RECORD.name}.\n" in environment
    assert f"HEARTHGATE_VALUE={RECORD.value}\n" in environment
    assert "CLOUDFLARE" not in environment
    assert (tmp_path / "said.pwd").read_text() == "/\n"
    await hook(path).remove(RECORD)
    assert said.read_text() == f"cleanup {RECORD.name}. {RECORD.value}\n"
    assert await hook(path).zone_of(RECORD.name) == "home.test"


async def test_a_program_that_fails(tmp_path: Path) -> None:
    path = program(tmp_path, "echo no such zone; echo key=abcdefghijklmnopqrstuvwxyz0123 >&2; exit 3")
    with pytest.raises(Transient) as caught:
        await hook(path).present(RECORD)
    assert str(caught.value) == f"{path} present ended with 3: no such zone …"


async def test_a_program_that_hangs_goes_with_all_that_it_started(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    path = program(tmp_path, f"sleep 600 & echo $! >{pids}; echo $$ >>{pids}; echo working; wait")
    with pytest.raises(Transient, match=r"took more than 0\.5 s and was killed: working"):
        await hook(path, seconds=0.5).present(RECORD)
    for pid in pids.read_text().split():
        await eventually(partial(_is_gone, int(pid)), what=f"process {pid} to be gone")


async def test_a_program_that_leaves_something_running(tmp_path: Path) -> None:
    """It holds our pipe open; nobody waits for that."""
    path = program(tmp_path, "echo done; sleep 600 & exit 0")
    async with asyncio.timeout(3):
        await hook(path, seconds=60).present(RECORD)


async def test_a_program_that_reads_nothing_and_says_much(tmp_path: Path) -> None:
    path = program(
        tmp_path, "exec 0<&-; i=0; while [ $i -lt 3000 ]; do echo a line of words; i=$((i+1)); done; exit 1"
    )
    with pytest.raises(Transient) as caught:
        await hook(path).present(RECORD)
    assert len(str(caught.value)) < TAIL + 200


async def test_programs_that_cannot_be_run(tmp_path: Path) -> None:
    path = tmp_path / "nothing"
    with pytest.raises(Permanent, match="cannot be started: No such file"):
        await hook(path).present(RECORD)
    with pytest.raises(Permanent, match="is no program that may be run here"):
        await hook(path).verify()
    path.write_text("#!/bin/sh\n")
    path.chmod(stat.S_IRUSR)
    with pytest.raises(Permanent, match="cannot be started: Permission denied"):
        await hook(path).present(RECORD)
    path.chmod(0o700)
    assert await hook(path).verify() == f"{path} is there"


async def test_only_programs_that_the_settings_allow(tmp_path: Path) -> None:
    path = str(program(tmp_path, "exit 0"))
    allowed: tuple[str, ...] = ()

    def settings() -> CertificateSettings:
        return CertificateSettings(dns01_exec=DNS01ExecConfig(allowed=allowed))

    def secret(field: str, ref: SecretKeyRef) -> SecretBytes:
        raise AssertionError("programs get no Secret")

    async with Client(ClientConfig(server="http://127.0.0.1:1")) as client:
        providers = Providers(settings, client=client, now=now_utc)
        solver = DNS01(exec_=ExecSolver(command=(path, "x")))
        with pytest.raises(ProviderProblem, match=r"certificates\.dns01Exec\.allowed"):
            await providers.provider_of(solver, secret, namespace="infra", zone_of=zone_of)
        allowed = (path,)
        provider = await providers.provider_of(solver, secret, namespace="infra", zone_of=zone_of)
        await provider.present(RECORD)
        await providers.close()


@pytest.mark.parametrize(
    ("output", "shown"),
    [
        (b"", ""),
        (b"  two\n lines\t ", "two lines"),
        (f"set {RECORD.value} at {RECORD.name}.".encode(), f"set {RECORD.value} at {RECORD.name}."),
        (b"token s3cr3ts3cr3ts3cr3ts3cr3t refused", "token … refused"),
        (b"\xff\x00\x1b[31mred", "�[31mred"),
    ],
)
def test_what_of_its_words_is_shown(output: bytes, shown: str) -> None:
    assert redacted_tail(output, RECORD) == shown


def _is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
