package signoff

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
)

// Large pages of a list fit.
const messageLimit = 64 << 20

// dialOptions are the options of every connection. Only the gate retries, so gRPC's own retries are off.
func dialOptions(o Options, a address, last *atomic.Pointer[diagnosis]) ([]grpc.DialOption, error) {
	transport, err := transportCredentials(o, a)
	if err != nil {
		return nil, err
	}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(observed{transport, last}),
		grpc.WithUserAgent("signoff-go/" + Version),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{
			Time: 30 * time.Second, Timeout: 10 * time.Second, PermitWithoutStream: true,
		}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(messageLimit)),
		grpc.WithDisableRetry(),
		grpc.WithDisableServiceConfig(),
		grpc.WithChainUnaryInterceptor(withDeadline(o.Deadline)),
	}
	if o.Token.secret != nil {
		options = append(options, grpc.WithPerRPCCredentials(newBearer(o.Token, a.tls)))
	}
	return options, nil
}

func transportCredentials(o Options, a address) (credentials.TransportCredentials, error) {
	if !a.tls {
		return insecure.NewCredentials(), nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.CA != "" {
		pem, err := os.ReadFile(o.CA)
		if err != nil {
			return nil, fmt.Errorf("signoff: CA cannot be read: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, misused("CA", "%s holds no certificates", o.CA)
		}
	}
	if o.Certificate != "" {
		pair, err := tls.LoadX509KeyPair(o.Certificate, o.Key)
		if err != nil {
			return nil, fmt.Errorf("signoff: Certificate and Key cannot be used: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return credentials.NewTLS(config), nil
}

// withDeadline bounds each unary call.
func withDeadline(deadline time.Duration) grpc.UnaryClientInterceptor {
	return func(
		ctx context.Context, method string, request, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker,
		options ...grpc.CallOption,
	) error {
		ctx, cancel := context.WithTimeout(ctx, deadline)
		defer cancel()
		return invoke(ctx, method, request, reply, conn, options...)
	}
}

// bearer puts the token on every call. A function holds it, which no printing shows.
type bearer struct {
	header func() map[string]string
	tls    bool
}

func newBearer(token Token, tls bool) bearer {
	return bearer{tls: tls, header: func() map[string]string {
		return map[string]string{"authorization": "Bearer " + token.reveal()}
	}}
}

// GetRequestMetadata implements [credentials.PerRPCCredentials].
func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return b.header(), nil
}

// RequireTransportSecurity implements [credentials.PerRPCCredentials].
func (b bearer) RequireTransportSecurity() bool { return b.tls }
