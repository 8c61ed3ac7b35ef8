// Package web holds the built demo page, so that the binary serves it without any file beside it.
//
// The folder dist is made by `npm run build` and committed: `go install` works without Node.
package web

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// Dist returns the built page as a file system with index.html at its root.
// The names in it carry no content hash, so a server should let browsers revalidate (ETag) rather than cache for good.
func Dist() fs.FS {
	sub, err := fs.Sub(dist, "dist")
	if err != nil {
		// Only an invalid path makes Sub fail, and this one is a constant.
		panic(err)
	}
	return sub
}
