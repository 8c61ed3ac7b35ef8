package main

import (
	"maps"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pgfeed/pgfeed/gateway"
	"github.com/pgfeed/pgfeed/gateway/auth"
)

// family is one metric with what it is collected from.
type family struct {
	desc    *prometheus.Desc
	collect func(*prometheus.Desc, *figures, chan<- prometheus.Metric)
}

func gauge(name, help string, value func(*figures) float64) family {
	return single(prometheus.GaugeValue, name, help, value)
}

func counter(name, help string, value func(*figures) float64) family {
	return single(prometheus.CounterValue, name, help, value)
}

func single(kind prometheus.ValueType, name, help string, value func(*figures) float64) family {
	return family{prometheus.NewDesc(name, help, nil, nil), func(d *prometheus.Desc, f *figures, ch chan<- prometheus.Metric) {
		ch <- prometheus.MustNewConstMetric(d, kind, value(f))
	}}
}

// by is a metric with one label.
func by[K ~string](kind prometheus.ValueType, name, help, label string, values func(*figures) map[K]float64) family {
	return family{prometheus.NewDesc(name, help, []string{label}, nil), func(d *prometheus.Desc, f *figures, ch chan<- prometheus.Metric) {
		all := values(f)
		for _, k := range slices.Sorted(maps.Keys(all)) {
			ch <- prometheus.MustNewConstMetric(d, kind, all[k], string(k))
		}
	}}
}

func histogram(name, help string, value func(*figures) gateway.HistogramStats) family {
	return family{prometheus.NewDesc(name, help, nil, nil), func(d *prometheus.Desc, f *figures, ch chan<- prometheus.Metric) {
		s := value(f)
		buckets := make(map[float64]uint64, len(s.Buckets))
		for i, n := range s.Buckets {
			buckets[gateway.HistogramBounds[i]] = n
		}
		ch <- prometheus.MustNewConstHistogram(d, s.Count, s.Sum.Seconds(), buckets)
	}}
}

// known is a gauge of the database, which is left out while the database doesn't say.
func known(name, help string, value func(*figures) float64) family {
	return family{prometheus.NewDesc(name, help, nil, nil), func(d *prometheus.Desc, f *figures, ch chan<- prometheus.Metric) {
		if f.database.Err == nil {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value(f))
		}
	}}
}

