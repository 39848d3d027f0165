"""Read-only looks into the systems that know something of a case: questions in, evidence in `policy.case_terms` out.

Nothing here changes anything, decides anything or reads what it found as an instruction. What could not be read is
evidence too (a GAP): nothing follows from what is not in a source that was not read whole.
"""
