"""Stand-ins for the services of the example: they answer with what reached them."""
