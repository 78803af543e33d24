"""Git: repositories, snapshots, the object store, hook surroundings; knows no Python syntax."""
