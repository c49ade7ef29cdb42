"""An independent reader of gnostic's OpenAPI v2 messages: their descriptors, given to the protobuf library."""

from collections.abc import Mapping
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.json_format import MessageToDict

_LABELS = {
    "optional": descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL,
    "repeated": descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED,
}
_SCALARS = {
    "double": descriptor_pb2.FieldDescriptorProto.TYPE_DOUBLE,
    "int64": descriptor_pb2.FieldDescriptorProto.TYPE_INT64,
    "bool": descriptor_pb2.FieldDescriptorProto.TYPE_BOOL,
    "string": descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
}

# Only what the API's documents use; names and numbers as in gnostic's OpenAPIv2.proto.
_MESSAGES: Mapping[str, str] = {
    "Any": "yaml:string=2",
    "NamedAny": "name:string=1 value:Any=2",
    "Document": "swagger:string=1 info:Info=2 paths:Paths=8 definitions:Definitions=9",
    "Info": "title:string=1 version:string=2",
    "Paths": "path:*NamedPathItem=2",
    "NamedPathItem": "name:string=1 value:PathItem=2",
    "PathItem": (
        "get:Operation=2 put:Operation=3 post:Operation=4 delete:Operation=5 patch:Operation=8 "
        "parameters:*ParametersItem=9"
    ),
    "Operation": (
        "tags:*string=1 description:string=3 operation_id:string=5 produces:*string=6 consumes:*string=7 "
        "parameters:*ParametersItem=8 responses:Responses=9 vendor_extension:*NamedAny=13"
    ),
    "Responses": "response_code:*NamedResponseValue=1",
    "NamedResponseValue": "name:string=1 value:ResponseValue=2",
    "ResponseValue": "response:Response=1",
    "Response": "description:string=1 schema:SchemaItem=2",
    "SchemaItem": "schema:Schema=1",
    "ParametersItem": "parameter:Parameter=1",
    "Parameter": "body_parameter:BodyParameter=1 non_body_parameter:NonBodyParameter=2",
    "BodyParameter": "description:string=1 name:string=2 in:string=3 required:bool=4 schema:Schema=5",
    "NonBodyParameter": (
        "query_parameter_sub_schema:QueryParameterSubSchema=3 path_parameter_sub_schema:PathParameterSubSchema=4"
    ),
    "QueryParameterSubSchema": (
        "required:bool=1 in:string=2 description:string=3 name:string=4 type:string=6 unique_items:bool=20"
    ),
    "PathParameterSubSchema": (
        "required:bool=1 in:string=2 description:string=3 name:string=4 type:string=5 unique_items:bool=18"
    ),
    "Definitions": "additional_properties:*NamedSchema=1",
    "Properties": "additional_properties:*NamedSchema=1",
    "NamedSchema": "name:string=1 value:Schema=2",
    "AdditionalPropertiesItem": "schema:Schema=1 boolean:bool=2",
    "TypeItem": "value:*string=1",
    "ItemsItem": "schema:*Schema=1",
    "Schema": (
        "_ref:string=1 format:string=2 title:string=3 description:string=4 default:Any=5 multiple_of:double=6 "
        "maximum:double=7 exclusive_maximum:bool=8 minimum:double=9 exclusive_minimum:bool=10 max_length:int64=11 "
        "min_length:int64=12 pattern:string=13 max_items:int64=14 min_items:int64=15 unique_items:bool=16 "
        "max_properties:int64=17 min_properties:int64=18 required:*string=19 enum:*Any=20 "
        "additional_properties:AdditionalPropertiesItem=21 type:TypeItem=22 items:ItemsItem=23 all_of:*Schema=24 "
        "properties:Properties=25 vendor_extension:*NamedAny=31"
    ),
}


def read(data: bytes) -> Any:
    """The document as plain values. Fails on a field that the messages do not have."""
    message = _document().FromString(data)
    # What was not understood would be kept as unknown fields, and come out again.
    known = message.__class__.FromString(data)
    known.DiscardUnknownFields()
    assert known.ByteSize() == message.ByteSize()
    return MessageToDict(message, preserving_proto_field_name=True)


def _document() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="openapiv2.proto", package="openapi.v2", syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field in fields.split():
            title, _, rest = field.partition(":")
            kind, _, number = rest.partition("=")
            label = _LABELS["repeated" if kind.startswith("*") else "optional"]
            added = message.field.add(name=title, number=int(number), label=label)
            kind = kind.removeprefix("*")
            if kind in _SCALARS:
                added.type = _SCALARS[kind]
            else:
                added.type = descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE
                added.type_name = f".openapi.v2.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("openapi.v2.Document"))
