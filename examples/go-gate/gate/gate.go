package gate

import (
	"errors"
	"math"
	"slices"
)

// Reason says why an order is denied; empty means that it is allowed.
type Reason string

// The reasons of docs/gate.md.
const (
	Allowed         Reason = ""
	Stopped         Reason = "STOPPED"
	UndeclaredScope Reason = "UNDECLARED_SCOPE"
	LeaseExpired    Reason = "LEASE_EXPIRED"
	NeverConnected  Reason = "NEVER_CONNECTED"
	StoreChanged    Reason = "STORE_CHANGED"
	NotRearmed      Reason = "NOT_REARMED"
	GateTooOld      Reason = "GATE_TOO_OLD"
)

// ErrNotOffered is returned when a store is to be accepted that no target serves.
var ErrNotOffered = errors.New("no target offers that store")

// Gate follows one store over one or several targets.
type Gate struct {
	targets   []string
	streams   map[string]*stream
	histories map[string]*history
	followed  string
	pinned    bool
	manual    bool
	latest    float64
	standing  map[string]bool
	unarmed   map[string]bool
}

// New makes a gate. storeID pins it to one store, "" follows the first one seen; manual asks for
// Rearm after each release.
func New(targets []string, storeID string, manual bool) *Gate {
	g := &Gate{
		targets:   targets,
		streams:   map[string]*stream{},
		histories: map[string]*history{},
		followed:  storeID,
		pinned:    storeID != "",
		manual:    manual,
		latest:    math.Inf(-1),
		standing:  map[string]bool{},
		unarmed:   map[string]bool{},
	}
	for _, target := range targets {
		g.streams[target] = newStream()
	}
	return g
}

// Store returns the store that is followed and the highest revision seen of it, for WatchStateRequest.
func (g *Gate) Store() (string, int64) {
	if h := g.histories[g.followed]; h != nil {
		return g.followed, h.revision
	}
	return g.followed, 0
}

// Opened notes that a stream is about to be opened; t0 was read before the call.
func (g *Gate) Opened(target string, t0 float64) {
	g.tick(t0)
	g.streams[target].open(t0)
}

// Received takes in a message; false asks to close this stream and open another.
func (g *Gate) Received(target string, p Proof, now float64) bool {
	g.tick(now)
	s := g.streams[target]
	sound := s.admit(p, now)
	if !sound {
		s.void()
	}
	usable := sound && s.fresh(now)
	if p.StoreID != "" && (usable || p.denies()) {
		g.learn(s, p, usable)
	}
	if usable && p.StoreID == g.followed && g.histories[p.StoreID].borneOutBy(p) {
		s.renew(p, now)
	}
	g.disarm()
	return usable
}

// Acknowledged takes in the reply to an acknowledgement that was sent at sentAt.
func (g *Gate) Acknowledged(target, instanceID string, sentUptime, sentAt float64) {
	g.streams[target].reanchor(instanceID, sentUptime, sentAt)
}

// Closed notes that the stream has ended, however it did.
func (g *Gate) Closed(target string) { g.streams[target].close() }

// AcceptStore follows a store that a target offers; "" takes the only one there is.
func (g *Gate) AcceptStore(storeID string) (string, error) {
	offered := g.offered()
	if storeID == "" && len(offered) == 1 {
		storeID = offered[0]
	}
	if g.pinned || !slices.Contains(offered, storeID) {
		return "", ErrNotOffered
	}
	g.follow(storeID)
	g.disarm()
	return storeID, nil
}

// Rearm gives the local go-ahead after the releases seen so far.
func (g *Gate) Rearm() { g.unarmed = map[string]bool{} }

// Check judges one order when the clock reads now.
func (g *Gate) Check(now float64, scopes []string, reduceOnly bool) Reason {
	if reduceOnly {
		return Allowed
	}
	h, offered := g.histories[g.followed], g.offered()
	if g.foreignStop(offered) || (h == nil && len(offered) > 0) {
		return StoreChanged
	}
	if h == nil {
		return NeverConnected
	}
	if h.tooOld {
		return GateTooOld
	}
	if reason := covers(h.stops, scopes); reason != Allowed {
		return reason
	}
	if covers(g.unarmed, scopes) != Allowed {
		return NotRearmed
	}
	if now < g.leaseUntil() {
		return Allowed
	}
	if len(offered) > 0 {
		return StoreChanged
	}
	return LeaseExpired
}

func (g *Gate) tick(now float64) {
	if now < g.latest {
		for _, s := range g.streams {
			s.void()
		}
	}
	g.latest = now
}

func (g *Gate) learn(s *stream, p Proof, follow bool) {
	s.storeID = p.StoreID
	if follow && g.followed == "" {
		g.follow(p.StoreID)
	}
	if p.StoreID != g.followed {
		s.deadline = math.Inf(-1)
	}
	if g.histories[p.StoreID] == nil {
		g.histories[p.StoreID] = newHistory()
	}
	if g.histories[p.StoreID].learn(p) {
		g.forgetLeases(p.StoreID)
	}
}

func (g *Gate) follow(storeID string) {
	g.forgetLeases(g.followed)
	g.followed = storeID
}

// forgetLeases takes back every lease of a store; only a message of the store that is followed, at its
// highest revision, gives one back.
func (g *Gate) forgetLeases(storeID string) {
	for _, s := range g.streams {
		if s.storeID == storeID {
			s.deadline = math.Inf(-1)
		}
	}
}

// offered returns other stores that targets serve, once there is one to differ from.
func (g *Gate) offered() []string {
	var offered []string
	for _, target := range g.targets {
		id := g.streams[target].storeID
		if g.followed != "" && id != "" && id != g.followed && !slices.Contains(offered, id) {
			offered = append(offered, id)
		}
	}
	return offered
}

func (g *Gate) foreignStop(offered []string) bool {
	return slices.ContainsFunc(offered, func(id string) bool { return len(g.histories[id].standing()) > 0 })
}

// disarm notes what was released since the last look.
func (g *Gate) disarm() {
	standing := map[string]bool{}
	if h := g.histories[g.followed]; h != nil {
		standing = h.standing()
	}
	if g.foreignStop(g.offered()) {
		standing[global] = true
	}
	for scope := range g.standing {
		if g.manual && !standing[scope] {
			g.unarmed[scope] = true
		}
	}
	g.standing = standing
}

func (g *Gate) leaseUntil() float64 {
	until := math.Inf(-1)
	for _, s := range g.streams {
		until = math.Max(until, s.deadline)
	}
	return until
}

func covers(stops map[string]bool, scopes []string) Reason {
	named := map[string]bool{}
	for _, scope := range scopes {
		named[kindOf(scope)] = true
	}
	reason := Allowed
	for stop := range stops {
		kind := kindOf(stop)
		if !known(kind) || slices.Contains(scopes, stop) {
			return Stopped
		}
		if !named[kind] {
			reason = UndeclaredScope
		}
	}
	return reason
}
