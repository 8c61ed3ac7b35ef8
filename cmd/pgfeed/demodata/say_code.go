package demodata

import (
	"fmt"
	"strings"
)

// hash is a commit's id as people write it.
func hash(id string) string { return id[:min(7, len(id))] }

// ref gives "branch" or "tag", and the name without refs/heads/.
func ref(full string) (kind, name string) {
	if tag, ok := strings.CutPrefix(full, "refs/tags/"); ok {
		return "tag", tag
	}
	return "branch", strings.TrimPrefix(full, "refs/heads/")
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func sayPush(b body) said {
	kind, name := ref(b.str("ref"))
	commits := len(b.list("commits"))
	switch {
	case b.is("deleted"):
		return said{"deleted", join("deleted", kind, name, in(b))}
	case kind == "tag" || (b.is("created") && commits == 0):
		return said{"pushed", join("pushed", kind, name, in(b))}
	case b.is("forced"):
		return said{"pushed", join("force-pushed", name, in(b))}
	}
	return said{"pushed", join("pushed", count(commits, "commit", "commits"), "to", name, in(b))}
}

func sayCreate(b body) said {
	return said{"created", join("created", orElse(b.str("ref_type"), "branch"), b.str("ref"), in(b))}
}

func sayDelete(b body) said {
	return said{"deleted", join("deleted", orElse(b.str("ref_type"), "branch"), b.str("ref"), in(b))}
}

func sayMergeGroup(b body) said {
	_, base := ref(b.str("merge_group.base_ref"))
	title := quoted(b.str("merge_group.head_commit.message"))
	return said{"", join("asked for checks before merging", orElse(title, "a merge group"), "into", base)}
}

func sayRelease(b body) said {
	action := orElse(b.str("action"), "updated")
	name := shorten(b.str("release.name", "release.tag_name"), 80)
	switch action {
	case "prereleased":
		return said{action, join("published pre-release", name, in(b))}
	case "created":
		return said{action, join("drafted release", name, in(b))}
	case "released":
		return said{action, join("released", orElse(name, "a version"), in(b))}
	}
	return said{action, join(words(action), "release", name, in(b))}
}

func sayPackage(b body) said {
	action := orElse(b.str("action"), "updated")
	version := b.str("package.package_version.version")
	if digest, ok := strings.CutPrefix(version, "sha256:"); ok {
		version = "sha256:" + digest[:min(12, len(digest))]
	}
	return said{action, join(words(action), b.str("package.package_type"), "package", b.str("package.name"), version, in(b))}
}

func sayWiki(b body) said {
	pages := b.list("pages")
	if len(pages) != 1 {
		return said{"edited", join("edited", count(len(pages), "wiki page", "wiki pages"), in(b))}
	}
	action := orElse(pages[0].str("action"), "edited")
	return said{action, join(words(action), "wiki page", quoted(pages[0].str("title", "page_name")), in(b))}
}

func sayProtection(b body) said {
	action := orElse(b.str("action"), "edited")
	return said{action, join(words(action), "the protection of branch", b.str("rule.name"), in(b))}
}

func sayDeployKey(b body) said {
	action, preposition := "added", "to"
	if b.str("action") == "deleted" {
		action, preposition = "removed", "from"
	}
	return said{action, join(action, "deploy key", quoted(b.str("key.title")), preposition, place(b))}
}
