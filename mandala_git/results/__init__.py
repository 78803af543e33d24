"""What was computed: content ids, codecs, values, database, refs and calls; knows no versions."""
