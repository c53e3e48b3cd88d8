"""What is done to a network: a phase or a method a file, none of which knows which network or which task it is."""
