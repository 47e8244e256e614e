"""A small shop: services that call each other, messages, settings, a cache, and a web application."""
