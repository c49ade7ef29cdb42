"""Users of a running server: who is removed is out, every path asks who it is, and writes leave a line."""

import asyncio
import json
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

from hearthgate.apiserver.access import authority
from hearthgate.apiserver.access.accounts import Accounts, CredentialKind
from hearthgate.apiserver.access.authority import Authority
from hearthgate.apiserver.access.certificates import Certificates
from hearthgate.apiserver.access.identity import OWN_USER
from hearthgate.apiserver.access.roles import Role
from hearthgate.apiserver.server import ApiServer
from hearthgate.apiserver.web import api
from hearthgate.resources.registry import KINDS
from tests.component.apiserver.api_objects import CONFIGMAPS, SECRETS, configmap
from tests.component.apiserver.api_users import add_user, audit_lines, trusting, user_client
from tests.component.apiserver.conftest import DEADLINE, Client
from tests.waiting import eventually

VALUE = "b3Blbi1zZXNhbWU="
REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@pytest.mark.parametrize("kind", CredentialKind)
async def test_a_removed_user_is_out_at_once(server: ApiServer, kind: CredentialKind) -> None:
    accounts = Accounts(server.kubeconfig.parent)
    config = add_user(server, "ann", Role.EDITOR, credential=kind)
    async with user_client(server, config) as client:
        assert (await client.get(SECRETS)).status == 200
        accounts.set_role("ann", Role.VIEWER)
        refused = await client.get(SECRETS)
        assert (refused.status, refused.reason) == (403, "Forbidden")
        assert refused.body["details"] == {"kind": "secrets"}
        accounts.remove("ann")
        for path in (CONFIGMAPS, "/api", "/openapi/v3"):
            refused = await client.get(path)
            assert (refused.status, refused.reason) == (401, "Unauthorized"), "on the connection that was open"
        again = add_user(server, "ann", Role.VIEWER, credential=kind)
        assert (await client.get(CONFIGMAPS)).status == 401, "the credential of a former user of this name"
        async with user_client(server, again) as renewed:
            assert (await renewed.get(CONFIGMAPS)).status == 200


@pytest.mark.parametrize("change", ["removed", "made a viewer", "issued anew"])
async def test_a_running_watch_ends_with_the_right_to_it(server: ApiServer, client: Client, change: str) -> None:
    accounts = Accounts(server.kubeconfig.parent)
    config, other = add_user(server, "ann", Role.EDITOR), add_user(server, "bob", Role.EDITOR)
    async with (
        user_client(server, config) as ann,
        user_client(server, other) as bob,
        ann.watch(SECRETS) as cut,
        bob.watch(SECRETS) as kept,
    ):
        if change == "removed":
            accounts.remove("ann")
        elif change == "made a viewer":
            accounts.set_role("ann", Role.VIEWER)
        else:
            add_user(server, "ann", Role.EDITOR, replace=True)
        with pytest.raises(aiohttp.ClientError):
            await cut.next()
        await client.post(SECRETS, {"metadata": {"name": "s"}, "data": {"a": VALUE}})
        assert (await kept.next())["object"]["metadata"]["name"] == "s"


def served_paths() -> list[str]:
    """One of each family."""
    paths = ["/api", "/apis", "/apis/traefik.io", "/openapi/v2", "/openapi/v3", "/openapi/v3/api/v1", "/metrics"]
    paths += [
        "/",
        "/x",
        "/apis/none.example/v1/things",
        "/api/v1/namespaces/default/pods/p/log",
        "/hearthgate.dev/backup",
    ]
    for kind in KINDS:
        root = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
        inside = f"{root}/namespaces/default" if kind.namespaced else root
        paths += [root, f"{root}/{kind.plural}", f"{inside}/{kind.plural}/x", f"{inside}/{kind.plural}/x/status"]
    return list(dict.fromkeys(paths))


async def test_nothing_answers_without_credentials(server: ApiServer) -> None:
    connector = aiohttp.TCPConnector(ssl=trusting(server.kubeconfig))
    async with aiohttp.ClientSession(connector=connector) as session:
        stranger = Client(session, server.url)
        for path in served_paths():
            for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
                answer = await stranger.send(method, path, None if method == "GET" else {"a": 1})
                assert answer.status == 401, (method, path)
                assert answer.body["kind"] == "Status"
        for path in ("/healthz", "/livez", "/version"):
            assert (await stranger.get(path)).status == 200
            assert (await stranger.post(path, {})).status == 401
    assert len(audit_lines(server)) <= 10, "failed authentications cannot fill the disk"


