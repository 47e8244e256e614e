"""Managed databases: binaries, a cluster of their own, migrated templates, a fresh copy per run."""
