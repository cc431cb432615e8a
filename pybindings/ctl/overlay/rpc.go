// Package rpc stands in for net/rpc when the core is built: the types that the codec's RPC support names,
// and nothing else. gomp does not use that support, but the real package would link net/http, crypto/tls
// and html/template into the core: 11 MB instead of 3, and their initialisation in every forked child.
package rpc

// Request is the header of a call.
type Request struct {
	ServiceMethod string
	Seq           uint64
}

// Response is the header of an answer.
type Response struct {
	ServiceMethod string
	Seq           uint64
	Error         string
}

// ServerCodec reads requests and writes responses.
type ServerCodec interface {
	ReadRequestHeader(*Request) error
	ReadRequestBody(any) error
	WriteResponse(*Response, any) error
	Close() error
}

// ClientCodec writes requests and reads responses.
type ClientCodec interface {
	WriteRequest(*Request, any) error
	ReadResponseHeader(*Response) error
	ReadResponseBody(any) error
	Close() error
}
