"""Settings of Sphinx for the documentation site; `make docs-site` assembles its pages first."""

project = "pytest-detgate"
author = "the pytest-detgate contributors"
copyright = author  # noqa: A001 - Sphinx names it

extensions = ["myst_parser"]
# Anchors of headings, as GitHub makes them: a link to a missing one is a warning, which fails.
myst_heading_anchors = 3
smartquotes = False  # they make a dash of the beginning of an option
html_theme = "furo"
html_title = project
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
# Comments in code have enough contrast in these two.
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "github-dark"
