"""The test report of a run that an auditor asks for, from its record."""