async def test_a_viewer_sees_no_secret_in_any_form(server: ApiServer, client: Client) -> None:
    await client.post(SECRETS, {"metadata": {"name": "s"}, "data": {"a": VALUE}})
    async with user_client(server, add_user(server, "ann", Role.VIEWER)) as viewer:
        for path in (
            SECRETS,
            f"{SECRETS}/s",
            f"{SECRETS}?watch=true",
            f"{SECRETS}/s?watch=1",
            "/api/v1/secrets",
            f"{SECRETS}?limit=1",
            "/api/v1//namespaces/default/secrets",
            "/api/v1/namespaces/default/%73ecrets",
            "/api/v1/namespaces/default/secrets/",
            "/api/v1/namespaces/x/../default/secrets",
        ):
            for media in ("Table", "PartialObjectMetadata", "PartialObjectMetadataList", ""):
                accept = f"application/json;as={media};v=v1;g=meta.k8s.io" if media else "application/json"
                answer = await viewer.send("GET", path, Accept=accept)
                assert answer.status in {403, 404}, (path, media)
                assert VALUE not in json.dumps(answer.body)
        token = (await client.get(f"{SECRETS}?limit=1")).body["metadata"].get("continue", "x.1")
        assert (await viewer.get(f"{SECRETS}?limit=1&continue={token}")).status == 403


