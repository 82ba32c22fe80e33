"""The benchmark's parts; `benches/run` and `benches/gate` put them together. The standard library alone."""
