"""The generated messages and stubs of Signoff's API, one module for each file in `proto/signoff/v1/`.

`approval_pb2`, `approval_service_pb2`, `policy_pb2`, `policy_service_pb2`, `access_pb2`, `access_service_pb2` and
`error_pb2` have the messages; the three `*_service_pb2_grpc` have the stubs. Their comments are those of the API.
"""
