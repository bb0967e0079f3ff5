"""What is searched: the settings of a study, its space, and the plan that follows from them."""
