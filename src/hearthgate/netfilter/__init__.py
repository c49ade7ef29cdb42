"""The kernel's packet filter, for every domain that has a table of its own: nft, netlink, what it remembers of
connections, and what goes past it."""
