"""How fast negatoscope is beside its peers, measured side by side: ``python -m benchmarks SUITE``."""
