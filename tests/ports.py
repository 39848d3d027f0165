"""Ports for servers that a test starts as processes of their own."""

from __future__ import annotations

import random
import socket

LOWEST, END = 15_000, 32_000
"""Below the ports that the system gives to outgoing connections: another test's call must not take one meanwhile."""


def free_port() -> int:
    """A port of the loopback interface that nobody uses right now."""
    while True:
        port = random.randrange(LOWEST, END)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
