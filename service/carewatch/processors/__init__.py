"""Framework-free stream logic, declared as data: track and merge (customer follows)."""
