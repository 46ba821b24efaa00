// Package gate decides from what an ESS server has said, and when, whether an order may be sent.
//
// It is pure: no clock, no I/O, no goroutine. docs/gate.md states the rules, and the test runs
// tests/vectors/gate.json against it. Methods must not be called concurrently.
package gate

import (
	"math"
	"strings"
)

// Level of the contract that this gate implements.
const Level = 1

// Lease arithmetic, in seconds and shares of a lease; see docs/gate.md.
const (
	MaxLease     = 2.0
	Drift        = 0.01
	MaxAnchorAge = 120.0
)

const statusInactive = 1

const global = "global"

// Proof is one message of the watch stream. Uptimes and lease are in seconds, NaN where absent.
type Proof struct {
	StoreID          string
	ServerInstanceID string
	Revision         int64
	Status           int32
	Stops            []string
	ProvenUptime     float64
	SentUptime       float64
	Lease            float64
	GateLevel        int32
}

func (p Proof) lease() float64 { return math.Min(p.Lease, MaxLease) }

// stops returns the scopes that the message shows as stopped. What cannot be read as INACTIVE is a stop.
func (p Proof) stops() map[string]bool {
	stops := make(map[string]bool, len(p.Stops))
	for _, scope := range p.Stops {
		if scope == "" {
			scope = global
		}
		stops[scope] = true
	}
	if (len(stops) > 0) == (p.Status == statusInactive) {
		stops[global] = true
	}
	return stops
}

func (p Proof) tooNew() bool { return p.GateLevel > Level }

func (p Proof) denies() bool { return len(p.stops()) > 0 || p.tooNew() }

// kindOf returns the kind of a well-formed kind/id, split at the first slash, and "" otherwise.
func kindOf(scope string) string {
	kind, id, _ := strings.Cut(scope, "/")
	if id == "" {
		return ""
	}
	return kind
}

func known(kind string) bool {
	switch kind {
	case "venue", "account", "strategy", "symbol":
		return true
	}
	return false
}
