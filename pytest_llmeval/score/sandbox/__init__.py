"""Generated code runs here or nowhere: in a child that gives up its rights before it reads a line of it."""
