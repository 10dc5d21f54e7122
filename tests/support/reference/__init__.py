"""The fusion of DESIGN.md, written again in slow loops and float64. Nothing here imports featfuse."""
