// Package drain replaces gateways one after another under their subscribers, as a deployment does, and says what these noticed:
// whether anybody missed an event, how many reconnected in any one second, and whether each gateway was gone in time.
package drain
