"""From YAML to Settings, with every problem at once, each with its line."""
