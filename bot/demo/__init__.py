"""The demo: the local Slack with its cast, and a directory of made-up people and keys."""
