"""What a run leaves behind: its folder while it works, its checkpoint, its configuration and its report."""
