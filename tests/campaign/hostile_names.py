"""Names that somebody's data may hold, and that no output may obey."""

from __future__ import annotations

_ESCAPES = (
    "\x1b[31mred", "\x1b]8;;http://evil.example\x07link\x1b]8;;\x07", "\x1b[2J", "\x1b[1A\x1b[2K",
    "\x07bell", "gone\x08\x08\x08\x08", "\x7f", "\x9b31m", "\x85next", "a\tb", "a\x0bb", "a\x0cb",
    "a\x1fb", "\x0eshift", "a\u2028b", "a\u2029b",
)  # fmt: skip
_LINES = (
    "a\nb", "a\r\nb", "passed\rfailed", "\n\nx", "x\n::error::pwned", "y\r::error::pwned",
    "x\n##[error]pwned", "x\nPASSED everything", "x\n# pwned", "x\n\n<script>pwned</script>",
)  # fmt: skip
_COMMANDS = (
    "::error::pwned", "::error file=a,line=1::pwned", "::set-output name=a::pwned",
    "::add-mask::passed", "::stop-commands::pwned", "##[error]pwned", "##vso[task.complete]pwned",
    "%0A::error::pwned", "%0D%0A::error::pwned", "%25", "100 %", "%s%n%x", "%(name)s",
    "section_start:0:pwned\r\x1b[0K",
)  # fmt: skip
_MARKUP = (
    "]]>", "<![CDATA[pwned]]>", "</testcase>", "</failure></testcase><testcase name='pwned'/>",
    "<!-- pwned", "--> pwned", "&lt;b&gt;", "&amp;", "&", "&#0;", "&#x1b;", "<b>pwned</b>",
    "<script>pwned</script>", "</script><script>pwned</script>", "<img src=x onerror=pwned>",
    '"><svg onload=pwned>', "' onmouseover='pwned", '" onmouseover="pwned', "javascript:pwned",
    "</title><script>pwned</script>", "</text><script>pwned</script>", "<style>*{display:none}",
    "{{ 7 * 7 }}", "{% raw %}", "${7*7}", "<?xml version='1.0'?>", "<!DOCTYPE pwned>",
)  # fmt: skip
_MARKDOWN = (
    "[pwned](http://evil.example)", "![pwned](http://evil.example/x.png)", "`code`", "``", "```",
    "**pwned**", "__pwned__", "~~pwned~~", "# pwned", "- pwned", "1. pwned", "> pwned", "---",
    "| a | b |", "a|b", "@octocat", "@org/team", "#1", "GH-1", "octocat/repo#1",
    "http://evil.example", "www.evil.example", "pwned@evil.example", "<http://evil.example>",
    "[^1]", "$x^2$", "$$x$$", ":tada:", "- [ ] pwned", "[x]: http://evil.example",
)  # fmt: skip
_SHELL = (
    "$HOME", "$(id)", "`id`", "; id", "&& id", "| id", "> /tmp/pwned", "'", '"', "\\", "\\n",
    "\\x1b[0m", "*", "?", "~", "!", "#", "--help", "-k", "=x", "a=b", "a,b", "a:b", "a::b",
    "[", "]", "[a]", "a][b", "(?P<clip>", "{}", "{0}", "{0.__class__}",
)  # fmt: skip
_LETTERS = (
    "\u202epassed", "\u202dpassed\u202c", "\u2066passed\u2069", "a\u200fb", "\u061cx", "a\u200bb",
    "\u200d", "\ufeffx", "soft\u00adhyphen", "e\u0301", "\u1112\u1161\u11ab", "\U0001f4a9",
    "\U000e0041tag", "\ufdfd", "Ａ", "１", "Ⅷ", "İ", "ß", "\u0300", "\ufffd", "\uffff",
    "nan", "None", "null", "true", "-1", "0", "1e5", "é" * 2000, "n" * 5000, "\u0300" * 500,
)  # fmt: skip
NAMES = (*_ESCAPES, *_LINES, *_COMMANDS, *_MARKUP, *_MARKDOWN, *_SHELL, *_LETTERS)
"""Names that a file can hold; all are different, whatever makes them equal."""
PATHS = (
    "a/b", "a/./b", "a//b", "a\\b", "C:\\x", "C:x", "con", "a/", "a.", "...", ".hidden", "~root",
    "a/\x1b[31mred", "a\n/b", "%2e%2e%2fx", "file:///etc/passwd", "\\\\host\\share\\x",
)  # fmt: skip
"""Further names of image files."""
REFUSED = (
    "", "\x00", "a\x00b", "\ud800", "x\udc80", "../x", "a/../../x", "/etc/passwd", "..",
)  # fmt: skip
"""Names that are no file in the folder of images; the last ones leave it."""
