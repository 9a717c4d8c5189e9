"""HTTP for programs: one router per noun."""
