"""The stages of the journey, with a clock that is moved by hand and a service that answers at once."""
