"""How payloads reach an app: Socket Mode or signed HTTP, with acks, retries and faults on demand."""
