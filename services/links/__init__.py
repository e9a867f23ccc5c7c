"""Link any record, note, todo or file to any other, and keep the links true."""
