"""The basis of every part of a trial: errors, seeds, states, names, parameters, the set-up of a process, results."""
