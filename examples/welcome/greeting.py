# Edit this text while the demo runs, save, and load the page again.
TEXT = "Hello from a sub-interpreter"
