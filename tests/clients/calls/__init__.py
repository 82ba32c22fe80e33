"""The main calls of the official Python client, as one scenario over a collection with an unnamed or a named vector."""
