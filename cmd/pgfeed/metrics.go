package main

import (
	"net/http"
	"runtime"
	"runtime/debug"
	"strconv"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/pgfeed/pgfeed/gateway"
	"github.com/pgfeed/pgfeed/gateway/auth"
	"github.com/pgfeed/pgfeed/gateway/httpapi"
	"github.com/pgfeed/pgfeed/gateway/limit"
	"github.com/pgfeed/pgfeed/gateway/sse"
	"github.com/pgfeed/pgfeed/store"
)

// metrics makes Prometheus metrics of the figures that a gateway's parts give. Nothing else knows of Prometheus.
//
// Most are collected: a scrape takes one snapshot of each part, and the tables in metrics_families.go say what becomes what.
// Only requests are counted here, as they have no part of their own.
type metrics struct {
	registry *prometheus.Registry
	parts    metricParts

	requests *prometheus.CounterVec
	took     *prometheus.HistogramVec
	verified *prometheus.CounterVec
}

// metricParts are what the figures come from.
type metricParts struct {
	hub      *gateway.Hub
	streams  *sse.Counters
	listener *store.Listener
	pool     *pgxpool.Pool
	gauge    *store.Gauge
	sessions *auth.Sessions // nil: none are looked up
	limits   httpapi.Limits
}

// figures are one scrape's snapshot.
type figures struct {
	hub      gateway.Stats
	streams  sse.Stats
	listener store.ListenerStats
	pool     *pgxpool.Stat
	database store.Reading
	sessions *auth.SessionsStats // nil: none are looked up
	refused  map[string]float64  // streams, by the limit that they met
	conns    limit.ConnectionsStats
}

func newMetrics(parts metricParts) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(), parts: parts,
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pgfeed_http_requests_total", Help: "Requests answered, by route, method and status. A stream counts when it has begun, or, over TLS or HTTP/2, when it has ended.",
		}, []string{"route", "method", "code"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "pgfeed_http_request_duration_seconds", Help: "Time to answer a request, by route, streams left out.",
			Buckets: gateway.HistogramBounds[:],
		}, []string{"route"}),
		verified: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pgfeed_authentications_total", Help: "Requests whose credentials were looked at, by outcome: accepted, none (there were none), refused, failed (it could not be told).",
		}, []string{"outcome"}),
	}
	for _, outcome := range []string{outcomeAccepted, outcomeNone, outcomeRefused, outcomeFailed} {
		m.verified.WithLabelValues(outcome)
	}
	m.registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		m.requests, m.took, m.verified, buildInfo(), m,
	)
	return m
}

// handler answers scrapes.
func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// observe counts a request.
func (m *metrics) observe(o httpapi.Observation) {
	m.requests.WithLabelValues(o.Route, o.Method, strconv.Itoa(o.Status)).Inc()
	if !o.Stream {
		m.took.WithLabelValues(o.Route).Observe(o.Took.Seconds())
	}
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, f := range families {
		ch <- f.desc
	}
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	now := figures{
		hub: m.parts.hub.Stats(), streams: m.parts.streams.Stats(), listener: m.parts.listener.Stats(),
		pool: m.parts.pool.Stat(), database: m.parts.gauge.Read(),
	}
	if m.parts.sessions != nil {
		s := m.parts.sessions.Stats()
		now.sessions = &s
	}
	now.refused = refusals(m.parts.limits)
	if m.parts.limits.Connections != nil {
		now.conns = m.parts.limits.Connections.Stats()
	}
	for _, f := range families {
		f.collect(f.desc, &now, ch)
	}
}

// refusals are the streams that met a limit, all kinds of limits, those that nothing has met included.
func refusals(l httpapi.Limits) map[string]float64 {
	counts := map[string]float64{}
	add := func(kind string, scopes []limit.Scope, refused map[limit.Scope]uint64) {
		for _, s := range scopes {
			counts[string(s)+"_"+kind] = float64(refused[s])
		}
	}
	var streams, rate map[limit.Scope]uint64
	if l.Streams != nil {
		streams = l.Streams.Stats().Refused
	}
	if l.Rate != nil {
		rate = l.Rate.Stats().Refused
	}
	add("streams", []limit.Scope{limit.User, limit.Tenant, limit.Address, limit.Total}, streams)
	add("rate", []limit.Scope{limit.Address, limit.Total}, rate)
	return counts
}

func buildInfo() prometheus.Collector {
	version := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		version = info.Main.Version
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "pgfeed_build_info", Help: "1; the labels say what runs.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	})
	info.Set(1)
	return info
}
