"""Keys, requests and certificates (RFC 5280, 2986, 5958) as cert-manager makes and reads them. Pure: no I/O, no
clock; only new keys and serial numbers come from chance."""
