"""A client of Cloudflare's API, version 4: zones, DNS records, tokens. It knows what no domain wants them for."""
