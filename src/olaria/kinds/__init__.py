"""What depends on the kind of data and not on the verb: prepare, watch, measure, draw."""
