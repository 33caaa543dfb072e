"""What a rule is, where its input comes from and how rules are found."""