@pytest.fixture
async def audited(client: Client) -> Client:
    """Writes of all sorts, with a value that must not be seen anywhere."""
    await client.post(f"{SECRETS}?fieldManager=me", {"metadata": {"name": "s"}, "data": {"a": VALUE}})
    await client.post(SECRETS, {"metadata": {"generateName": "g-"}, "data": {"a": VALUE}})
    await client.post(SECRETS, {"metadata": {"name": "s"}, "data": {"a": VALUE}})
    await client.post(SECRETS, {"metadata": {"name": "bad"}, "data": VALUE})
    await client.merge(f"{SECRETS}/s?dryRun=All", {"data": {"b": VALUE}})
    await client.send("DELETE", f"{SECRETS}/s", {"dryRun": ["All"]})
    await client.send("DELETE", f"{SECRETS}/s")
    await client.get(SECRETS)
    await client.post(REVIEW, {"spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}}})
    return client


async def test_every_write_leaves_a_line_without_values(server: ApiServer, audited: Client) -> None:
    path = server.kubeconfig.with_name("audit.log")
    async with user_client(server, add_user(server, "ann", Role.VIEWER)) as viewer:
        await viewer.post(CONFIGMAPS, configmap("no"))
        await viewer.send("DELETE", f"{CONFIGMAPS}/no", Impersonate_User="root")
        viewer.session.headers["Authorization"] = "Bearer wrong"
        await viewer.get(CONFIGMAPS)
    await eventually(lambda: len(audit_lines(server)) >= 10)
    lines = audit_lines(server)
    told = [(line["verb"], line.get("name", ""), line["code"], line.get("dryRun", False)) for line in lines]
    generated = told[1][1]
    assert told == [
        ("create", "s", 201, False),
        ("create", generated, 201, False),
        ("create", "s", 409, False),
        ("create", "bad", 422, False),
        ("patch", "s", 200, True),
        ("delete", "s", 200, True),
        ("delete", "s", 200, False),
        ("create", "", 403, False),
        ("delete", "no", 403, False),
        ("list", "", 401, False),
    ]
    assert generated.startswith("g-")
    first = lines[0]
    assert (first["user"], first["resource"], first["version"]) == ("tester", "secrets", "v1")
    assert (first["namespace"], first["fieldManager"], first["source"]) == ("default", "me", "127.0.0.1")
    assert first["userAgent"].startswith("Python")
    assert first["duration"] > 0
    assert [line["user"] for line in lines[-3:]] == ["ann", "ann", ""]
    assert lines[-3]["groups"] == ["hearthgate:viewer", "system:authenticated"]
    content = path.read_text()
    assert not [value for value in (VALUE, "wrong", "data", "Bearer") if value in content]
    assert path.stat().st_mode & 0o777 == 0o600


async def test_an_impersonated_write_names_both(server: ApiServer, client: Client) -> None:
    add_user(server, "bob", Role.EDITOR)
    answer = await client.send("POST", CONFIGMAPS, configmap("c"), Impersonate_User="bob")
    assert answer.status == 201
    (line,) = await eventually(lambda: audit_lines(server))
    assert (line["user"], line["impersonated"]) == ("tester", "bob")
    for headers in ({"Impersonate_Group": "a"}, {"Impersonate_User": "a", "Impersonate_Extra_x": "b"}):
        assert (await client.get(CONFIGMAPS, **headers)).status == 400


async def test_what_the_program_writes_itself_is_not_audited(server: ApiServer, client: Client) -> None:
    own = server.issue_token(OWN_USER).reveal().decode()
    assert (await client.send("POST", CONFIGMAPS, configmap("a"), Authorization=f"Bearer {own}")).status == 201
    assert (await client.post(CONFIGMAPS, configmap("b"))).status == 201
    (line,) = await eventually(lambda: audit_lines(server))
    assert line["name"] == "b"


async def test_no_audit_log_when_it_is_switched_off(tmp_path: Path) -> None:
    server = ApiServer(state=tmp_path / "state", port=0, audit=False)
    await server.start()
    async with user_client(server, add_user(server, "carl", Role.ADMIN)) as client:
        assert (await client.post(CONFIGMAPS, configmap("c"))).status == 201
    await server.stop()
    assert not (tmp_path / "state" / "audit.log").exists()


async def test_reviews_of_others_and_of_tokens(server: ApiServer, client: Client) -> None:
    config = add_user(server, "ann", Role.VIEWER, namespaces=("web",))
    token = json.loads(config.read_text())["users"][0]["user"]["token"]
    root = "/apis/authentication.k8s.io/v1/tokenreviews"
    answer = await client.post(root, {"spec": {"token": token}})
    assert answer.body["status"]["user"]["username"] == "ann"
    assert token not in json.dumps(answer.body)
    answer = await client.post(root, {"spec": {"token": "wrong"}})
    assert answer.body["status"]["authenticated"] is False

    async def allowed(path: str, **spec: object) -> object:
        answer = await client.post(f"/apis/authorization.k8s.io/v1/{path}", {"spec": spec})
        return answer.body["status"]["allowed"] if answer.status == 201 else answer.status

    services = {"verb": "list", "resource": "services", "namespace": "web"}
    elsewhere = {**services, "namespace": "default"}
    local = "namespaces/web/localsubjectaccessreviews"
    assert await allowed("subjectaccessreviews", user="ann", resourceAttributes=services) is True
    assert await allowed("subjectaccessreviews", user="ann", resourceAttributes=elsewhere) is False
    assert await allowed("subjectaccessreviews", groups=["system:masters"], resourceAttributes=elsewhere) is True
    assert await allowed("subjectaccessreviews", resourceAttributes=services) == 422
    assert await allowed("subjectaccessreviews", user="ann") == 422
    assert await allowed(local, user="ann", resourceAttributes=services) is True
    assert await allowed(local, user="ann", resourceAttributes=elsewhere) == 422
    async with user_client(server, config) as viewer:
        for path in (root, "/apis/authorization.k8s.io/v1/subjectaccessreviews"):
            assert (await viewer.post(path, {"spec": {}})).status == 403


async def test_a_body_that_never_ends_is_given_up(
    server: ApiServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "_DEADLINE", 0.2)
    token = client.session.headers["Authorization"]
    port = int(server.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting(server.kubeconfig))
    head = f"POST {CONFIGMAPS} HTTP/1.1\r\nHost: a\r\nAuthorization: {token}\r\nContent-Length: 99\r\n\r\n{{"
    writer.write(head.encode())
    async with asyncio.timeout(DEADLINE):
        assert await reader.readline() == b"HTTP/1.1 504 Gateway Timeout\r\n"
    writer.close()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # that these versions are old is the point
async def test_old_tls_is_refused(server: ApiServer) -> None:
    old = trusting(server.kubeconfig)
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    port = int(server.url.rpartition(":")[2])
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection("127.0.0.1", port, ssl=old)


async def test_old_tokens_are_dropped(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    (state / "tokens.json").write_text("{}")
    server = ApiServer(state=state, port=0)
    await server.start()
    await server.stop()
    assert not (state / "tokens.json").exists()


async def test_certificates_are_renewed_in_a_running_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New connections get the new certificate, the administrator's file has a new one, nothing is restarted."""
    monkeypatch.setattr(authority, "_LONG_AGO", datetime(2020, 1, 1, tzinfo=UTC))
    time = datetime.now(UTC) - timedelta(days=800)
    kubeconfig = tmp_path / "kubeconfig"
    certificates = Certificates.load(tmp_path, ["localhost", "127.0.0.1"], lambda: time)
    certificates.renew(kubeconfig, "https://127.0.0.1:1")
    server = await asyncio.start_server(
        lambda reader, writer: writer.close(), "127.0.0.1", 0, ssl=certificates.tls
    )
    port = server.sockets[0].getsockname()[1]

    async def serial() -> str:
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting(kubeconfig))
        found = writer.get_extra_info("peercert")["serialNumber"]
        writer.close()
        return str(found)

    first, before = await serial(), kubeconfig.read_bytes()
    certificates.renew(kubeconfig, "https://127.0.0.1:1")
    assert (await serial(), kubeconfig.read_bytes()) == (first, before)
    time += timedelta(days=800)
    certificates.renew(kubeconfig, "https://127.0.0.1:1")
    assert await serial() != first
    user = json.loads(kubeconfig.read_text())["users"][0]["user"]
    assert user["client-certificate-data"] not in before.decode()
    assert Authority.kept(tmp_path / "pki").certificate == Authority.load(tmp_path / "pki", time).certificate
    server.close()
    await server.wait_closed()
