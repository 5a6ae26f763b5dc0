package signoff

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"

	signoffv1 "github.com/signoff-dev/signoff/clients/go/gen/signoff/v1"
)

// Version of this client.
const Version = "0.1.0"

// ErrClosed is the cause of the [UnavailableError] of gated calls whose client is closed.
var ErrClosed = errors.New("signoff: the client is closed")

// The maximum time that a try waits for a broken connection. If reconnecting takes longer, a later try finds it.
const reconnectWait = time.Second

// Client is a connection to a Signoff server, safe for concurrent use. Close it after use. The generated clients have
// every call of the server: they do not wait or retry.
type Client struct {
	// Approvals asks, reads, lists, decides, withdraws, revokes, claims and reports.
	Approvals signoffv1.ApprovalServiceClient
	// Policies reads, sets and tests the policy.
	Policies signoffv1.PolicyServiceClient
	// Access creates, lists and revokes the server's own tokens, and returns the caller's identity.
	Access signoffv1.AccessServiceClient
	// Admin freezes calls in an emergency, and returns the server's status. For operators.
	Admin signoffv1.AdminServiceClient

	conn     *grpc.ClientConn
	address  address
	deadline time.Duration
	logger   *slog.Logger
	closed   context.Context
	close    context.CancelFunc
	// Why the last connection failed; nil once one works.
	lastConnection *atomic.Pointer[diagnosis]
	// The tools whose callers were warned that a retry asks for a second approval.
	repeatable *sync.Map
	// The tools and types with a warning that no schema is sent.
	schemaless *sync.Map
}

// New makes a client, which connects at the first call. It fails for invalid options, unusable files, and a token that
// would be sent without TLS to another host.
func New(options Options) (*Client, error) {
	options, err := options.completed()
	if err != nil {
		return nil, err
	}
	address, err := parseAddress(options.Address)
	if err != nil {
		return nil, err
	}
	if options, err = options.withFiles(address); err != nil {
		return nil, err
	}
	if options.Token.secret != nil && address.exposed() && !options.Insecure {
		return nil, misused("Token", "would be sent without TLS to %s, where others could read it", address)
	}
	last := new(atomic.Pointer[diagnosis])
	dialing, err := dialOptions(options, address, last)
	if err != nil {
		return nil, err
	}
	conn, err := grpc.NewClient(address.target(), dialing...)
	if err != nil {
		return nil, fmt.Errorf("signoff: %s cannot be used: %w", address, err)
	}
	closed, closing := context.WithCancel(context.Background())
	return &Client{
		Approvals: signoffv1.NewApprovalServiceClient(conn),
		Policies:  signoffv1.NewPolicyServiceClient(conn),
		Access:    signoffv1.NewAccessServiceClient(conn),
		Admin:     signoffv1.NewAdminServiceClient(conn),
		conn:      conn,
		address:   address,
		deadline:  options.Deadline,
		logger:    options.Logger,
		closed:    closed,
		close:     closing,

		lastConnection: last,
		repeatable:     new(sync.Map),
		schemaless:     new(sync.Map),
	}, nil
}

// Close ends the connection. Calls under way fail, and waiting gated calls end with an [UnavailableError] of
// [ErrClosed]; their approvals stay open.
func (c *Client) Close() error {
	c.close()
	return c.conn.Close()
}

// String contains the address of the server, and no secrets.
func (c *Client) String() string { return fmt.Sprintf("signoff.Client(%s)", c.address) }

// GoString is [Client.String].
func (c *Client) GoString() string { return c.String() }

// reconnect makes a broken connection retry now, without gRPC's own backoff, and waits a moment for it.
func (c *Client) reconnect(ctx context.Context) {
	if c.conn.GetState() != connectivity.TransientFailure {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, reconnectWait)
	defer cancel()
	c.conn.ResetConnectBackoff()
	c.conn.WaitForStateChange(ctx, connectivity.TransientFailure)
}
