package httpapi

import (
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/labstack/echo/v4"
)

func TestOpenAPIDescribesTheRoutesThatThereAre(t *testing.T) {
	e := echo.New()
	(&api{}).routes(e)
	param := regexp.MustCompile(`:(\w+)`)
	var routes, described []string
	for _, r := range e.Routes() {
		if r.Method != echo.RouteNotFound { // of the group: they ask for a session first
			routes = append(routes, r.Method+" "+param.ReplaceAllString(r.Path, "{$1}"))
		}
	}
	doc, err := openapi3.NewLoader().LoadFromFile(filepath.Join("..", "..", "docs", "api", "openapi.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			described = append(described, method+" "+path)
		}
	}
	slices.Sort(routes)
	slices.Sort(described)
	if !slices.Equal(routes, described) {
		t.Errorf("routes:    %q\ndescribed: %q", routes, described)
	}
}
