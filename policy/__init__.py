"""The rules: pure functions over values, no I/O, no clock, no framework.

What lives here decides who may do what, and how a decision is proved. What must not: anything that reads a
database, calls Slack or a model, or knows how a decision is shown.
"""
