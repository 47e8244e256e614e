"""An application's building blocks (services, endpoints, topics, settings) and their doubles in tests."""
