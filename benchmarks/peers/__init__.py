"""Who trains beside us: each in a process of its own, driven in turn."""
