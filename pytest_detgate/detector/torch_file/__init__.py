"""Files that `torch.save` wrote, read as data: nothing stored in them is run."""
