"""A typed Python client of the service, synchronous and asynchronous, on httpx."""
