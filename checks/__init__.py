"""The rules, one in a file; the file is named after the rule."""
