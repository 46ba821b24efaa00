package gate

import "math"

// anchor is a reading of the gate's clock and one of the server's clock that is no earlier.
type anchor struct{ local, sent float64 }

func (a anchor) localTime(uptime float64) float64 { return a.local + (uptime - a.sent) }

// stream is what is known of one target; deadline outlives the stream that proved it.
type stream struct {
	opening    bool
	openedAt   float64
	anchor     *anchor
	instanceID string
	storeID    string
	deadline   float64
}

func newStream() *stream { return &stream{deadline: math.Inf(-1)} }

func (s *stream) open(t0 float64) { s.opening, s.openedAt = true, t0 }

func (s *stream) close() { s.opening, s.anchor = false, nil }

func (s *stream) void() {
	s.close()
	s.deadline = math.Inf(-1)
}

// admit reports whether the message is sound; the first of a stream anchors it. Comparisons are
// written so that NaN fails them.
func (s *stream) admit(p Proof, now float64) bool {
	if s.opening {
		s.anchor = &anchor{s.openedAt, p.SentUptime}
		s.instanceID = p.ServerInstanceID
		s.opening = false
	}
	return s.anchor != nil &&
		p.StoreID != "" &&
		p.ServerInstanceID != "" &&
		p.ServerInstanceID == s.instanceID &&
		p.ProvenUptime <= p.SentUptime &&
		s.anchor.localTime(p.ProvenUptime) <= now+Drift*p.lease()
}

func (s *stream) fresh(now float64) bool { return now-s.anchor.local <= MaxAnchorAge }

func (s *stream) renew(p Proof, now float64) {
	provenAt := math.Min(s.anchor.localTime(p.ProvenUptime), now)
	s.deadline = provenAt + (1-Drift)*p.lease()
}

func (s *stream) reanchor(instanceID string, sentUptime, sentAt float64) {
	if s.anchor != nil && instanceID == s.instanceID && sentAt >= s.anchor.local {
		s.anchor = &anchor{sentAt, sentUptime}
	}
}
