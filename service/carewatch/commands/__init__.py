"""One module per command of `carewatch`: reads the arguments, calls a room, prints, exits."""
