/**
 * The messages and services of the API, generated from its protos.
 *
 * @module
 */
export * from "./gen/google/rpc/error_details_pb.js";
export * from "./gen/signoff/v1/access_pb.js";
export * from "./gen/signoff/v1/access_service_pb.js";
export * from "./gen/signoff/v1/admin_pb.js";
export * from "./gen/signoff/v1/admin_service_pb.js";
export * from "./gen/signoff/v1/approval_pb.js";
export * from "./gen/signoff/v1/approval_service_pb.js";
export * from "./gen/signoff/v1/error_pb.js";
export * from "./gen/signoff/v1/policy_pb.js";
export * from "./gen/signoff/v1/policy_service_pb.js";
