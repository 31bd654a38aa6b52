"""What else is seen while a cell runs: GPU, server and process figures beside the stream's timings."""
