"""Tests in the sandbox: what runs there, a stand-in for pytest, and the program made of both."""
