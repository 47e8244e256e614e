"""The embedded pytest session: the host process, its forks, and the plugin that reports from them."""
