package gateway

import (
	"crypto/sha256"
	"encoding/hex"
)

// maxIdentifier is how many bytes a Postgres identifier, and so a channel, may have (NAMEDATALEN - 1).
const maxIdentifier = 63

// Channel is the Postgres channel of a tenant's hints: the same as pgfeed.channel in SQL.
func Channel(tenant string) string {
	if name := "pgfeed:" + tenant; len(name) <= maxIdentifier {
		return name
	}
	sum := sha256.Sum256([]byte(tenant))
	return "pgfeed#" + hex.EncodeToString(sum[:])[:56]
}
