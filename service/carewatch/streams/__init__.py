"""The Faust app that owns the worker process. The only room that imports faust and mode."""
