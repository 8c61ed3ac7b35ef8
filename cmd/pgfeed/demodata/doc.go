// Package demodata is what the demo plays: 329 real GitHub webhook bodies, turned into the rows of an activity feed.
//
// [Load] gives the bodies as they were recorded, in one fixed order. [Item.Activity] and [Item.Notification] are pure:
// the same item always gives the same sentence, which is one line, never empty and at most 200 characters. [Player]
// inserts them into the reference tables at a human pace until its context ends; a database that is away is waited for.
// Nothing here reads from a network. docs/demo-data.md says where the bodies come from and under which licence.
package demodata

//go:generate go run ./internal/generate
