"""What is predicted, and how right it is: classification."""
