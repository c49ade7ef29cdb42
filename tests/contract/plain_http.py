"""Requests to a Kubernetes API without kubectl: for what kubectl does not show."""

import base64
import json
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx

DEADLINE = 20.0
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
PARTIAL = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
PARTIAL_LIST = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"


class Answer(NamedTuple):
    status: int
    body: Any
    headers: httpx.Headers

    @property
    def reason(self) -> str:
        """Why it was refused: `NotFound`, `Conflict`."""
        return str(self.body.get("reason", ""))

    @property
    def message(self) -> str:
        return str(self.body.get("message", ""))

    @property
    def causes(self) -> dict[str, str]:
        """field -> message of an answer 422."""
        causes = self.body.get("details", {}).get("causes", [])
        return {cause.get("field", ""): cause.get("message", "") for cause in causes}

    @property
    def names(self) -> list[str]:
        """Of the objects of a list, as they come."""
        return [item["metadata"]["name"] for item in self.body["items"]]

    @property
    def version(self) -> str:
        return str(self.body["metadata"]["resourceVersion"])


class Frames:
    """What a watch tells, one frame at a time; None at its end."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.iter_lines()

    def next(self) -> Any:
        line = next(self._lines, None)
        return None if line is None else json.loads(line)

    def take(self, count: int) -> list[tuple[str, str]]:
        """(type, name) of the next frames."""
        frames = [self.next() for _ in range(count)]
        return [(frame["type"], frame["object"]["metadata"].get("name", "")) for frame in frames]


class Http:
    """Speaks to the API of a kubeconfig that holds a client certificate or a token."""

    def __init__(self, kubeconfig: Path, kubectl: Path) -> None:
        view = [str(kubectl), "config", "view", "--raw", "--minify", "--flatten", "-o", "json"]
        done = subprocess.run(
            [*view, f"--kubeconfig={kubeconfig}"], capture_output=True, text=True, check=True, timeout=DEADLINE
        )
        config = json.loads(done.stdout)
        (cluster,), (user,) = ([held[kind] for held in config[f"{kind}s"]] for kind in ("cluster", "user"))
        headers = {"Authorization": f"Bearer {user['token']}"} if "token" in user else {}
        assert headers or "client-certificate-data" in user, f"{kubeconfig}: no certificate and no token in it"
        self.url = str(cluster["server"])
        self._client = httpx.Client(
            base_url=self.url, verify=_trust(cluster, user), headers=headers, timeout=DEADLINE, trust_env=False
        )

    def close(self) -> None:
        self._client.close()

    def send(
        self, method: str, path: str, body: Any = None, media: str = "", accept: str = "", **query: str
    ) -> Answer:
        """`body` is sent as JSON unless it is a text."""
        headers = {"Accept": accept or "application/json"}
        if body is not None:
            headers["Content-Type"] = media or "application/json"
        content = body if isinstance(body, str) or body is None else json.dumps(body)
        response = self._client.request(method, path, content=content, headers=headers, params=query)
        try:
            return Answer(response.status_code, response.json(), response.headers)
        except ValueError:
            return Answer(response.status_code, response.text, response.headers)

    def get(self, path: str, accept: str = "", **query: str) -> Answer:
        return self.send("GET", path, accept=accept, **query)

    def post(self, path: str, body: Any, **query: str) -> Answer:
        return self.send("POST", path, body, **query)

    def put(self, path: str, body: Any, **query: str) -> Answer:
        return self.send("PUT", path, body, **query)

    def patch(self, path: str, body: Any, media: str = MERGE, **query: str) -> Answer:
        return self.send("PATCH", path, body, media, **query)

    def apply(self, path: str, body: Any, manager: str, **query: str) -> Answer:
        return self.send("PATCH", path, body, APPLY, fieldManager=manager, **query)

    def delete(self, path: str, body: Any = None, **query: str) -> Answer:
        return self.send("DELETE", path, body, **query)

    @contextmanager
    def watch(self, path: str, accept: str = "", **query: str) -> Iterator[Frames]:
        headers = {"Accept": accept or "application/json"}
        with self._client.stream("GET", path, params={**query, "watch": "true"}, headers=headers) as response:
            assert response.status_code == 200, response.read()
            yield Frames(response)


def _trust(cluster: dict[str, Any], user: dict[str, Any]) -> ssl.SSLContext:
    if cluster.get("insecure-skip-tls-verify"):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        authority = cluster.get("certificate-authority-data")
        context = ssl.create_default_context(cadata=base64.b64decode(authority).decode() if authority else None)
    if "client-certificate-data" in user:
        # The ssl module reads a certificate and its key from files only.
        with tempfile.NamedTemporaryFile() as file:
            for part in ("client-certificate-data", "client-key-data"):
                file.write(base64.b64decode(user[part]) + b"\n")
            file.flush()
            context.load_cert_chain(file.name)
    return context
