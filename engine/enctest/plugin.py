"""The pytest plugin that every run in this environment loads: free until it is asked for something."""
