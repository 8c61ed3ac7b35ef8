// Package limit bounds what clients may take of a gateway: how many streams are open, and how fast new ones come.
//
// It promises that its own memory is bounded whatever clients do, that nothing in it blocks, and that a refusal says which
// limit was met and when to try again. It starts no goroutine. The zero value of each configuration refuses nothing.
package limit
