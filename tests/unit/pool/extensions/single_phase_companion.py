"""What single_phase imports when it is initialised."""
