package audit

// AppendEntry is appendEntry.
var AppendEntry = appendEntry
