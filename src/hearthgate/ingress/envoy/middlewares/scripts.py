"""Small programs that run inside the proxy: its Lua filter with a script of ours and a middleware's options.

Routes carry the whole script, so it travels without comments and indentation. Scripts of one name and content
share an interpreter: a route then costs kilobytes instead of hundreds of them.
"""

from functools import cache
from hashlib import blake2b
from importlib.resources import files
from typing import Any, Final

from hearthgate.ingress.envoy.middlewares.mutations import filter_config
from hearthgate.ingress.envoy.schema import message

_LUA: Final = "envoy.extensions.filters.http.lua.v3.Lua"


def script_filter(script: str, options: dict[str, Any]) -> Any:
    """The filter that runs `script` (a file's name in `lua/`). Its options are plain data without None."""
    source, digest = _source(script)
    context = message("google.protobuf.Struct")()
    context.update({name: value for name, value in options.items() if value is not None})
    return filter_config(
        f"hearthgate.{script}",
        _LUA,
        default_source_code={"inline_string": source},
        filter_context=context,
        # The route was chosen by the headers as they came in, and stays.
        clear_route_cache={"value": False},
        shared_vm_id=f"hearthgate.{script}.{digest}",
    )


@cache
def _source(script: str) -> tuple[str, str]:
    text = files("hearthgate.ingress.envoy.middlewares").joinpath("lua", f"{script}.lua").read_text("utf-8")
    lines = (line.strip() for line in text.splitlines())
    source = "\n".join(line for line in lines if line and not line.startswith("--"))
    return source, blake2b(source.encode(), digest_size=8).hexdigest()
