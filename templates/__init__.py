"""Jinja2 templates, style sheet and script of the audit page."""
