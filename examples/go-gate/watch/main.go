// Command watch follows an ESS server and prints whether an order of the given scopes may be sent.
//
//	go run . -target 127.0.0.1:50051 -subscriber engine-go -scopes account/main,symbol/BTC/USDT:USDT
package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"math"
	mathrand "math/rand/v2"
	"os"
	"os/signal"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/durationpb"

	"ess.example/go-gate/gate"
	essv1 "ess.example/go-gate/watch/ess/v1"
)

const (
	firstBackoff = 50 * time.Millisecond
	maxBackoff   = time.Second
	settled      = 2 * time.Second
	silence      = 5 * time.Second
	ackTimeout   = 500 * time.Millisecond
	ackPeriod    = 20 * time.Second
	ackRetry     = time.Second
)

// now reads the clock of every lease: seconds since boot, suspend included.
func now() float64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return math.NaN() // proves nothing
	}
	return float64(t.Sec) + float64(t.Nsec)/1e9
}

// follower keeps the pure gate fed from one target.
type follower struct {
	mu         sync.Mutex
	gate       *gate.Gate
	target     string
	subscriber string
	session    string
}

func (f *follower) check(scopes []string) gate.Reason {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.gate.Check(now(), scopes, false)
}

// run follows the target until ctx is done; every failure ends in another attempt.
func (f *follower) run(ctx context.Context) {
	limit := firstBackoff
	for ctx.Err() == nil {
		started := time.Now()
		err := f.follow(ctx)
		f.mu.Lock()
		f.gate.Closed(f.target)
		f.mu.Unlock()
		if time.Since(started) >= settled {
			limit = firstBackoff
		}
		log.Printf("lost %s: %v; reconnecting", f.target, err)
		select {
		case <-ctx.Done():
		case <-time.After(mathrand.N(limit)):
		}
		limit = min(2*limit, maxBackoff)
	}
}

