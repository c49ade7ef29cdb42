import random
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2

from hearthgate.ingress.envoy import schema
from hearthgate.ingress.proxy import descriptors
from hearthgate.ingress.proxy.binary import envoy_path, envoy_version
from hearthgate.ingress.proxy.descriptors import ensure_schema, extract_descriptors


def proto(name: str, *imports: str, message: str = "M") -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(
        name=name, package=name.rpartition("/")[2].removesuffix(".proto"), dependency=imports, syntax="proto3"
    )
    field = file.message_type.add(name=message).field.add(name="text", number=1)
    field.type, field.label = field.TYPE_STRING, field.LABEL_OPTIONAL
    return file


def binary(path: Path, *files: descriptor_pb2.FileDescriptorProto) -> Path:
    """A file that holds descriptors among noise and lookalikes."""
    noise = random.Random(1)
    parts = [b"\x7fELF", b"\x0a\x0bsome/a.proto", b"\x0a\x08ab.protox"]
    for file in files:
        parts += [noise.randbytes(500), file.SerializeToString(), b"\0" * 7]
    path.write_bytes(b"".join(parts))
    return path


def names(data: bytes) -> list[str]:
    return [file.name for file in descriptor_pb2.FileDescriptorSet.FromString(data).file]


def test_descriptors_are_found_among_noise_imports_first(tmp_path: Path) -> None:
    files = [proto("a/one.proto", "z/two.proto"), proto("z/two.proto"), proto("b/three.proto", "a/one.proto")]
    data = extract_descriptors(binary(tmp_path / "envoy", *files))
    assert names(data) == ["z/two.proto", "a/one.proto", "b/three.proto"]
    found = descriptor_pb2.FileDescriptorSet.FromString(data).file
    assert found[1] == files[0]


def test_missing_import_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(schema.SchemaError, match=r"no descriptor of z/two\.proto, which a/one\.proto imports"):
        extract_descriptors(binary(tmp_path / "envoy", proto("a/one.proto", "z/two.proto")))


def test_binary_without_descriptors_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(schema.SchemaError, match="holds no protobuf descriptors"):
        extract_descriptors(binary(tmp_path / "envoy"))


@pytest.fixture
def extractions(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Forgets that the schema is loaded, and counts how often it is taken from the binary."""
    counted: list[Path] = []

    def extract(path: Path) -> bytes:
        counted.append(path)
        return extract_descriptors(path)

    monkeypatch.setattr(descriptors, "extract_descriptors", extract)
    return counted


def again(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(descriptors, "_loaded", [])
    ensure_schema(cache)


def test_schema_is_taken_from_the_binary_once(
    tmp_path: Path, extractions: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "deep" / "cache"
    for _ in range(3):
        again(cache, monkeypatch)
    assert extractions == [envoy_path()]
    (file,) = cache.iterdir()
    assert file.name.startswith(f"envoy-{envoy_version()}-")
    cluster = schema.message("envoy.config.cluster.v3.Cluster")(name="x")
    assert schema.any_of(cluster).type_url == schema.type_url("envoy.config.cluster.v3.Cluster")


@pytest.mark.parametrize("damage", [b"", b"short", None], ids=["empty", "short", "one bit"])
def test_damaged_cache_is_made_again(
    tmp_path: Path, extractions: list[Path], monkeypatch: pytest.MonkeyPatch, damage: bytes | None
) -> None:
    again(tmp_path, monkeypatch)
    (file,) = tmp_path.iterdir()
    good = file.read_bytes()
    file.write_bytes(good[:-1] + bytes([good[-1] ^ 1]) if damage is None else damage)
    again(tmp_path, monkeypatch)
    assert len(extractions) == 2
    assert file.read_bytes() == good
    assert list(tmp_path.iterdir()) == [file]


def test_cache_that_cannot_be_written_costs_only_time(
    tmp_path: Path, extractions: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    again(tmp_path / "file", monkeypatch)
    assert len(extractions) == 1
    assert schema.message("envoy.config.cluster.v3.Cluster")


def test_unknown_message_and_broken_set_are_told_apart() -> None:
    ensure_schema()
    with pytest.raises(schema.SchemaError, match=r"no message 'envoy\.Nothing'"):
        schema.message("envoy.Nothing")
    for data in (b"\xff\xff\xff", b"", proto("a.proto", "missing.proto").SerializeToString()):
        with pytest.raises(schema.SchemaError, match="not a complete set"):
            schema.load_schema(data)
    assert schema.message("envoy.config.cluster.v3.Cluster"), "what was loaded before stays"


def test_equal_messages_give_equal_any_bytes() -> None:
    ensure_schema()
    metadata = schema.message("envoy.config.core.v3.Metadata")
    struct = schema.message("google.protobuf.Struct")
    one, two = metadata(), metadata()
    for name in ("a", "b", "c"):
        one.filter_metadata[name].CopyFrom(struct())
    for name in ("c", "b", "a"):
        two.filter_metadata[name].CopyFrom(struct())
    assert schema.any_of(one).value == schema.any_of(two).value
