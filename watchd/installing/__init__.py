"""What makes a service of a configuration on this machine: a list of steps, each with its reason."""
