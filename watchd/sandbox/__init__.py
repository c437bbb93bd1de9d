"""The endpoint itself on loopback, with a local engine: for trials, the demo and the tests."""
