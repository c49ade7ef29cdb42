"""Envoy's protobuf message classes, made from the descriptors of the very binary that runs.

Pure: whoever starts the program hands in the FileDescriptorSet (`proxy.descriptors.ensure_schema`), and
everybody else asks for classes by their full name. The classes live in a pool of their own: they do not mix
with those of `google.protobuf.*_pb2` (take `google.protobuf.Any`, `Duration` and so on from here as well).
"""

from functools import cache
from hashlib import blake2b
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

TYPE_PREFIX: Final = "type.googleapis.com/"


class SchemaError(LookupError):
    """The schema is not loaded, unreadable, or has no such message: a fault of the program, not of its input."""


class _Loaded:
    pool: descriptor_pool.DescriptorPool | None = None
    digest: bytes = b""


def load_schema(data: bytes) -> None:
    """Makes the messages of a serialised FileDescriptorSet available. Idempotent. Raises SchemaError.

    Files stand after those that they import. Another set replaces the first one: classes taken before
    remain usable, but do not mix with the new ones.
    """
    digest = blake2b(data, digest_size=16).digest()
    if digest == _Loaded.digest:
        return
    pool = descriptor_pool.DescriptorPool()
    try:
        for file in descriptor_pb2.FileDescriptorSet.FromString(data).file:
            pool.AddSerializedFile(file.SerializeToString())
        pool.FindMessageTypeByName("envoy.service.discovery.v3.DeltaDiscoveryRequest")
    except (DecodeError, KeyError, TypeError) as error:
        raise SchemaError(f"not a complete set of Envoy's descriptors: {error}") from error
    _Loaded.pool, _Loaded.digest = pool, digest
    message.cache_clear()


def schema_pool() -> descriptor_pool.DescriptorPool:
    """The pool of the loaded classes, for `json_format`. Raises SchemaError when nothing is loaded."""
    if _Loaded.pool is None:
        raise SchemaError(
            "Envoy's schema is not loaded: call hearthgate.ingress.proxy.descriptors.ensure_schema()"
        )
    return _Loaded.pool


@cache
def message(name: str) -> Any:
    """The class of the message with this full name, a `type[Message]` whose fields only run time knows."""
    try:
        return message_factory.GetMessageClass(schema_pool().FindMessageTypeByName(name))
    except KeyError as error:
        raise SchemaError(f"this Envoy has no message {name!r}") from error


def type_url(name: str) -> str:
    """The type URL under which `name` travels in an Any and in xDS."""
    return TYPE_PREFIX + name


def any_of(value: Any) -> Any:
    """`value` packed into a `google.protobuf.Any`; equal values give equal bytes."""
    return message("google.protobuf.Any")(
        type_url=TYPE_PREFIX + value.DESCRIPTOR.full_name, value=value.SerializeToString(deterministic=True)
    )
