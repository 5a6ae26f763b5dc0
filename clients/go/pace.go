package signoff

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc/status"
)

const (
	firstDelay = 250 * time.Millisecond
	maxDelay   = 10 * time.Second
)

// pace decides when to retry, and when no longer.
type pace struct {
	client *Client
	// The end of retries; one last try follows.
	bound time.Time
	delay time.Duration
}

func (c *Client) newPace(patience time.Duration) *pace {
	return &pace{client: c, bound: time.Now().Add(patience), delay: firstDelay}
}

// exhausted is a passing failure of the last try.
type exhausted struct{ error }

// shorten lowers the bound. The server's time left can be too long, because it is that of the approval's last change:
// the earliest bound is the most accurate.
func (p *pace) shorten(left time.Duration) {
	if bound := time.Now().Add(left); bound.Before(p.bound) {
		p.bound = bound
	}
}

// pause waits before the next try, after one that began at the given time has failed. It returns an error if there is
// none: the context's, ErrClosed, or the failure as exhausted.
func (p *pace) pause(ctx context.Context, began time.Time, failure error) error {
	if p.client.closed.Err() != nil {
		return ErrClosed
	}
	if !began.Before(p.bound) {
		return exhausted{failure}
	}
	timer := time.NewTimer(min(p.next(failure), time.Until(p.bound)))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-p.client.closed.Done():
		return ErrClosed
	case <-timer.C:
	}
	p.client.reconnect(ctx)
	return ctx.Err()
}

// next is the delay before the next try. It has random jitter, so that callers that were disconnected together do not
// return together.
func (p *pace) next(failure error) time.Duration {
	spread := p.delay/2 + rand.N(p.delay/2+1)
	p.delay = min(2*p.delay, maxDelay)
	asked, _ := retryDelay(status.Convert(failure))
	// Without overflow, whatever was asked.
	return min(asked, time.Duration(1<<62)) + spread
}

// restart resets the delay after a successful try.
func (p *pace) restart() { p.delay = firstDelay }

// repeat makes a call that is idempotent by its request_id until it succeeds, fails permanently, or patience ends. The
// pauses end with ctx, and the tries with lasting, or soon after the patience.
func (c *Client) repeat(
	ctx, lasting context.Context, patience time.Duration, call func(context.Context) error,
) error {
	pace := c.newPace(patience)
	end := pace.bound.Add(lastTry)
	lasting, cancel := context.WithDeadline(lasting, end)
	defer cancel()
	for {
		began := time.Now()
		err := call(lasting)
		if err == nil || errors.Is(err, ErrRefused) || !isPassing(err) {
			return err
		}
		if !time.Now().Before(end) {
			return exhausted{err}
		}
		if err := pace.pause(ctx, began, err); err != nil {
			return err
		}
	}
}

// repeat is Client.repeat for as long as the call's patience lasts, and logs the first failure.
func (g *gate) repeat(ctx, lasting context.Context, call func(context.Context) error) error {
	return g.client.repeat(ctx, lasting, g.patience, func(lasting context.Context) error {
		err := call(lasting)
		if err != nil {
			if refusal := g.notice(ctx, err, g.patience); refusal != nil {
				return refusal
			}
		}
		return err
	})
}
