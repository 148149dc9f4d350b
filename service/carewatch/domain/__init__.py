"""The vocabulary and the rules of customer care: pure, integers only, no clock of its own."""
