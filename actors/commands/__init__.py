"""The commands that run the actors or read the operator's configuration; a module each, with its options and help."""
