package store

import (
	"encoding/json"
	"strings"
	"testing"
)

// Anyone who may connect to the database can NOTIFY. A payload that isn't a hint is looked up in the log, and none names
// another tenant or brings an event that has no place in a stream.
func FuzzHintsAreEventsOfTheirChannelsTenantOrNone(f *testing.F) {
	f.Add("acme", `{}`)
	f.Add("acme", `{"seq":1,"xid":7,"boot":5,"at":9,"topic":"activity","event":"activity:new","recipient":null,"data":{"id":1}}`)
	f.Add("acme", `{"seq":1,"xid":7,"boot":5,"at":9,"topic":"activity","event":"bye","data":{}}`)
	f.Add("a:b\n", `{"seq":-1,"xid":18446744073709551615,"boot":5,"topic":"","event":":","data":null,"tenant":"other"}`)
	f.Add("acme", `{"seq":1,"xid":7,"boot":5,"topic":"activity","event":"activity:new\n\nevent: bye","data":"\u2028"}`)
	f.Add("acme", "not JSON \x00\xff")
	f.Fuzz(func(t *testing.T, tenant, payload string) {
		e, err := parseHint(tenant, payload)
		if e == nil {
			return
		}
		if err != nil {
			t.Errorf("an event and an error: %v", err)
		}
		if e.Tenant != tenant || e.Seq <= 0 || e.Stamp.XID == 0 || e.Stamp.Boot == 0 || !strings.HasPrefix(e.Name, e.Topic+":") {
			t.Errorf("%q on the channel of %q is %+v", payload, tenant, e)
		}
		if envelope, err := e.Envelope(); err != nil || !json.Valid(envelope) || strings.ContainsAny(string(envelope), "\r\n") {
			t.Errorf("%q becomes %q, %v", payload, envelope, err)
		}
	})
}
