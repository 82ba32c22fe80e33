"""What the end-to-end suites share: processes, upstreams, an embeddings endpoint, clients. Knows nothing of the source."""
