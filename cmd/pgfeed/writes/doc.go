// Package writes measures what an attached table costs those who write to it: commits per second beside those of the same table
// not attached, in turns within one run, while a gateway listens and a subscriber gets a part of the events.
package writes
