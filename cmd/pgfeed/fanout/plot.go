package fanout

import (
	"bytes"
	"fmt"
)

// point is what a gateway takes with so many subscribers.
type point struct {
	subscribers, goroutines float64
	memory                  float64 // bytes of user space
	cpu                     float64 // percent of a core
}

// drawing draws memory and CPU over subscribers, beside each other, as an SVG.
func drawing(points []point) []byte {
	var b bytes.Buffer
	b.WriteString(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 300" font-family="sans-serif" font-size="12">` + "\n" +
		`<style>text{fill:#333}path,line{stroke:#888;fill:none}.m{stroke:#2563eb;stroke-width:2}.dot{fill:#2563eb}` +
		`@media(prefers-color-scheme:dark){text{fill:#ddd}.m{stroke:#7aa2ff}.dot{fill:#7aa2ff}}</style>` + "\n")
	chart(&b, 0, "User-space memory of the gateway, MB", points, func(p point) float64 { return p.memory / 1e6 })
	chart(&b, 380, "CPU of the gateway, % of a core", points, func(p point) float64 { return p.cpu })
	b.WriteString("</svg>\n")
	return b.Bytes()
}

func chart(b *bytes.Buffer, left float64, title string, points []point, value func(point) float64) {
	const width, height, x0, y0 = 300.0, 200.0, 50.0, 40.0
	mostX, mostY := 1.0, 0.0
	for _, p := range points {
		mostX, mostY = max(mostX, p.subscribers), max(mostY, value(p))
	}
	step := nice(mostY / 4)
	top := step
	for top < mostY {
		top += step
	}
	at := func(x, y float64) (float64, float64) {
		return left + x0 + x/mostX*width, y0 + height - y/top*height
	}
	fmt.Fprintf(b, `<text x="%g" y="20" font-weight="bold">%s</text>`+"\n", left+x0, title)
	for y := 0.0; y <= top+step/2; y += step {
		x1, py := at(0, y)
		x2, _ := at(mostX, y)
		fmt.Fprintf(b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke-opacity=".3"/><text x="%.1f" y="%.1f" text-anchor="end">%.3g</text>`+"\n", x1, py, x2, py, x1-6, py+4, y)
	}
	path := ""
	for i, p := range points {
		x, y := at(p.subscribers, value(p))
		path += fmt.Sprintf("%s%.1f %.1f", map[bool]string{true: "M", false: "L"}[i == 0], x, y)
		fmt.Fprintf(b, `<circle class="dot" cx="%.1f" cy="%.1f" r="3"/><text x="%.1f" y="%.1f" text-anchor="middle">%g</text>`+"\n", x, y, x, y0+height+18, p.subscribers)
	}
	fmt.Fprintf(b, `<path class="m" d="%s"/><text x="%.1f" y="%.1f" text-anchor="middle">idle subscribers</text>`+"\n", path, left+x0+width/2, y0+height+38)
}

// nice is the next number of 1, 2, 5, 10 … from a number on.
func nice(v float64) float64 {
	unit := 1.0
	for unit > v && unit > 1e-6 {
		unit /= 10
	}
	for {
		for _, n := range []float64{1, 2, 5} {
			if n*unit >= v {
				return n * unit
			}
		}
		unit *= 10
	}
}
