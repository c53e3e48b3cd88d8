"""What is done to a network: a phase of training or a method a file, none of which knows which network or task it is."""
