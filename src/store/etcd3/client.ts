import { underEither } from "../../async/abort.ts";
import type { Clock } from "../../async/clock.ts";
import { overdue } from "../../async/overdue.ts";
import { DiscoveryError } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import { AnyMember } from "../etcd/any-member.ts";
import type { AnswerHeader } from "../etcd/cluster.ts";
import { type AttemptOptions, Endpoints } from "../etcd/endpoints.ts";
import type { User, UserSource } from "../etcd/user.ts";
import { Authentication } from "./authentication.ts";
import type { Channel, Metadata, UnaryMethod } from "./channel.ts";
import { GrpcError, GrpcStatus } from "./grpc-error.ts";
import * as methods from "./methods.ts";
import { keyValueOf } from "./record.ts";
import { endpointFailure, isTokenFault } from "./status.ts";
import { WitnessedCluster } from "./witnessed-cluster.ts";

/** How often one call may find its token refused, and sign in, before it gives up. */
const mostSignIns = 3;

/** How long one sign-in may take, whoever waits for it. */
const signInTimeoutMs = 5_000;

export interface ClientOptions {
  readonly addresses: readonly string[];
  readonly connect: (address: string) => Channel;
  readonly user?: UserSource | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random?: (() => number) | undefined;

  /** Called when nothing that was known of the records holds any more. */
  readonly onReplaced: (error: Error) => void;
}

export interface ClientCall {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs: number;

  /** Whether the call may be sent again although the first may have been carried out. */
  readonly repeatable: boolean;

  /** Whether the answer is agreed upon by the cluster, rather than one member's own. */
  readonly linearizable: boolean;

  /** Told when each attempt begins, by the clock. */
  readonly onAttempt?: ((startedAt: number) => void) | undefined;
}

/** What all of etcd's answers have in common. */
interface Answer {
  readonly header?: AnswerHeader | undefined;
}

/** Calls to the cluster: fail-over, signing in, and an eye on whether it is still the same cluster. */
export class Client {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly endpoints: Endpoints<Channel>;
  readonly authentication: Authentication;
  readonly cluster: WitnessedCluster;
  readonly #anyMember: AnyMember<Channel>;
  #closed = false;

