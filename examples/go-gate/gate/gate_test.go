package gate

import (
	"encoding/json"
	"math"
	"os"
	"testing"
)

type message struct {
	StoreID          string   `json:"store_id"`
	Revision         int64    `json:"revision"`
	Status           int32    `json:"status"`
	Stops            []string `json:"stops"`
	ServerInstanceID string   `json:"server_instance_id"`
	ProvenUptime     *float64 `json:"proven_uptime"`
	SentUptime       *float64 `json:"sent_uptime"`
	Lease            *float64 `json:"lease"`
	GateLevel        int32    `json:"gate_level"`
}

type step struct {
	Do               string   `json:"do"`
	Target           string   `json:"target"`
	T0               float64  `json:"t0"`
	Now              float64  `json:"now"`
	Message          message  `json:"message"`
	Keep             bool     `json:"keep"`
	ServerInstanceID string   `json:"server_instance_id"`
	SentUptime       *float64 `json:"sent_uptime"`
	SentAt           float64  `json:"sent_at"`
	StoreID          string   `json:"store_id"`
	Accepted         string   `json:"accepted"`
	Scopes           []string `json:"scopes"`
	ReduceOnly       bool     `json:"reduce_only"`
	Reason           Reason   `json:"reason"`
}

type testCase struct {
	Name string `json:"name"`
	Gate struct {
		Targets []string `json:"targets"`
		StoreID string   `json:"store_id"`
		Rearm   string   `json:"rearm"`
	} `json:"gate"`
	Steps []step `json:"steps"`
}

func number(value *float64) float64 {
	if value == nil {
		return math.NaN()
	}
	return *value
}

func (m message) proof() Proof {
	return Proof{
		StoreID: m.StoreID, ServerInstanceID: m.ServerInstanceID, Revision: m.Revision, Status: m.Status,
		Stops: m.Stops, ProvenUptime: number(m.ProvenUptime), SentUptime: number(m.SentUptime),
		Lease: number(m.Lease), GateLevel: m.GateLevel,
	}
}

func run(t *testing.T, g *Gate, s step) {
	t.Helper()
	switch s.Do {
	case "open":
		g.Opened(s.Target, s.T0)
	case "message":
		if keep := g.Received(s.Target, s.Message.proof(), s.Now); keep != s.Keep {
			t.Fatalf("keep is %v, want %v", keep, s.Keep)
		}
	case "acknowledged":
		g.Acknowledged(s.Target, s.ServerInstanceID, number(s.SentUptime), s.SentAt)
	case "close":
		g.Closed(s.Target)
	case "accept_store":
		if accepted, _ := g.AcceptStore(s.StoreID); accepted != s.Accepted {
			t.Fatalf("accepted %q, want %q", accepted, s.Accepted)
		}
	case "rearm":
		g.Rearm()
	case "check":
		if reason := g.Check(s.Now, s.Scopes, s.ReduceOnly); reason != s.Reason {
			t.Fatalf("check says %q, want %q", reason, s.Reason)
		}
	default:
		t.Fatalf("unknown step %q", s.Do)
	}
}

// Every step of every case comes out as the conformance suite says.
func TestVectors(t *testing.T) {
	text, err := os.ReadFile("../../../tests/vectors/gate.json")
	if err != nil {
		t.Fatal(err)
	}
	var suite struct {
		Cases []testCase `json:"cases"`
	}
	if err := json.Unmarshal(text, &suite); err != nil {
		t.Fatal(err)
	}
	if len(suite.Cases) < 100 {
		t.Fatalf("only %d cases", len(suite.Cases))
	}
	for _, c := range suite.Cases {
		t.Run(c.Name, func(t *testing.T) {
			g := New(c.Gate.Targets, c.Gate.StoreID, c.Gate.Rearm == "manual")
			for i, s := range c.Steps {
				t.Logf("step %d: %s", i, s.Do)
				run(t, g, s)
			}
		})
	}
}
