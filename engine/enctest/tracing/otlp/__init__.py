"""OpenTelemetry's protocol over HTTP: spans of other processes come in, tests' traces go out."""
