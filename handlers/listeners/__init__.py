"""One function for each thing that can arrive: read the payload, ask who it is, call one flow, answer."""