func (f *follower) follow(parent context.Context) error {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	conn, err := grpc.NewClient(f.target, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	client := essv1.NewEmergencyStopServiceClient(conn)
	quiet := time.AfterFunc(silence, func() { cancel(errors.New("nothing heard")) })
	defer quiet.Stop()

	f.mu.Lock()
	storeID, revision := f.gate.Store()
	f.gate.Opened(f.target, now()) // before the call: whatever the server stamps is later
	f.mu.Unlock()
	stream, err := client.WatchState(ctx, &essv1.WatchStateRequest{
		SubscriberId: f.subscriber, SessionId: f.session, ClientVersion: "ess-go-example/1",
		StoreId: storeID, HighestRevision: revision,
	})
	if err != nil {
		return err
	}
	acks := make(chan *essv1.AcknowledgeStateRequest, 1)
	go f.acknowledge(ctx, acks)
	return f.read(ctx, stream, acks, quiet)
}

func (f *follower) read(
	ctx context.Context,
	stream grpc.ServerStreamingClient[essv1.WatchStateResponse],
	acks chan *essv1.AcknowledgeStateRequest,
	quiet *time.Timer,
) error {
	acked := int64(-1)
	for {
		message, err := stream.Recv()
		arrived := now()
		if errors.Is(err, io.EOF) {
			return errors.New("the server ended the stream with OK")
		}
		if err != nil {
			return errors.Join(err, context.Cause(ctx))
		}
		quiet.Reset(silence)
		f.mu.Lock()
		keep := f.gate.Received(f.target, proofOf(message), now())
		storeID, revision := f.gate.Store()
		f.mu.Unlock()
		if !keep {
			return errors.New("a message proves nothing by this stream's clock")
		}
		if storeID == message.GetState().GetStoreId() && revision == message.GetState().GetRevision() && revision != acked {
			acked = revision
			offer(acks, f.acknowledgement(storeID, revision, now()-arrived))
		}
	}
}

func (f *follower) acknowledgement(storeID string, revision int64, seconds float64) *essv1.AcknowledgeStateRequest {
	request := &essv1.AcknowledgeStateRequest{StoreId: storeID}
	if f.subscriber != "" {
		request.Acknowledgements = []*essv1.Acknowledgement{{
			SubscriberId: f.subscriber, SessionId: f.session, Revision: revision,
			ApplyDuration: durationpb.New(time.Duration(seconds * float64(time.Second))),
		}}
	}
	return request
}

// acknowledge sends the newest acknowledgement, and sends it again for the reply that re-anchors the
// lease. It has a connection of its own, so that nothing on the stream's can hold it up.
func (f *follower) acknowledge(ctx context.Context, acks <-chan *essv1.AcknowledgeStateRequest) {
	conn, err := grpc.NewClient(f.target, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Printf("cannot acknowledge to %s: %v", f.target, err)
		return // the gate asks for a new stream when its anchor is too old
	}
	defer conn.Close()
	client := essv1.NewEmergencyStopServiceClient(conn)
	var latest *essv1.AcknowledgeStateRequest
	wait := ackPeriod
	for {
		select {
		case <-ctx.Done():
			return
		case latest = <-acks:
		case <-time.After(wait):
		}
		if latest != nil {
			wait = f.send(ctx, client, latest)
		}
	}
}

func (f *follower) send(
	ctx context.Context, client essv1.EmergencyStopServiceClient, request *essv1.AcknowledgeStateRequest,
) time.Duration {
	ctx, cancel := context.WithTimeout(ctx, ackTimeout)
	defer cancel()
	sentAt := now()
	reply, err := client.AcknowledgeState(ctx, request)
	if err != nil {
		return ackRetry
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gate.Acknowledged(f.target, reply.GetServerInstanceId(), seconds(reply.GetSentUptime()), sentAt)
	return ackPeriod
}

// offer replaces what has not been sent yet.
func offer(acks chan *essv1.AcknowledgeStateRequest, request *essv1.AcknowledgeStateRequest) {
	select {
	case <-acks:
	default:
	}
	acks <- request
}

func proofOf(message *essv1.WatchStateResponse) gate.Proof {
	state := message.GetState()
	proof := gate.Proof{
		StoreID:          state.GetStoreId(),
		ServerInstanceID: message.GetServerInstanceId(),
		Revision:         state.GetRevision(),
		Status:           int32(state.GetStatus()),
		ProvenUptime:     seconds(message.GetProvenUptime()),
		SentUptime:       seconds(message.GetSentUptime()),
		Lease:            seconds(message.GetLease()),
		GateLevel:        message.GetGateLevel(),
	}
	for _, stop := range state.GetStops() {
		proof.Stops = append(proof.Stops, stop.GetScope())
	}
	return proof
}

func seconds(d *durationpb.Duration) float64 {
	if d == nil {
		return math.NaN()
	}
	return float64(d.GetSeconds()) + float64(d.GetNanos())/1e9
}

func randomID() string {
	id := make([]byte, 16)
	_, _ = rand.Read(id) // never fails: it ends the program instead
	return hex.EncodeToString(id)
}

func main() {
	target := flag.String("target", "127.0.0.1:50051", "server to follow")
	subscriber := flag.String("subscriber", "", "name of this engine in the server's configuration")
	scopes := flag.String("scopes", "", "scopes of the order, separated by commas")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	var order []string
	if *scopes != "" {
		order = strings.Split(*scopes, ",")
	}
	f := &follower{
		gate: gate.New([]string{*target}, "", false), target: *target, subscriber: *subscriber, session: randomID(),
	}
	go f.run(ctx)
	last := gate.Reason("nothing yet")
	for ctx.Err() == nil {
		if reason := f.check(order); reason != last {
			verdict := "allow"
			if reason != gate.Allowed {
				verdict = "deny " + string(reason)
			}
			fmt.Println(time.Now().UTC().Format("15:04:05.000"), verdict)
			last = reason
		}
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Millisecond):
		}
	}
}
