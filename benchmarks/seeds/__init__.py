"""What the class-room notebooks reported, searched again: `python -m benchmarks.seeds --dataset mnist.npz`."""
