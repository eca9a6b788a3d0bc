"""Does it help? Candidates trained alike and compared with a random draw of the same cost."""
