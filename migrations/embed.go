// Package migrations holds the database schema as goose migrations, named NNNNN_name.sql and applied in that order.
package migrations

import "embed"

// FS holds the migration files at its root.
//
//go:embed *.sql
var FS embed.FS
