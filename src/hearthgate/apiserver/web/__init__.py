"""HTTP: paths, discovery, content negotiation, watches. The rules of the API are elsewhere."""
