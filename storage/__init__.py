"""PostgreSQL: the schema, the queries, the audit chain, the migrations. Nothing here decides or commits.

Every query function takes the caller's transaction first; flows open and commit transactions.
"""
