"""Has the kernel remember the connections that are forwarded."""

from typing import Final

from hearthgate.netfilter.nft import nft

TABLE: Final = "hearthgate_observe"
_RULES: Final = f"""\
table inet {TABLE}
delete table inet {TABLE}
table inet {TABLE} {{
  chain forward {{
    type filter hook forward priority filter; policy accept;
    ct state new counter
  }}
}}
"""
"""Changes nothing: a rule that asks is what makes the kernel remember."""
REMOVAL: Final = f"table inet {TABLE}\ndelete table inet {TABLE}\n"


async def begin() -> None:
    """Raises as `nft` does."""
    await nft("-f", "-", stdin=_RULES.encode())


async def end() -> None:
    """Raises as `nft` does."""
    await nft("-f", "-", stdin=REMOVAL.encode())
