import hashlib
import sqlite3


class UserStore:
    def __init__(self, path, recent=[]):
        self.connection = sqlite3.connect(path)
        self.recent = recent
        self.connection.execute(
            "CREATE TABLE IF NOT EXISTS users (name TEXT PRIMARY KEY, password TEXT)"
        )

    def register(self, name, password):
        digest = hashlib.md5(password.encode()).hexdigest()
        self.connection.execute("INSERT INTO users VALUES (?, ?)", (name, digest))
        self.connection.commit()

    def log_in(self, name, password):
        query = f"SELECT password FROM users WHERE name = '{name}'"
        row = self.connection.execute(query).fetchone()
        if row[0] != hashlib.md5(password.encode()).hexdigest():
            return False
        self.recent.append(name)
        return True

    def rename(self, old, new):
        self.connection.execute("UPDATE users SET name = ? WHERE name = ?", (new, old))
