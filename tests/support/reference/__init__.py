"""The whole tool written again from its description, in slow float64 loops. Nothing here imports featfuse."""
