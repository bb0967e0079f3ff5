"""What every part of a trial uses: errors, seeds, states, names, parameters, the set-up of a process, results."""