  constructor(options: ClientOptions) {
    this.clock = options.clock;
    this.logger = options.logger;
    this.endpoints = new Endpoints({ ...options, failure: endpointFailure });
    this.#anyMember = new AnyMember({ ...options, failure: endpointFailure });
    this.cluster = new WitnessedCluster(options.onReplaced);
    this.authentication = new Authentication({
      user: options.user,
      signIn: (user) => this.#signIn(user),
      clock: options.clock,
      logger: options.logger,
    });
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Rejects with a `GrpcError`, with a `DiscoveryError` if signing in failed or all is closed, or with the signal's reason. */
  async unary<I, O extends Answer>(
    method: UnaryMethod<I, O>,
    request: NoInfer<I>,
    call: ClientCall,
  ): Promise<O> {
    const deadline = this.clock.now() + call.timeoutMs;
    for (let signIns = 0; ; signIns += 1) {
      if (this.#closed) throw closedError();
      const metadata = this.authentication.metadata ?? (await this.#signedIn(call, deadline));
      const { mark } = this.cluster;
      try {
        const answer = await this.#attempt(method, request, {
          ...call,
          timeoutMs: signIns === 0 ? call.timeoutMs : deadline - this.clock.now(),
          metadata,
        });
        if (call.linearizable) this.cluster.observe(answer.header, mark);
        return answer;
      } catch (error) {
        if (this.#closed) throw closedError();
        if (!(error instanceof GrpcError)) throw error;
        this.#suspectToken(error, metadata);
        if (!isTokenFault(error) || !this.authentication.enabled || signIns === mostSignIns) {
          throw error;
        }
      }
    }
  }

  /**
   * The own answer of any member that has come as far as what was seen, whether it knows a leader or
   * not. Rejects as {@link unary} does.
   */
  async askAny<I, O extends Answer>(
    method: UnaryMethod<I, O>,
    request: NoInfer<I>,
    call: Pick<ClientCall, "signal" | "timeoutMs">,
  ): Promise<O> {
    if (this.#closed) throw closedError();
    const { signal, timeoutMs } = call;
    const deadline = this.clock.now() + timeoutMs;
    const known = this.authentication.latest ?? (await this.#signedIn(call, deadline));
    const metadata = leaderless(known);
    return this.#anyMember.call(async (channel, deadlineMs) => {
      try {
        const answer = await channel.unary(method, request, { signal, deadlineMs, metadata });
        if (this.cluster.accept(answer.header)) return answer;
      } catch (error) {
        throw isOneMembers(error) ? unfit(error.message, error) : error;
      }
      throw unfit("the member has not come as far as what was seen of others");
    }, call);
  }

  /**
   * Makes sure that this is still the cluster, and the history, that is known: an answer that all
   * agree upon is not older than what was seen, and the witness is where it was. Returns false if
   * it may be another history that has come further: there is no witness, or its time is forgotten.
   *
   * @param anyKey what to ask for as long as there is no witness
   */
  async verify(
    call: { readonly signal: AbortSignal; readonly timeoutMs: number },
    anyKey: Uint8Array,
  ): Promise<boolean> {
    const { mark, witness } = this.cluster;
    const question = { key: witness?.key ?? anyKey, keysOnly: true };
    const options = { ...call, repeatable: true, linearizable: true };
    const isSeen = async (revision: bigint): Promise<boolean> => {
      const { kvs } = await this.unary(methods.range, { ...question, revision }, options);
      const found = kvs[0] === undefined ? undefined : keyValueOf(kvs[0]);
      return (
        found?.modRevision === witness?.modRevision &&
        found?.createRevision === witness?.createRevision &&
        found?.lease === witness?.lease
      );
    };
    try {
      if (witness === undefined) {
        await isSeen(0n);
        return false;
      }
      if (!(await isSeen(witness.modRevision))) this.cluster.refute(mark);
      return true;
    } catch (error) {
      if (!(error instanceof GrpcError)) throw error;
      // Compacted, or not reached yet: how far the revisions have come tells which.
      const isOutOfRange = error.status === GrpcStatus.OUT_OF_RANGE;
      if (!isOutOfRange && error.status !== GrpcStatus.PERMISSION_DENIED) throw error;
      if (isOutOfRange && (await isSeen(0n))) return true;
      this.cluster.dismiss(witness);
      return false;
    }
  }

  /** Fails whatever is under way with `CLOSED`; nothing is left when it resolves. */
  async close(): Promise<void> {
    this.#closed = true;
    this.authentication.close();
    await Promise.all([this.endpoints.close(), this.#anyMember.close()]);
  }

  /** Waits for a token, but no longer than the call may take. */
  async #signedIn(
    { signal, timeoutMs }: Pick<ClientCall, "signal" | "timeoutMs">,
    deadline: number,
  ): Promise<Metadata> {
    const late = new AbortController();
    const tooLate = (): void => {
      const message = `signing in took over ${timeoutMs} ms`;
      late.abort(new GrpcError(GrpcStatus.DEADLINE_EXCEEDED, message));
    };
    const cancel = overdue(this.clock, tooLate, deadline - this.clock.now());
    try {
      return await underEither([signal, late.signal], (either) =>
        this.authentication.ready(either),
      );
    } finally {
      cancel();
    }
  }

  /**
   * A token that is refused has to be replaced. So has one that a silent etcd was asked with: after
   * a restore it may wait for ever to learn of a token that it gave out before.
   */
  #suspectToken(error: GrpcError, metadata: Metadata): void {
    const silent = error.status === GrpcStatus.DEADLINE_EXCEEDED && !error.neverSent;
    if (silent || isTokenFault(error)) this.authentication.reject(metadata);
  }

  /** One call with this metadata, on as many endpoints one after the other as time allows. */
  #attempt<I, O extends Answer>(
    method: UnaryMethod<I, O>,
    request: NoInfer<I>,
    options: AttemptOptions & { readonly metadata: Metadata },
  ): Promise<O> {
    const { signal, metadata } = options;
    return this.endpoints.call(
      (channel, deadlineMs) => channel.unary(method, request, { signal, deadlineMs, metadata }),
      options,
    );
  }

  async #signIn({ username, password }: User): Promise<string> {
    const answer = await this.#attempt(
      methods.authenticate,
      { name: username, password },
      {
        timeoutMs: signInTimeoutMs,
        metadata: { hasleader: "true" },
        repeatable: true,
      },
    );
    return answer.token;
  }
}

/** The metadata of a call that needs no leader. */
function leaderless(metadata: Metadata): Metadata {
  return Object.fromEntries(Object.entries(metadata).filter(([name]) => name !== "hasleader"));
}

/** Refusals that say something about what was asked. */
const ofTheRequest: ReadonlySet<number> = new Set([
  GrpcStatus.OUT_OF_RANGE,
  GrpcStatus.RESOURCE_EXHAUSTED,
  GrpcStatus.PERMISSION_DENIED,
]);

/** Whether another member may answer what this one has refused. */
function isOneMembers(error: unknown): error is GrpcError {
  return error instanceof GrpcError && error.blame === "request" && !ofTheRequest.has(error.status);
}

/** The failure of a member whose answer is of no use. */
function unfit(message: string, cause?: GrpcError): GrpcError {
  return new GrpcError(GrpcStatus.UNAVAILABLE, message, { answered: true, cause });
}

export function closedError(): DiscoveryError {
  return new DiscoveryError("CLOSED", "the store was closed");
}
