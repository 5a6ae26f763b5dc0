import type { JsonObject } from "@bufbuild/protobuf";
import { Answers } from "./answers.js";
import { causeOf, copyJson, refusedBy } from "./arguments.js";
import type { CallOptions } from "./call.js";
import type { Connection } from "./connection.js";
import { digestOf } from "./digest.js";
import type { Begun } from "./gate.js";
import type { Approval } from "./gen/signoff/v1/approval_pb.js";
import type { Handle } from "./handle.js";
import { Misfit } from "./misfit.js";
import {
  type Fitted,
  fitApproved,
  fitAsked,
  type Parameters,
  refuseMisshapen,
  type Shape,
  shapeOf,
} from "./parameters.js";
import { InvalidArguments, InvalidEdit } from "./refusals.js";
import { textOf } from "./report.js";
import { requestOf } from "./request.js";
import { asking, watching } from "./source.js";
import { typedLike } from "./typed.js";
import type { Values } from "./values.js";

/** What the function takes, as far as its wrapper knows. */
export interface Taking {
  readonly parameters?: Parameters | undefined;
  readonly parseEdited?: ((edited: JsonObject) => unknown) | undefined;
  /** Whether an edit must have the names and types of the asked arguments, without other declarations. */
  readonly isShaped: boolean;
}

/**
 * A call that is asked for now.
 *
 * @param call - with checked options.
 * @param given - a copy of the arguments, which no other code can reach.
 * @throws InvalidArguments if the function cannot take them; RequestFailed if the request cannot be sent.
 */
export async function beginAsking(
  connection: Connection,
  call: CallOptions,
  given: Values,
  taking: Taking,
): Promise<Begun> {
  const { toolName } = call;
  const { shown: asked, taken } = await fitAsked(taking.parameters, given).catch((error: unknown) => {
    throw refusedBy(error, toolName);
  });
  const request = await requestOf(call, asked, connection.address);
  const { requestId } = request;
  // After `parameters` filled in defaults: the digest covers the arguments that the function will get. Without the
  // defaults, a changed default would reach the function without a review.
  const digest = await digestOf(toolName, asked);
  const answers = new Answers(connection.address, { toolName, requestId, digest });
  const fitEdited = (edited: JsonObject) =>
    fit(taking, edited, true, () => Promise.resolve(shapeOf(asked, call.argumentsSchema)), given);
  return {
    call,
    source: asking(connection, request),
    answers,
    fit: async (approval, edited) => (edited ? fitted(call, approval, true, fitEdited) : { shown: asked, taken }),
  };
}

/** A call that was asked for before. Its arguments come from the server. */
export function beginResuming(connection: Connection, call: CallOptions, handle: Handle, taking: Taking): Begun {
  const answers = new Answers(connection.address, handle);
  return {
    call,
    source: watching(connection, handle),
    answers,
    fit: (approval, edited) => {
      const shape = async () => shapeOf(await answers.asked(), call.argumentsSchema);
      return fitted(call, approval, edited, (args) => fit(taking, args, edited, shape, undefined));
    },
  };
}

/** @throws InvalidEdit, or InvalidArguments for unedited arguments, before anything is claimed. */
async function fitted(
  { toolName }: CallOptions,
  approval: Approval,
  edited: boolean,
  fitTo: (args: JsonObject) => Promise<Fitted>,
): Promise<Fitted> {
  try {
    return await fitTo(copyJson(approval.arguments ?? {}));
  } catch (error) {
    if (!(error instanceof Misfit)) throw error;
    const { path, problem } = error;
    const Kind = edited ? InvalidEdit : InvalidArguments;
    throw new Kind({ toolName, approvalId: approval.id }, path, problem, causeOf(error));
  }
}

/**
 * @param shape - the shape of an edit, without other declarations.
 * @param given - the asked values, if known.
 */
async function fit(
  { parameters, parseEdited, isShaped }: Taking,
  args: JsonObject,
  edited: boolean,
  shape: () => Promise<Shape>,
  given: Values | undefined,
): Promise<Fitted> {
  if (edited && parseEdited) return { shown: args, taken: await parsed(parseEdited, args) };
  if (parameters) return fitApproved(parameters, args, given);
  if (edited && isShaped) refuseMisshapen(args, await shape());
  return { shown: args, taken: given ? typedLike(args, given) : copyJson(args) };
}

async function parsed(parse: (edited: JsonObject) => unknown, edited: JsonObject): Promise<unknown> {
  try {
    return await parse(copyJson(edited));
  } catch (cause) {
    throw new Misfit("", `does not fit: ${textOf(cause).replace(/\.$/, "")}`, { cause });
  }
}
