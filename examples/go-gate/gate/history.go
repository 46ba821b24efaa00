package gate

// history is one store as the gate has seen it. Stops only add up within a revision.
type history struct {
	revision int64
	stops    map[string]bool
	tooOld   bool
}

func newHistory() *history { return &history{revision: -1, stops: map[string]bool{}} }

// standing returns all that denies orders, a level not understood as a global stop.
func (h *history) standing() map[string]bool {
	standing := map[string]bool{}
	for scope := range h.stops {
		standing[scope] = true
	}
	if h.tooOld {
		standing[global] = true
	}
	return standing
}

// learn takes in a message and reports whether it changed the revision or what is denied.
func (h *history) learn(p Proof) bool {
	if p.Revision < h.revision {
		return false
	}
	if p.Revision > h.revision {
		h.revision, h.stops, h.tooOld = p.Revision, p.stops(), p.tooNew()
		return true
	}
	grown := p.tooNew() && !h.tooOld
	h.tooOld = h.tooOld || p.tooNew()
	for scope := range p.stops() {
		if !h.stops[scope] {
			h.stops[scope], grown = true, true
		}
	}
	return grown
}

// borneOutBy reports whether the message is current and shows every stop seen at its revision.
func (h *history) borneOutBy(p Proof) bool {
	if p.Revision != h.revision {
		return false
	}
	shown := p.stops()
	for scope := range h.stops {
		if !shown[scope] {
			return false
		}
	}
	return true
}
