"""The control plane: Go functions that gopy binds. An error of theirs is a RuntimeError."""

def Background(n: int) -> int:
    """Keep n goroutines busy with timers, garbage and collections, as a load for tests; 0 ends them."""

def Collect() -> int:
    """Run the core's garbage collector; returns GCCount()."""

def GCCount() -> int:
    """How often the core's garbage collector has run in this process."""

def Goroutines() -> int:
    """How many goroutines this process has."""

def SelfTest(goroutines: int) -> int:
    """Exercise the Go runtime: scheduler, channels, timers, allocation, collection. Returns a checksum."""

def Snapshot() -> str:
    """The state of the core in this process, as a JSON object."""

def Spin(iterations: int) -> int:
    """Run a loop that only a preemption signal can stop."""

def Version() -> str:
    """The version of the core."""
