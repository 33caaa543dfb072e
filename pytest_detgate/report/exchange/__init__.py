"""A run as files that code hosts read: SARIF and GitLab's Code Quality report."""
