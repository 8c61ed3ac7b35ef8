// Package soak runs gateways, subscribers and writers for hours while it breaks one thing after another, and says whether
// anybody noticed: `pgfeed bench soak`.
package soak
