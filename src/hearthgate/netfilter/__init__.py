"""The kernel's packet filter: the program nft, for every domain that has a table of its own."""