// ofSessions is left out where no sessions are looked up.
func ofSessions(kind prometheus.ValueType, name, help string, value func(*auth.SessionsStats) float64) family {
	return family{prometheus.NewDesc(name, help, nil, nil), func(d *prometheus.Desc, f *figures, ch chan<- prometheus.Metric) {
		if f.sessions != nil {
			ch <- prometheus.MustNewConstMetric(d, kind, value(f.sessions))
		}
	}}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func floats[K comparable](counts map[K]uint64) map[K]float64 {
	out := make(map[K]float64, len(counts))
	for k, n := range counts {
		out[k] = float64(n)
	}
	return out
}

// families are all metrics but those of requests and of the Go runtime.
var families = slices.Concat(streamFamilies, accessFamilies, logFamilies, databaseFamilies)

var streamFamilies = []family{
	gauge("pgfeed_connections", "Open streams.", func(f *figures) float64 { return float64(f.hub.Connections) }),
	gauge("pgfeed_tenants", "Tenants with an open stream.", func(f *figures) float64 { return float64(f.hub.Tenants) }),
	counter("pgfeed_connections_opened_total", "Streams opened.", func(f *figures) float64 { return float64(f.hub.Opened) }),
	counter("pgfeed_deliveries_total", "Events handed to sockets; one event for ten subscribers is ten.",
		func(f *figures) float64 { return float64(f.streams.Deliveries) }),
	counter("pgfeed_sent_bytes_total", "Bytes handed to sockets by streams, before TLS.",
		func(f *figures) float64 { return float64(f.streams.Bytes) }),
	histogram("pgfeed_delivery_latency_seconds", "From the INSERT, by the database's clock, to the write to a socket, of live events.",
		func(f *figures) gateway.HistogramStats { return f.streams.Latency }),
	counter("pgfeed_replays_total", "Streams that resumed from a cursor.", func(f *figures) float64 { return float64(f.hub.Replays) }),
	counter("pgfeed_replayed_events_total", "Events sent to streams that resumed.", func(f *figures) float64 { return float64(f.hub.Replayed) }),
	gauge("pgfeed_replays_running", "Streams that are being sent what they have missed.", func(f *figures) float64 { return float64(f.hub.Replaying) }),
	counter("pgfeed_replays_refused_total", "Streams that were told to come again because too many waited for the log to be read for them.",
		func(f *figures) float64 { return float64(f.hub.Busy) }),
	gauge("pgfeed_buffered_bytes", "Frames kept for streams that haven't been sent them, or were a moment ago; one frame counts once however many wait for it.",
		func(f *figures) float64 { return float64(f.hub.Buffered) }),
	by(prometheus.CounterValue, "pgfeed_resets_total", "Streams told to reload, by reason.", "reason",
		func(f *figures) map[gateway.ResetReason]float64 { return floats(f.hub.Resets) }),
	by(prometheus.CounterValue, "pgfeed_byes_total", "Streams that the gateway ended, by reason; slow is a subscriber that fell behind.", "reason",
		func(f *figures) map[gateway.CloseReason]float64 { return floats(f.hub.Byes) }),
}

var accessFamilies = []family{
	by(prometheus.CounterValue, "pgfeed_streams_refused_total", "Streams refused because of a limit, by the limit that they met.", "limit",
		func(f *figures) map[string]float64 { return f.refused }),
	gauge("pgfeed_tcp_connections", "TCP connections that aren't streams.", func(f *figures) float64 { return float64(f.conns.Open) }),
	gauge("pgfeed_tcp_connections_waiting", "TCP connections without a request, new ones and those that are kept for the next.",
		func(f *figures) float64 { return float64(f.conns.Waiting) }),
	counter("pgfeed_tcp_connections_closed_total", "TCP connections closed because there were too many.",
		func(f *figures) float64 { return float64(f.conns.Closed) }),
	ofSessions(prometheus.GaugeValue, "pgfeed_sessions_watched", "Sessions with open streams.",
		func(s *auth.SessionsStats) float64 { return float64(s.Held) }),
	ofSessions(prometheus.GaugeValue, "pgfeed_session_changes_reported", "1 while a trigger reports changes of sessions; else they are asked for every second.",
		func(s *auth.SessionsStats) float64 { return truth(s.Watched) }),
	ofSessions(prometheus.CounterValue, "pgfeed_sessions_closed_total", "Sessions whose streams were ended because they were revoked or changed.",
		func(s *auth.SessionsStats) float64 { return float64(s.Closed) }),
	ofSessions(prometheus.CounterValue, "pgfeed_session_lookups_total", "Tokens looked up in the database; many share a query.",
		func(s *auth.SessionsStats) float64 { return float64(s.Tokens) }),
	ofSessions(prometheus.CounterValue, "pgfeed_session_queries_total", "Queries that looked tokens up.",
		func(s *auth.SessionsStats) float64 { return float64(s.Queries) }),
}

var logFamilies = []family{
	by(prometheus.CounterValue, "pgfeed_events_total", "Events for tenants with open streams, by what brought them first: a hint, or reading the log.", "source",
		func(f *figures) map[string]float64 {
			return map[string]float64{"hint": float64(f.hub.Hinted), "log": float64(f.hub.Read)}
		}),
	counter("pgfeed_unhinted_events_total", "Events for tenants with open streams that were found while hints were off: their writers were spared NOTIFY.",
		func(f *figures) float64 { return float64(f.hub.Unhinted) }),
	histogram("pgfeed_dispatch_latency_seconds", "From the INSERT, by the database's clock, until an event is put before the streams of its tenant.",
		func(f *figures) gateway.HistogramStats { return f.hub.Dispatched }),
	gauge("pgfeed_reading_often", "1 while this gateway reads the log every 20 ms, as hints are off because writers are many.",
		func(f *figures) float64 { return truth(f.hub.Often) }),
	counter("pgfeed_busy_leases_total", "Times that this gateway had hints switched off, or kept off for longer.",
		func(f *figures) float64 { return float64(f.hub.Leases) }),
	gauge("pgfeed_log_readable", "1 while the last reading of the log succeeded.", func(f *figures) float64 { return truth(f.hub.Readable) }),
	histogram("pgfeed_reconciliation_duration_seconds", "Time that a reading of the log since the gateway's cursor took, failed ones included.",
		func(f *figures) gateway.HistogramStats { return f.hub.Readings }),
	counter("pgfeed_reconciliation_failures_total", "Readings of the log that failed.", func(f *figures) float64 { return float64(f.hub.ReadingsFailed) }),
	counter("pgfeed_reconciliation_events_total", "Events found by reading the log, whether a hint had brought them or not.",
		func(f *figures) float64 { return float64(f.hub.Rows) }),
	gauge("pgfeed_listener_hears", "1 while the listener's probes come back.", func(f *figures) float64 { return truth(f.listener.Hears) }),
	gauge("pgfeed_listener_channels", "Channels that the listener listens to.", func(f *figures) float64 { return float64(f.listener.Channels) }),
	counter("pgfeed_listener_connects_total", "Connections that the listener has made: the first one, and one for each time it lost one.",
		func(f *figures) float64 { return float64(f.listener.Connects) }),
	histogram("pgfeed_listener_probe_duration_seconds", "Time from sending a probe through the pool to hearing it, of those that came back.",
		func(f *figures) gateway.HistogramStats { return f.listener.Probes }),
	counter("pgfeed_listener_probe_failures_total", "Probes that did not come back.", func(f *figures) float64 { return float64(f.listener.ProbesFailed) }),
	by(prometheus.CounterValue, "pgfeed_hints_total", "Notifications heard, by what they held: the event, or only that there is one.", "content",
		func(f *figures) map[string]float64 {
			return map[string]float64{"event": float64(f.listener.HintsEvent), "none": float64(f.listener.HintsBare)}
		}),
}

var databaseFamilies = []family{
	gauge("pgfeed_database_up", "1 while the database answers.", func(f *figures) float64 { return truth(f.database.Err == nil) }),
	known("pgfeed_busy", "1 while hints are off because writers are many, and the log is read instead.",
		func(f *figures) float64 { return truth(f.database.Busy) }),
	known("pgfeed_database_notification_queue_ratio", "Part of the database server's NOTIFY queue that is in use; at 1, commits that notify fail.",
		func(f *figures) float64 { return f.database.QueueUsage }),
	known("pgfeed_log_age_seconds", "For how long events have been kept, at the longest.", func(f *figures) float64 { return f.database.LogAge.Seconds() }),
	known("pgfeed_log_slots_emptied", "How often one of the log's eight slots has been emptied, since the schema was made, by any gateway.",
		func(f *figures) float64 { return float64(f.database.Emptied) }),
	known("pgfeed_log_bytes", "Size of the log on disk, indexes included.", func(f *figures) float64 { return float64(f.database.LogBytes) }),
	{prometheus.NewDesc("pgfeed_database_oldest_transaction_age_seconds",
		"Age of the oldest open transaction that has written in the database. Left out unless the gateway's role has pg_read_all_stats.", nil, nil),
		func(d *prometheus.Desc, f *figures, ch chan<- prometheus.Metric) {
			if f.database.Err == nil && f.database.OldestTransaction != nil {
				ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, f.database.OldestTransaction.Seconds())
			}
		}},
	by(prometheus.GaugeValue, "pgfeed_database_pool_connections", "Connections of the gateway's pool, by state.", "state",
		func(f *figures) map[string]float64 {
			return map[string]float64{
				"acquired": float64(f.pool.AcquiredConns()), "idle": float64(f.pool.IdleConns()), "constructing": float64(f.pool.ConstructingConns()),
			}
		}),
	gauge("pgfeed_database_pool_max_connections", "Most connections that the pool may have.", func(f *figures) float64 { return float64(f.pool.MaxConns()) }),
	counter("pgfeed_database_pool_acquires_total", "Times that a connection was taken from the pool.", func(f *figures) float64 { return float64(f.pool.AcquireCount()) }),
	counter("pgfeed_database_pool_waits_total", "Times that none was free.", func(f *figures) float64 { return float64(f.pool.EmptyAcquireCount()) }),
	counter("pgfeed_database_pool_wait_seconds_total", "Time waited for a connection of the pool.",
		func(f *figures) float64 { return f.pool.AcquireDuration().Seconds() }),
}
