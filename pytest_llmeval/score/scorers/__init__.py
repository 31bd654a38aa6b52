"""One scorer a file: what can be said about an answer without running it or analysing its code."""
