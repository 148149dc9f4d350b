"""The rulebook's way from a folder of YAML files into the log: read, check, publish, show."""
