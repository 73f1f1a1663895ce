"""What a report shows of runs, gathered as plain values: files, numbers, pictures, the model's parts."""
