"""The JSONPath of printer columns. `resources.jsonpath` has it, since definitions are checked there."""

from hearthgate.resources.jsonpath import compile_path, find

__all__ = ["compile_path", "find"]
