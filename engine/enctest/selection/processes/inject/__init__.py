"""A folder for the front of a process's module search path; it holds `sitecustomize` and nothing else."""
