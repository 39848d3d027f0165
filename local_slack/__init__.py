"""A small, strict local stand-in for Slack: real Bolt and slack_sdk clients run against it unchanged.

Nothing of the other top-level packages may be imported here; `server.LocalSlack` is the door.
"""
