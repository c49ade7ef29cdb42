"""Ways of telling. Each raises Transient when it could not, without a word of any secret."""

import asyncio
import smtplib
import ssl
from collections.abc import Callable, Mapping
from email.message import EmailMessage
from typing import Final

import aiohttp

from hearthgate.certificates.notify.news import Notice
from hearthgate.certificates.notify.settings import Email, Ntfy, Webhook
from hearthgate.model.errors import Transient
from hearthgate.resources.certmanager.references import SecretKeyRef

TIMEOUT: Final = 20.0
_PRIORITIES: Final = {"failure": "high", "expiry": "urgent", "recovery": "default"}
_TAGS: Final = {"failure": "warning", "expiry": "rotating_light", "recovery": "white_check_mark"}

Read = Callable[[SecretKeyRef], str]
"""The text of a Secret's key. Raises Transient when there is none."""


async def send_webhook(session: aiohttp.ClientSession, way: Webhook, notice: Notice, read: Read) -> None:
    headers = {}
    if way.authorization_secret_ref is not None:
        headers["Authorization"] = read(way.authorization_secret_ref)
    body = {
        "certificate": notice.certificate,
        "event": notice.occasion,
        "title": notice.title,
        "text": notice.text,
    }
    await _post(session, "webhook", way.url, json=body, headers=headers)


async def send_ntfy(session: aiohttp.ClientSession, way: Ntfy, notice: Notice, read: Read) -> None:
    headers = {}
    if way.token_secret_ref is not None:
        headers["Authorization"] = f"Bearer {read(way.token_secret_ref)}"
    body = {
        "topic": way.topic,
        "title": notice.title,
        "message": notice.text,
        "priority": {"default": 3, "high": 4, "urgent": 5}[_PRIORITIES[notice.occasion]],
        "tags": [_TAGS[notice.occasion]],
    }
    await _post(session, "ntfy", way.url, json=body, headers=headers)


async def send_email(way: Email, notice: Notice, read: Read) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = way.from_, ", ".join(way.to), notice.title
    message.set_content(f"{notice.text}\n")
    password = read(way.password_secret_ref) if way.password_secret_ref is not None else ""
    try:
        await asyncio.to_thread(_deliver, way, message, password)
    except (OSError, smtplib.SMTPException) as error:
        # The server's words may quote what it was sent.
        raise Transient(f"e-mail by {way.host}:{way.port}: {type(error).__name__}") from None


def _deliver(way: Email, message: EmailMessage, password: str) -> None:
    context = ssl.create_default_context()
    if way.security == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(way.host, way.port, timeout=TIMEOUT, context=context)
    else:
        server = smtplib.SMTP(way.host, way.port, timeout=TIMEOUT)
    with server:
        if way.security == "starttls":
            server.starttls(context=context)
        if way.username:
            server.login(way.username, password)
        server.send_message(message)


async def _post(
    session: aiohttp.ClientSession, what: str, url: str, *, json: Mapping[str, object], headers: Mapping[str, str]
) -> None:
    """Redirects are not followed: the secret in the headers is for this address alone."""
    limits = aiohttp.ClientTimeout(total=TIMEOUT)
    try:
        async with session.post(
            url, json=json, headers=headers, timeout=limits, allow_redirects=False
        ) as response:
            if response.status >= 300:
                raise Transient(f"{what}: answered {response.status}")
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        raise Transient(f"{what}: {type(error).__name__}") from None
