"""One implementation a file of what ``protocol.Client`` asks for, looked up by the configuration's ``kind``."""
