package member

// pause tells the CPU that this is a spinning loop.
func pause()
