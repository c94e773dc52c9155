"""What came of predictions, judged: labels and business metrics, cohort by cohort."""
