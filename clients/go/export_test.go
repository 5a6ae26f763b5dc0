package signoff

// For tests outside of the package.
var (
	Digest          = digest
	StableRequestID = stableRequestID
	Canonical       = canonical
	IsPassing       = isPassing
)
