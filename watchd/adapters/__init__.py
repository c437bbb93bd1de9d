"""One outside thing in each module; foreign errors are translated here, once."""
