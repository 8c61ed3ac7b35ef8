package demodata

import (
	"encoding/json"
	"strings"
)

// longest is how many characters a description may have.
const longest = 200

// Activity is a row of "activityLogs" without its tenant.
type Activity struct {
	UserID      string
	UserName    string
	Action      string
	EntityType  string
	EntityID    string
	Description string
	Metadata    json.RawMessage // the whole payload; may be nil for an activity made elsewhere
}

// Activity tells the item in one sentence. An item of an unknown event, or one whose payload lacks what its sentence
// needs, is told in general words: "actor action entity in repository".
func (i Item) Activity() Activity {
	return i.activity(parse(i.Payload))
}

func (i Item) activity(b body) Activity {
	a := Activity{
		UserID:   b.str("sender.id"),
		UserName: b.str("sender.login"),
		Metadata: i.Payload,
	}
	if a.UserName == "" { // GitHub's own doing, such as a security advisory
		a.UserID, a.UserName = "github", "GitHub"
	}
	t, known := tellings[i.Event]
	if !known {
		t = telling{entity: orElse(oneLine(i.Event), "event"), id: []string{i.Event + ".id", "repository.id"}, say: general(i.Event)}
	}
	said := t.say(b)
	a.Action = orElse(said.action, b.str("action"), "reported")
	a.EntityType = t.entity
	a.EntityID = b.str(t.id...)

	glue := " "
	if strings.HasPrefix(said.text, "'s ") {
		glue = ""
	}
	a.Description = shorten(oneLine(a.UserName+glue+said.text), longest)
	return a
}

// said is what an actor did: the verb in the past for the action column, and the sentence without its subject. A text that
// begins with 's speaks of something of the actor's.
type said struct{ action, text string }

// telling is how the items of one event are told.
type telling struct {
	entity string
	id     []string // paths; the first that is there is the entity's id
	say    func(body) said
}

// general is for events that no sentence was written for.
func general(event string) func(body) said {
	return func(b body) said {
		entity := orElse(words(event), "something")
		name := shorten(b.str(event+".title", event+".name", event+".number", event+".id", event), 80)
		return said{"", join(orElse(words(b.str("action")), "reported"), entity, name, in(b))}
	}
}

// in names the place of an event: " in Hello-World".
func in(b body) string {
	if repo := place(b); repo != "" {
		return "in " + repo
	}
	return ""
}

func place(b body) string { return b.str("repository.name", "organization.login") }

func words(s string) string { return strings.ReplaceAll(oneLine(s), "_", " ") }

func orElse(choices ...string) string {
	for _, choice := range choices {
		if choice != "" {
			return choice
		}
	}
	return ""
}
