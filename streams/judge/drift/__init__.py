"""Has the world moved? Told beside the verdicts; never a candidate's harm."""
