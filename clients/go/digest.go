package signoff

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/google/uuid"
	"github.com/gowebpki/jcs"
)

// canonical is the RFC 8785 JSON of a value.
func canonical(value any) ([]byte, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	return jcs.Transform(text)
}

// digest names a call by what it is: the tool, and the arguments.
func digest(toolName string, arguments map[string]any) (string, error) {
	text, err := canonical(map[string]any{"arguments": arguments, "tool_name": toolName})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return "sha256:" + hex.EncodeToString(sum[:]), nil
}

// stableRequestID is the same for each run of the same call of the same run of an agent.
func stableRequestID(runID, callID string) (string, error) {
	text, err := canonical([]string{runID, callID})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return "call:" + hex.EncodeToString(sum[:]), nil
}

func randomRequestID() string { return uuid.NewString() }
