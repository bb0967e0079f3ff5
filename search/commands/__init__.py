"""What a person starts: one file a command."""
