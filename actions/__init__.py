"""What the bot can do in the world: the catalogue of typed actions, their executors, and the runner.

Executors reach their targets through ports that are handed in; this room knows neither the database nor Slack.
"""
